"""`navagent eval`: play, score, keep, resume."""

from __future__ import annotations

import json
import shlex
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ArgumentParser, Namespace

from envs.continuous_submission import r2r_ce_text
from envs.r2r.submission import submission_text
from eval.metrics import Metric
from eval.progress import RunProgress
from eval.records import EpisodeResult
from eval.report import write_report
from eval.rules import R2R, R2R_CE, RULES
from eval.run_directory import RunDirectory
from eval.runner import Outcome, evaluate
from eval.sampling import choose_episodes
from eval.summary import summarise
from eval.tables import plain_console, print_run
from navagent.cache_folder import cache_folder
from navagent.cli.identity import class_name, dataset_words, default_name, identity_of
from navagent.cli.options import make_parser, parse
from navagent.cli.plugins import describe, import_named, open_current_folder
from navagent.contracts import ChatModel, Env, Policy
from navagent.errors import ConfigError, NavAgentError, RunError
from navagent.llm.cache import ReplyCache
from navagent.llm.ledger import Ledger
from navagent.llm.metered import Metered
from navagent.llm.prices import load_prices
from navagent.rollout import check_needs
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
    meter = Meter(options, folder / "calls.jsonl")
    built = build(parser, options, meter)
    env, policy = built.env, built.policy
    check_needs(env, policy)
    meter.check_budget()
    episodes = choose_episodes(env.episodes, options.episodes, options.seed)
    facts = _facts(env, policy, meter, config)
    metrics = _by_name(built.extra_metrics)
    directory = RunDirectory(folder)
    for sign in (signal.SIGTERM, signal.SIGHUP):  # a preempted node, a dropped line: stop like ctrl-C
        if signal.getsignal(sign) is not signal.SIG_IGN:  # as nohup sets it
            signal.signal(sign, signal.default_int_handler)
    with directory.writing():
        meter.ledger.read_file()  # anew: another process may have spent until it gave up the lock
        directory.claim(config, {**identity, "rules": facts["rules"], "fingerprints": facts["fingerprints"]})
        if options.retry_errors:
            directory.forget_errors()
        with RunProgress(directory.results(), len(episodes)) as progress:
            outcome = evaluate(
                env,
                policy,
                episodes,
                directory,
                workers=options.workers,
                on_result=progress.update,
                extra_metrics=metrics,
                max_errors=options.max_errors,
            )
        facts["paid_usd"] = meter.ledger.spent_usd
        return _finish(directory, outcome, episodes, facts, arguments)


def _by_name(metrics: Sequence[Metric]) -> dict[str, Metric]:
    """Return extra metrics by their functions' names."""
    named = {getattr(metric, "__name__", type(metric).__name__): metric for metric in metrics}
    if len(named) < len(metrics):
        raise ConfigError("--extra-metrics: two of them have one name; rename one.")
    return named


def build(parser: ArgumentParser, options: Namespace, meter: Meter) -> Namespace:
    """Construct what the options name.

    Raises:
        ConfigError: A constructor breaks.
    """
    try:
        built: Namespace = parser.instantiate(options, instantiators=[(meter.make, ChatModel, True)])
    except (NavAgentError, KeyboardInterrupt):
        raise
    except (Exception, SystemExit) as error:
        if isinstance(error.__cause__, NavAgentError):  # jsonargparse wraps what an optional part's constructor raises
            raise error.__cause__ from error
        raise ConfigError(f"The environment or the policy cannot be constructed: {describe(error)}.") from error
    return built


class Meter:
    """Wraps every chat model of the run with one ledger and one cache."""

    def __init__(self, options: Namespace, calls: Path | None) -> None:
        self._cache: ReplyCache | None = None
        self._cache_folder = cache_folder(options.cache)
        self.ledger = Ledger(load_prices(options.prices), options.budget_usd, calls)
        self.models: list[ChatModel] = []

    def make(self, cls: type[ChatModel], *args: Any, **kwargs: Any) -> ChatModel:
        """Construct a chat model and wrap it."""
        inner = cls(*args, **kwargs)
        if inner.is_language_model and self._cache is None and self._cache_folder is not None:
            self._cache = ReplyCache(self._cache_folder / "replies.sqlite")
        self.models.append(inner)
        return Metered(inner, self.ledger, self._cache)

    def check_budget(self) -> None:
        """Refuse a budget for a model without a price before the first call."""
        if self.ledger.budget_usd is not None:
            for model in self.models:
                if model.is_language_model and not model.is_free:
                    self.ledger.price_for_budget(model.name)


def _facts(env: Env, policy: Policy, meter: Meter, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a summary says beside the results."""
    return {
        "policy": class_name(config["policy"]),
        "dataset": " ".join(dataset_words(config["env"])),
        "split_episodes": len(env.episodes),
        "rules": RULES[env.rules].version,
        "privileged": policy.privileged or "oracle_action" in policy.needs,
        "stand_in": bool(meter.models) and not any(model.is_language_model for model in meter.models),
        "fingerprints": {**env.fingerprints, **policy.fingerprints()},
        "env_versions": dict(env.versions),
        "config": config,
    }


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
