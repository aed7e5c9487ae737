"""`navagent compare`: two runs, episode by episode."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from eval.compare import check_comparable, paired_differences
from eval.run_directory import existing_run
from eval.tables import TITLES, plain_console, plain_table, show


def run(arguments: Sequence[str]) -> int:
    """Print the paired differences of two runs."""
    parser = argparse.ArgumentParser(
        prog="navagent compare",
        description="Compare two runs over the episodes that both played: mean differences with 95 % intervals.",
    )
    parser.add_argument("one", type=Path, help="a run directory")
    parser.add_argument("other", type=Path, help="the run directory to compare it with")
    options = parser.parse_args(arguments)
    one, other = existing_run(options.one), existing_run(options.other)
    check_comparable(one, other)
    differences = paired_differences(one.results(), other.results())
    n = next(iter(differences.values())).n
    table = plain_table(f"{options.one} minus {options.other}, {n:,} episodes")
    for column in ("metric", "difference", "95 % interval", ""):
        table.add_column(column, justify="left" if column in ("metric", "") else "right")
    for name, value in differences.items():
        clear = "" if value.low <= 0 <= value.high else "excludes 0"
        span = f"{show(name, value.low)} to {show(name, value.high)}"
        table.add_row(TITLES.get(name, name), show(name, value.mean), span, clear)
    plain_console().print(table)
    return 0
