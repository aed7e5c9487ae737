"""Scores as tables on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from eval.rules import COUNTS, DISTANCES_IN_METRES

TITLES = {
    "tl": "TL  trajectory length",
    "ne": "NE  navigation error",
    "osr": "OSR oracle success",
    "sr": "SR  success",
    "sr_stop": "SR  with STOP",
    "spl": "SPL success by path length",
    "spl_path": "SPL by annotated length",
    "ndtw": "nDTW",
    "sdtw": "SDTW",
    "cls": "CLS",
    "steps": "moves per episode",
    "exact_match": "decompositions without a mistake",
    "action_accuracy": "action types",
    "landmark_f1": "landmarks, F1",
}


def print_metrics(
    console: Console, title: str, metrics: Mapping[str, float], ci95: Mapping[str, Sequence[float]]
) -> None:
    """Print one run's metrics with their intervals."""
    table = plain_table(title)
    table.add_column("metric")
    table.add_column("mean", justify="right")
    table.add_column("95 % interval", justify="right")
    for name, value in metrics.items():
        low, high = ci95[name]
        table.add_row(TITLES.get(name, name), show(name, value), f"{show(name, low)} to {show(name, high)}")
    console.print(table)


def plain_console() -> Console:
    """Return a console that prints text as it stands: what comes from users or models is no markup."""
    return Console(markup=False, highlight=False, soft_wrap=True)


def plain_table(title: str) -> Table:
    """Return an empty table with a title, which is printed as it stands."""
    return Table(title=Text(title), title_justify="left", show_edge=False)


def show(name: str, value: float) -> str:
    """Return a value with its unit: metres, a plain count, or per cent."""
    if name in DISTANCES_IN_METRES:
        return f"{value:.2f} m"
    if name in COUNTS:
        return f"{value:.2f}"
    return f"{100 * value:.2f} %" if name in TITLES else f"{value:.4g}"


def print_run(console: Console, summary: Mapping[str, Any]) -> None:
    """Print a run's summary, with everything loud that a reader must not overlook."""
    title = f"{heading(summary)}, {summary['n']:,} of {summary['expected']:,} episodes"
    if summary["metrics"]:
        print_metrics(console, title, summary["metrics"], summary["ci95"])
    else:
        console.print(f"{title}: the split has no goals, so there is no score.")
    for note in notes(summary):
        console.print(note, style="yellow")


def heading(summary: Mapping[str, Any]) -> str:
    """Return what was run on what: policy, model as the server named it, data set."""
    models = ", ".join(summary["usage"]["models"])
    return f"{summary['policy']}{f' with {models}' if models else ''} on {summary['dataset']}"


def notes(summary: Mapping[str, Any]) -> list[str]:
    """Return what a reader of the numbers has to know, one sentence each."""
    found = []
    if not summary["complete"]:
        found.append(f"Not complete: {summary['expected'] - summary['n']:,} episodes are still to be played.")
    if summary["expected"] < summary["split_episodes"]:
        found.append(
            f"A random sample of {summary['expected']:,} of the split's {summary['split_episodes']:,} episodes, which "
            "no leaderboard takes."
        )
    if summary["privileged"]:
        found.append("Privileged: this policy sees what no real agent can.")
    if summary["stand_in"]:
        found.append(
            "No language model: decisions come from fixed rules (OfflineChat's were fitted on R2R train, so this is no "
            "zero-shot result)."
        )
    errors = summary["errors"]
    if errors["count"]:
        first = next(iter(errors["episodes"].items()))
        found.append(
            f"{errors['count']:,} episodes broke and count as failures, episode {first[0]} with: {first[1]} "
            "(--retry-errors plays them again)."
        )
    if summary["fallbacks"] or summary["rejected_replies"]:
        found.append(
            f"{summary['rejected_replies']:,} replies could not be used, {summary['fallbacks']:,} of "
            f"{summary['decisions']:,} decisions fell back."
        )
    usage = summary["usage"]
    if usage["calls"] and not summary["stand_in"]:
        cost = f"${summary['paid_usd']:.2f} paid in all"
        if usage["cost_usd"] is None:
            cost = "cost unknown (no price for the model, see --prices, or no token counts from the server)"
        found.append(
            f"{', '.join(usage['models'])}: {usage['calls']:,} calls ({usage['cached']:,} from the cache), "
            f"{usage['input_tokens']:,} tokens in, {usage['output_tokens']:,} out, {cost}."
        )
    return found
