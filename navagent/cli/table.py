"""`navagent table`: runs side by side, a row each, as papers print them."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eval.rules import DISTANCES_IN_METRES
from eval.run_directory import existing_run
from eval.tables import heading, notes, plain_console, plain_table

COLUMNS = {"tl": "TL m", "ne": "NE m", "osr": "OSR %", "sr": "SR %", "spl": "SPL %"}


def run(arguments: Sequence[str]) -> int:
    """Print the table, and under it what a reader of each row has to know."""
    parser = argparse.ArgumentParser(prog="navagent table", description="Print runs side by side, a row each.")
    parser.add_argument("runs", type=Path, nargs="+", help="run directories")
    options = parser.parse_args(arguments)
    summaries = {path: existing_run(path).load_summary() for path in options.runs}
    table = plain_table("")
    table.add_column("run", overflow="fold")
    table.add_column("n", justify="right")
    for title in COLUMNS.values():
        table.add_column(title, justify="right", no_wrap=True)
    for path, summary in summaries.items():
        table.add_row(path.name, f"{summary['n']:,}", *(_cell(summary, name) for name in COLUMNS))
    console = plain_console()
    console.print(table)
    for path, summary in summaries.items():
        console.print(f"{path}: {heading(summary)}. {' '.join(notes(summary))}")
    return 0


def _cell(summary: Mapping[str, Any], name: str) -> str:
    if name not in summary["metrics"]:
        return "-"
    scale = 1 if name in DISTANCES_IN_METRES else 100
    low, high = (scale * end for end in summary["ci95"][name])
    return f"{scale * summary['metrics'][name]:.2f}\n{low:.1f}-{high:.1f}"
