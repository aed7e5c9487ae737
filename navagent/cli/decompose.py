"""`navagent decompose`: measure how well a chat model takes instructions apart into A2Nav's sub-tasks, on houses."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser
from jsonargparse.typing import NonNegativeFloat, NonNegativeInt, PositiveInt

from envs.houses.annotations import load_sub_tasks
from envs.r2r.dataset import load_r2r
from eval.decomposition import decomposition_metrics
from eval.records import usage_of
from eval.sampling import choose_episodes
from eval.statistics import estimate
from eval.tables import plain_console, print_metrics
from navagent.cli.construction import Meter, build, cache_opener
from navagent.cli.options import parse
from navagent.cli.plugins import import_named
from navagent.current_folder import open_current_folder
from navagent.files import append_whole
from navagent.llm.ledger import Ledger
from navagent.llm.prices import load_prices
from navagent.types import Episode, SubTask
from policies.decompose import Decomposer, Decomposition

DESCRIPTION = (
    "Take the instructions of a houses data set (`navagent houses make FOLDER`) apart as A2Nav does, and compare with "
    "the annotated sub-tasks. Chat models and encoders are class paths, as in `navagent eval`. Replies are cached, so "
    "that after an error the same command pays for nothing twice."
)


@dataclass(frozen=True)
class _Measured:
    """One instruction, taken apart and measured."""

    episode: Episode
    found: Decomposition
    annotated: tuple[SubTask, ...]

    @property
    def metrics(self) -> dict[str, float]:
        """The measures of `eval.decomposition`."""
        return decomposition_metrics(self.found.tasks, self.annotated)

    def to_json(self) -> str:
        """Return it as one line of JSON."""
        line = {
            "episode_id": self.episode.episode_id,
            "instruction": self.episode.instruction,
            "metrics": self.metrics,
            "found": [asdict(task) for task in self.found.tasks],
            "annotated": [asdict(task) for task in self.annotated],
            "problems": self.found.problems,
            "fallback": self.found.fallback,
        }
        return json.dumps(line, ensure_ascii=False)


def run(arguments: Sequence[str]) -> int:
    """Run `navagent decompose` and return its exit code."""
    open_current_folder()
    import_named(arguments)
    parser = _parser()
    options = parse(parser, arguments)
    annotated = load_sub_tasks(options.split, options.data_dir)
    episodes = choose_episodes(load_r2r(options.split, options.data_dir).episodes, options.episodes, options.seed)
    ledger = Ledger(load_prices(options.prices), options.budget_usd)
    meter = Meter(ledger, cache_opener(options.cache))
    built = build(parser, options, meter)
    decomposer = Decomposer(built.llm, built.encoder, built.max_retries, built.temperature)
    meter.check_budget()

    def measure(episode: Episode) -> _Measured:
        return _Measured(episode, decomposer.decompose(episode.instruction), annotated[episode.episode_id])

    with ThreadPoolExecutor(options.workers) as pool:
        try:
            measured = list(pool.map(measure, episodes))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)  # after an error, no further call
    if options.out is not None:
        with Path(options.out).open("wb", buffering=0) as stream:
            append_whole(stream, "".join(one.to_json() + "\n" for one in measured).encode())
    summary = _summarise(measured)
    if options.json:
        print(json.dumps(summary, allow_nan=False))
    else:
        _print(summary, options.split, stand_in=not built.llm.is_language_model)
    return 0


def _summarise(measured: Sequence[_Measured]) -> dict[str, Any]:
    estimates = estimate([one.metrics for one in measured], [one.episode.scene for one in measured])
    usage = usage_of([call for one in measured for call in one.found.calls])
    return {
        "n": len(measured),
        "metrics": {name: value.mean for name, value in estimates.items()},
        "ci95": {name: [value.low, value.high] for name, value in estimates.items()},
        "fallbacks": sum(one.found.fallback for one in measured),
        "rejected_replies": sum(len(one.found.problems) for one in measured),
        "usage": asdict(usage),
    }


def _print(summary: dict[str, Any], split: str, stand_in: bool) -> None:
    usage, console = summary["usage"], plain_console()
    models = ", ".join(usage["models"])
    title = f"Sub-tasks by {models} on houses {split}, {summary['n']:,} instructions"
    print_metrics(console, title, summary["metrics"], summary["ci95"])
    cost = "cost unknown" if usage["cost_usd"] is None else f"${usage['cost_usd']:.2f}"
    console.print(
        f"{usage['calls']:,} calls, {usage['input_tokens']:,} tokens in, {usage['output_tokens']:,} out, {cost}; "
        f"{summary['rejected_replies']:,} replies could not be used, {summary['fallbacks']:,} instructions fell back."
    )
    if stand_in:
        console.print(
            "No language model: OfflineChat's rules know the words by which houses' instructions tell a way, so this "
            "is a check of the pipeline and no result.",
            style="yellow",
        )


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog="navagent decompose", description=DESCRIPTION, exit_on_error=False)
    add = parser.add_argument
    add("--config", action="config", help="a YAML file with any of these options; options after it win")
    parser.add_class_arguments(Decomposer)
    add("--split", type=str, default="val_unseen", help="train, val_seen or val_unseen")
    add("--data-dir", type=str | None, help="the data folder (default: $NAVAGENT_DATA, else ./data)")
    add("--episodes", type=PositiveInt | None, help="a random sample of so many, spread over houses (default: all)")
    add("--seed", type=NonNegativeInt, default=0, help="seed of the sample")
    add("--workers", type=PositiveInt, default=8, help="instructions asked about at once")
    add("--budget-usd", type=NonNegativeFloat | None, help="US dollars that this command may cost")
    add("--prices", type=str | None, help="YAML file of model prices, beside and before the built-in ones")
    add("--cache", type=str | None, help="folder of kept model replies, or off (default: ~/.cache/navagent)")
    add("--out", type=str | None, help="JSON lines: each instruction with the sub-tasks found and annotated")
    add("--json", action="store_true", help="print one JSON object")
    return parser
