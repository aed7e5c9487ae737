"""`navagent eval`: play, score, keep, resume."""

from __future__ import annotations

import importlib
import importlib.util
import json
import shlex
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ArgumentParser, Namespace

from envs.continuous_submission import r2r_ce_text
from envs.r2r.submission import submission_text
from eval.crew import Crew, Threads
from eval.progress import RunProgress
from eval.records import EpisodeResult
from eval.report import write_report
from eval.rules import R2R, R2R_CE
from eval.run_directory import RunDirectory
from eval.runner import Outcome, evaluate_with
from eval.sampling import choose_episodes
from eval.summary import summarise
from eval.tables import plain_console, print_run
from navagent.cli.construction import Meter, cache_opener, make_parts
from navagent.cli.identity import default_name, identity_of
from navagent.cli.options import make_parser, parse
from navagent.cli.plugins import import_named
from navagent.current_folder import open_current_folder
from navagent.errors import ConfigError, RunError
from navagent.llm.ledger import Ledger
from navagent.llm.prices import load_prices
from navagent.types import Episode, Pose

STOPPED_EARLY, INTERRUPTED = 3, 130

LONGEST_NAME = 200
"""Characters; file systems take 255 bytes."""


def run(arguments: Sequence[str]) -> int:
    """Run `navagent eval` and return its exit code."""
    open_current_folder()
    import_named(arguments)
    parser = make_parser()
    options = parse(parser, arguments)
    config = yaml.safe_load(parser.dump(options, skip_none=False))
    identity = identity_of(config)
    folder = Path(options.runs_dir) / (options.name or default_name(identity))
    if len(folder.name) > LONGEST_NAME:
        raise ConfigError(f"--name may have at most {LONGEST_NAME} characters, not {len(folder.name)}.")
    ledger = Ledger(load_prices(options.prices), options.budget_usd, folder / "calls.jsonl")
    with _crew(parser, options, config, identity, ledger) as crew:
        episodes = choose_episodes(crew.episodes, options.episodes, options.seed)
        _stop_like_ctrl_c()
        directory = RunDirectory(folder)
        with directory.writing():
            ledger.read_file()  # anew: another process may have spent until it gave up the lock
            claimed = {name: crew.facts[name] for name in ("rules", "fingerprints")}
            directory.claim(config, {**identity, **claimed})
            if options.retry_errors:
                directory.forget_errors()
            with RunProgress(directory.results(), len(episodes)) as progress:
                outcome = evaluate_with(
                    crew, episodes, directory, on_result=progress.update, max_errors=options.max_errors
                )
            facts = {**crew.facts, "paid_usd": ledger.spent_usd}
            return _finish(directory, outcome, episodes, facts, arguments)


@contextmanager
def _crew(
    parser: ArgumentParser,
    options: Namespace,
    config: Mapping[str, Any],
    identity: Mapping[str, Any],
    ledger: Ledger,
) -> Iterator[Crew]:
    """Make who plays: threads of this process, or Ray's actors.

    Raises:
        ConfigError: The options do not go together, or name what cannot be made.
    """
    if options.ray_address is not None:
        if importlib.util.find_spec("ray") is None:
            raise ConfigError("--ray-address needs Ray: pip install 'navagent[train]'.")
        with importlib.import_module("navagent.cli.on_ray").actors(options, config, identity, ledger) as crew:
            yield crew
    elif options.worker_cpus is not None or options.worker_gpus:
        raise ConfigError("--worker-cpus and --worker-gpus go with --ray-address: without it, workers are threads.")
    else:
        parts = make_parts(parser, options, config, Meter(ledger, cache_opener(options.cache)))
        yield Threads(parts, options.workers)


def _stop_like_ctrl_c() -> None:
    """Let a preempted node and a dropped line stop the run as ctrl-C does."""
    for sign in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(sign) is not signal.SIG_IGN:  # as nohup sets it
            signal.signal(sign, signal.default_int_handler)


def _r2r_submission(results: Sequence[EpisodeResult]) -> str:
    """Return R2R's submission file; an episode that broke stays at its start, as it is scored."""
    walks = ((result.episode_id, result.trajectory[: 1 if result.error else None]) for result in results)
    return submission_text((instr_id, [(pose[0], pose[4], pose[5]) for pose in walk]) for instr_id, walk in walks)


def _r2r_ce_submission(results: Sequence[EpisodeResult]) -> str:
    """Return R2R-CE's prediction file, likewise."""
    walks = ((result, result.trajectory[: 1 if result.error else None]) for result in results)
    return r2r_ce_text(
        (
            result.episode_id,
            [Pose((x, y, z), heading, elevation) for _, x, y, z, heading, elevation in walk],
            result.stopped and result.error is None,
        )
        for result, walk in walks
    )


SUBMISSIONS = {R2R.version: _r2r_submission, R2R_CE.version: _r2r_ce_submission}


def _finish(
    directory: RunDirectory,
    outcome: Outcome,
    episodes: Sequence[Episode],
    facts: Mapping[str, Any],
    arguments: Sequence[str],
) -> int:
    """Write summary, submission and report; print the table and how to go on."""
    expected_ids = {episode.episode_id for episode in episodes}
    results = [result for result in directory.results() if result.episode_id in expected_ids]
    if not results:
        raise RunError(f"{outcome.reason or ''} No episode has finished; the same command begins again.".strip())
    summary = summarise(results, len(episodes), facts)
    directory.write("summary.json", json.dumps(summary, indent=2))
    if (write_submission := SUBMISSIONS.get(facts["rules"])) is not None:
        directory.write("submission.json", write_submission(results))
    write_report(directory)
    # Everything is on disk before anything is printed.
    console = plain_console()
    if outcome.reason is not None:
        console.print(f"Stopped: {outcome.reason}", style="bold yellow")
    print_run(console, summary)
    console.print(f"Run directory: {directory.path}")
    if not outcome.complete:
        console.print(f"Go on with the same command: {shlex.join(['navagent', 'eval', *arguments])}")
        return INTERRUPTED if outcome.interrupted else STOPPED_EARLY
    return 0
