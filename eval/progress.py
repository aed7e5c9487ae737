"""A run's progress on the terminal: episodes, running SR and SPL, cost, time left."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from eval.records import EpisodeResult

PLAIN_INTERVAL_S = 10.0
"""Seconds between lines where the output is no terminal (a log file, a batch job)."""


class RunProgress:
    """A bar on a terminal, a line now and then elsewhere.

    Args:
        results: Episodes that were finished before.
        expected: Episodes in all.
    """

    def __init__(self, results: Sequence[EpisodeResult], expected: int) -> None:
        self._expected = expected
        self._done = self._errors = 0
        self._sums = {"sr": 0.0, "spl": 0.0}
        self._cost_usd = 0.0
        self._lost = False
        self._console = Console(file=sys.stderr, markup=False, highlight=False)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[score]}"),
            TimeRemainingColumn(),
            console=self._console,
        )
        self._task = self._bar.add_task("episodes", total=expected, score="")
        self._last_line = time.monotonic()
        for result in results:
            self._count(result)
        self._bar.update(self._task, completed=self._done, score=self._score())
        if results:
            self._console.print(f"Resuming: {len(results):,} of {expected:,} episodes are done.")

    def __enter__(self) -> RunProgress:
        if self._console.is_terminal:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trail: TracebackType | None
    ) -> None:
        if self._console.is_terminal:
            self._bar.stop()

    def update(self, result: EpisodeResult) -> None:
        """Count a new result."""
        self._count(result)
        try:
            self._show()
        except (OSError, SystemExit):  # the terminal or log has gone; rich ends the program on a broken pipe
            self._lost = True

    def _show(self) -> None:
        if self._lost:
            return
        if self._console.is_terminal:
            self._bar.update(self._task, completed=self._done, score=self._score())
        elif time.monotonic() - self._last_line >= PLAIN_INTERVAL_S:
            self._last_line = time.monotonic()
            self._console.print(f"{self._done:,} of {self._expected:,} episodes  {self._score()}")

    def _count(self, result: EpisodeResult) -> None:
        self._done += 1
        self._errors += result.error is not None
        self._cost_usd += result.usage.cost_usd or 0.0
        for name in self._sums:
            self._sums[name] += result.metrics.get(name, 0.0)

    def _score(self) -> str:
        if not self._done:
            return ""
        shares = [f"{name.upper()} {100 * total / self._done:.1f}" for name, total in self._sums.items()]
        if self._cost_usd:
            shares.append(f"${self._cost_usd:.2f}")
        if self._errors:
            shares.append(f"{self._errors} broke")
        return "  ".join(shares)
