"""`navagent eval`: play, score, keep, resume."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import Namespace
from rich.console import Console

from envs.r2r.submission import submission_text
from eval.progress import RunProgress
from eval.records import EpisodeResult
from eval.report import write_report
from eval.rules import R2R, RULES
from eval.run_directory import RunDirectory
from eval.runner import Outcome, evaluate
from eval.sampling import choose_episodes
from eval.summary import summarise
from eval.tables import print_run
from navagent.cli.options import RESULT_KEYS, make_parser, parse
from navagent.cli.plugins import import_named, open_current_folder
from navagent.contracts import ChatModel, Env, Policy
from navagent.errors import RunError
from navagent.llm.cache import ReplyCache
from navagent.llm.ledger import Ledger
from navagent.llm.metered import Metered
from navagent.llm.prices import load_prices
from navagent.rollout import check_needs

STOPPED_EARLY, INTERRUPTED = 3, 130


def run(arguments: Sequence[str]) -> int:
    """Run `navagent eval` and return its exit code."""
    open_current_folder()
    import_named(arguments)
    parser = make_parser()
    options = parse(parser, arguments)
    config = yaml.safe_load(parser.dump(options, skip_none=False))
    identity = _identity(config)
    folder = Path(options.runs_dir) / (options.name or _default_name(identity))
    meter = _Meter(options, folder / "calls.jsonl")
    built = parser.instantiate(options, instantiators=[(meter.make, ChatModel, True)])
    env, policy = built.env, built.policy
    check_needs(env, policy)
    meter.check_budget()
    episodes = choose_episodes(env.episodes, options.episodes, options.seed)
    facts = _facts(env, policy, meter, config)
    directory = RunDirectory(folder)
    directory.claim(config, {**identity, "rules": facts["rules"], "fingerprints": facts["fingerprints"]})
    if options.retry_errors:
        directory.forget_errors()
    metrics = {metric.__name__: metric for metric in built.extra_metrics}
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a preempted node stops like ctrl-C
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
    return _finish(directory, outcome, len(episodes), facts, arguments)


class _Meter:
    """Wraps every chat model of the run with one ledger and one cache."""

    def __init__(self, options: Namespace, calls: Path) -> None:
        self._cache: ReplyCache | None = None
        self._cache_option = options.cache
        self.ledger = Ledger(load_prices(options.prices), options.budget_usd, calls)
        self.models: list[ChatModel] = []

    def make(self, cls: type[ChatModel], *args: Any, **kwargs: Any) -> ChatModel:
        """Construct a chat model and wrap it."""
        inner = cls(*args, **kwargs)
        if inner.is_language_model and self._cache is None and self._cache_option != "off":
            self._cache = ReplyCache(_cache_folder(self._cache_option) / "replies.sqlite")
        self.models.append(inner)
        return Metered(inner, self.ledger, self._cache)

    def check_budget(self) -> None:
        """Refuse a budget for a model without a price before the first call."""
        if self.ledger.budget_usd is not None:
            for model in self.models:
                if model.is_language_model:
                    self.ledger.price_for_budget(model.name)


def _cache_folder(option: str | None) -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(option or f"{home}/navagent").expanduser()


def _identity(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what decides the results; where data lie does not (their fingerprints do)."""

    def without_places(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: without_places(entry) for key, entry in value.items() if key != "data_dir"}
        return value

    return {key: without_places(config[key]) for key in RESULT_KEYS}


def _default_name(identity: Mapping[str, Any]) -> str:
    """Return a readable name that the same options always give, so that the same command resumes."""
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:8]
    env, policy = identity["env"], identity["policy"]
    parts = [_class_name(env), env["init_args"].get("split"), _class_name(policy)]
    llm = policy.get("init_args", {}).get("llm")
    if isinstance(llm, dict):
        parts.append(llm.get("init_args", {}).get("model") or _class_name(llm))
    words = [str(part).replace("/", "_") for part in parts if part]
    return "-".join([*words, digest])


def _class_name(entry: Mapping[str, Any]) -> str:
    return str(entry["class_path"]).rsplit(".", 1)[-1]


def _facts(env: Env, policy: Policy, meter: _Meter, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a summary says beside the results."""
    split = config["env"]["init_args"].get("split")
    return {
        "policy": _class_name(config["policy"]),
        "dataset": f"{_class_name(config['env'])} {split}" if split else _class_name(config["env"]),
        "rules": RULES[env.rules].version,
        "privileged": policy.privileged or "oracle_action" in policy.needs,
        "stand_in": any(not model.is_language_model for model in meter.models),
        "fingerprints": {**env.fingerprints, **policy.fingerprints()},
        "config": config,
    }


def _r2r_submission(results: Sequence[EpisodeResult]) -> str:
    """Return R2R's submission file; an episode that broke stays at its start, as it is scored."""
    walks = ((result.episode_id, result.trajectory[: 1 if result.error else None]) for result in results)
    return submission_text((instr_id, [(pose[0], pose[4], pose[5]) for pose in walk]) for instr_id, walk in walks)


SUBMISSIONS = {R2R.version: _r2r_submission}


def _finish(
    directory: RunDirectory, outcome: Outcome, expected: int, facts: Mapping[str, Any], arguments: Sequence[str]
) -> int:
    """Write summary, submission and report; print the table and how to go on."""
    console = Console()
    results = directory.results()
    if outcome.reason is not None:
        console.print(f"Stopped: {outcome.reason}", style="bold yellow", highlight=False, soft_wrap=True)
    if not results:
        raise RunError(f"No episode finished, so there is nothing to score: {outcome.reason}")
    summary = summarise(results, expected, facts)
    directory.write("summary.json", json.dumps(summary, indent=2, ensure_ascii=False))
    if (write_submission := SUBMISSIONS.get(facts["rules"])) is not None:
        directory.write("submission.json", write_submission(results))
    write_report(directory)
    print_run(console, summary)
    console.print(f"Run directory: {directory.path}", highlight=False, soft_wrap=True)
    if not outcome.complete:
        command = shlex.join(["navagent", "eval", *arguments])
        console.print(f"Go on with the same command: {command}", highlight=False, soft_wrap=True)
        return INTERRUPTED if outcome.interrupted else STOPPED_EARLY
    return 0
