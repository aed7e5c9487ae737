"""Calls of many threads gathered into batches: how one network serves the episodes that are played at once."""

from __future__ import annotations

import copy
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from navagent.contracts import Shared

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(eq=False)
class _Ticket(Generic[Item, Result]):
    """One item on its way."""

    item: Item
    outcome: list[Result | Exception] = field(default_factory=list)


class Batcher(Shared, Generic[Item, Result]):
    """Runs a function on batches of what several threads hand in.

    There is no thread of its own: of the callers that wait, one gathers and runs the next batch for all. While a batch
    runs, the next one gathers by itself, so a busy network waits for nobody.

    Args:
        run: Takes at most `most` items; returns a result or an exception for each, in their order. Never called twice
            at once. An exception that it raises is every item's.
        most: Items per batch.
        gather_s: Seconds to wait for further items before a batch that is not full is run.
        expected: Says how many items there may be at once, if that is known: for more than those nobody waits.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Item]], Sequence[Result | Exception]],
        most: int,
        gather_s: float = 0.02,
        expected: Callable[[], int] | None = None,
    ) -> None:
        self._run = run
        self._most = most
        self._gather_s = gather_s
        self._expected = expected or (lambda: most)
        self._waiting: deque[_Ticket[Item, Result]] = deque()
        self._running = False
        self._changed = threading.Condition()

    def __call__(self, items: Sequence[Item]) -> list[Result]:
        """Return the items' results, computed together with what other threads handed in.

        Raises:
            Exception: The first of the items' own exceptions.
        """
        tickets: list[_Ticket[Item, Result]] = [_Ticket(item) for item in items]
        with self._changed:
            self._waiting.extend(tickets)
            self._changed.notify_all()
        while batch := self._next_batch(tickets):
            self._work(batch)
        return [_result(ticket.outcome[0]) for ticket in tickets]

    def _next_batch(self, mine: list[_Ticket[Item, Result]]) -> list[_Ticket[Item, Result]]:
        """Wait until all of `mine` are done, and return nothing, or until it is this thread's turn to run a batch."""
        with self._changed:
            while self._running and not all(ticket.outcome for ticket in mine):
                self._changed.wait()
            if all(ticket.outcome for ticket in mine):
                return []
            self._running = True
            until = time.monotonic() + self._gather_s
            full = min(self._most, self._expected())
            while len(self._waiting) < full and (left := until - time.monotonic()) > 0:
                self._changed.wait(left)
            return [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]

    def _work(self, batch: list[_Ticket[Item, Result]]) -> None:
        outcomes: Sequence[Result | Exception] = [RuntimeError("the batch was interrupted")] * len(batch)
        try:
            outcomes = self._run([ticket.item for ticket in batch])
        except Exception as error:
            outcomes = [error] * len(batch)
        finally:
            with self._changed:
                for ticket, outcome in zip(batch, outcomes, strict=True):
                    ticket.outcome.append(outcome)
                self._running = False
                self._changed.notify_all()


def _result(outcome: Result | Exception) -> Result:
    if isinstance(outcome, Exception):
        raise copy.copy(outcome)  # each thread its own: callers add to an exception what they know
    return outcome


def in_halves(
    run: Callable[[Sequence[Item]], Sequence[Result | Exception]], items: Sequence[Item], too_large: type[Exception]
) -> list[Result | Exception]:
    """Run a function on items, on halves of them where it raises `too_large`; an item too large alone gets the error.

    Args:
        run: Returns a result or an exception for each item.
        items: At least one.
        too_large: What `run` raises for want of memory.
    """
    try:
        return list(run(items))
    except too_large as error:
        if len(items) == 1:
            return [error]
    half = (len(items) + 1) // 2  # outside the except block, whose traceback holds on to the memory
    return [*in_halves(run, items[:half], too_large), *in_halves(run, items[half:], too_large)]
