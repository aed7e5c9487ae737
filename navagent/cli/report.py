"""`navagent report`: write a run's report anew."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from eval.report import write_report
from eval.run_directory import existing_run


def run(arguments: Sequence[str]) -> int:
    """Write report.html and print where it is."""
    parser = argparse.ArgumentParser(
        prog="navagent report", description="Write a run's report.html from its results and traces."
    )
    parser.add_argument("run", type=Path, help="the run directory")
    options = parser.parse_args(arguments)
    print(write_report(existing_run(options.run)))
    return 0
