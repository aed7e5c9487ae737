"""One ledger and one cache of replies for workers in other processes: they ask, and the command's process answers.

So a budget holds over all workers to the last call, each paid call is booked once in the run's own list, and the file
of replies is opened by one process only (SQLite's is not safe on a file system that several machines share).
"""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from navagent.contracts import Shared
from navagent.errors import NavAgentError, RunError, first_line
from navagent.llm.cache import open_replies
from navagent.llm.ledger import Ledger
from navagent.llm.prices import Price
from navagent.store import JsonStore, digest
from navagent.types import Reply

_AT_ONCE = 10_000
"""Questions that may wait for an answer; a worker asks one per call that it makes at a time."""


@dataclass(frozen=True)
class _Question:
    """What a worker asks.

    Attributes:
        about: One of `Desk`'s subjects.
        asker: The actor id of the worker.
        details: What it says.
    """

    about: str
    asker: str
    details: tuple[Any, ...]


class _Counter:
    """An actor between those who ask, wherever they are, and the one who answers: a command itself cannot be called."""

    def __init__(self) -> None:
        self._questions: asyncio.Queue[tuple[int, _Question]] = asyncio.Queue()
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._numbers = itertools.count()

    async def ask(self, question: _Question) -> Any:
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._questions.put((number, question))
        return await answer

    async def question(self) -> tuple[int, _Question]:
        return await self._questions.get()

    async def answer(self, number: int, answer: Any) -> None:
        self._answers.pop(number).set_result(answer)


class Line(Shared):
    """A worker's way to the desk; can be pickled.

    Args:
        counter: Where its questions go.
    """

    def __init__(self, counter: Any) -> None:
        self._counter = counter

    def ask(self, about: str, *details: Any) -> Any:
        """Return the answer.

        Raises:
            NavAgentError: The answer is one, or the command has gone.
        """
        asker = ray.get_runtime_context().get_actor_id() or ""
        try:
            answer = ray.get(self._counter.ask.remote(_Question(about, asker, details)))
        except RayError as error:
            raise RunError(f"The command cannot be asked any more ({first_line(error)}).") from error
        if isinstance(answer, NavAgentError):
            raise answer
        return answer


class RemoteLedger(Shared):
    """The command's ledger, as seen by a worker.

    Args:
        line: The way to it.
        budget_usd: As the ledger's.
    """

    def __init__(self, line: Line, budget_usd: float | None) -> None:
        self._line = line
        self.budget_usd = budget_usd

    def price_for_budget(self, model: str) -> Price:
        """Return a model's price, as `Ledger` does."""
        price: Price = self._line.ask("price", model)
        return price

    def reserve(self, model: str, input_tokens: int, output_tokens: int) -> float:
        """Set aside the most that a call can cost, as `Ledger` does."""
        return 0.0 if self.budget_usd is None else float(self._line.ask("reserve", model, input_tokens, output_tokens))

    def settle(self, requested: str, reply: Reply | None, reserved_usd: float) -> float | None:
        """Book a call, as `Ledger` does."""
        cost: float | None = self._line.ask("settle", requested, reply, reserved_usd)
        return cost

    def cancel(self, reserved_usd: float) -> None:
        """Free a reservation, as `Ledger` does."""
        if self.budget_usd is not None:
            self._line.ask("cancel", reserved_usd)


class RemoteStore(Shared):
    """The command's file of replies, as seen by a worker; a request travels as its digest.

    Args:
        line: The way to it.
    """

    def __init__(self, line: Line) -> None:
        self._line = line

    def get(self, key: Any) -> Any:
        """Return the value kept under a key, or None."""
        return self._line.ask("read", digest(key))

    def put(self, key: Any, value: Any) -> None:
        """Keep a value."""
        self._line.ask("write", digest(key), value)

    def close(self) -> None:
        """Do nothing: the file is the command's."""
        return


class Desk:
    """The command's end: answers every question in a thread of its own, since a reservation may wait for others.

    Args:
        ledger: Where all workers' calls are booked.
        replies: The file of replies, opened when it is first asked for; None if none are kept.
    """

    def __init__(self, ledger: Ledger, replies: Path | None) -> None:
        self._ledger = ledger
        self._file = replies
        self._store: JsonStore | None = None
        self._lock = threading.Lock()
        self._reserved: defaultdict[str, list[tuple[str, float]]] = defaultdict(list)
        self._dead: set[str] = set()
        self._subjects: dict[str, Callable[..., Any]] = {
            "price": lambda asker, model: ledger.price_for_budget(model),
            "reserve": self._reserve,
            "settle": self._settle,
            "cancel": self._cancel,
            "read": lambda asker, name: self._replies().read(name),
            "write": lambda asker, name, value: self._replies().write(name, value),
        }
        here = ray.get_runtime_context().get_node_id()
        self._counter: Any = (
            ray.remote(_Counter)
            .options(
                num_cpus=0,
                max_concurrency=_AT_ONCE,
                scheduling_strategy=NodeAffinitySchedulingStrategy(here, soft=True),
            )
            .remote()
        )
        self.line = Line(self._counter)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def bury(self, asker: str) -> None:
        """Book what a worker that has died was paying for: as much as it had reserved, since it may be billed."""
        with self._lock:
            self._dead.add(asker)
            left = self._reserved.pop(asker, [])
        for model, reserved_usd in left:
            self._ledger.settle(model, None, reserved_usd)

    def close(self) -> None:
        """Answer no more."""
        ray.kill(self._counter)
        self._thread.join()
        if self._store is not None:
            self._store.close()

    def _serve(self) -> None:
        while True:
            try:
                number, question = ray.get(self._counter.question.remote())
            except RayError:
                return
            threading.Thread(target=self._answer, args=(number, question), daemon=True).start()

    def _answer(self, number: int, question: _Question) -> None:
        answer: Any
        try:
            answer = self._subjects[question.about](question.asker, *question.details)
        except NavAgentError as error:
            answer = error
        except Exception as error:  # who asks must hear of it
            answer = RunError(f"The command could not answer a worker ({type(error).__name__}: {first_line(error)}).")
        self._counter.answer.remote(number, answer)

    def _replies(self) -> JsonStore:
        with self._lock:
            if self._store is None:
                assert self._file is not None, "workers have no cache where there is no file"
                self._store = open_replies(self._file)
            return self._store

    # ----------------------------------------------------------------------------------------- reservations
    def _reserve(self, asker: str, model: str, input_tokens: int, output_tokens: int) -> float:
        reserved_usd = self._ledger.reserve(model, input_tokens, output_tokens)
        with self._lock:
            if asker not in self._dead:
                self._reserved[asker].append((model, reserved_usd))
                return reserved_usd
        self._ledger.cancel(reserved_usd)  # it died while it waited, so it made no call
        return reserved_usd

    def _settle(self, asker: str, requested: str, reply: Reply | None, reserved_usd: float) -> float | None:
        return self._ledger.settle(requested, reply, reserved_usd) if self._take(asker, reserved_usd) else None

    def _cancel(self, asker: str, reserved_usd: float) -> None:
        if self._take(asker, reserved_usd):
            self._ledger.cancel(reserved_usd)

    def _take(self, asker: str, reserved_usd: float) -> bool:
        """Strike a reservation off the list; False if it was booked already, when its worker died."""
        if self._ledger.budget_usd is None:
            return True
        with self._lock:
            if asker in self._dead:
                return False
            left = self._reserved[asker]
            del left[[usd for _, usd in left].index(reserved_usd)]
            return True
