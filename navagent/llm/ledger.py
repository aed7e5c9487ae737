"""What a run has spent, and the budget that it must not exceed."""

from __future__ import annotations

import json
import math
import threading
from pathlib import Path
from typing import Protocol

from navagent.contracts import Shared
from navagent.errors import BudgetError, ConfigError, RunError
from navagent.files import append_whole
from navagent.llm.prices import Price, Prices
from navagent.types import Reply


class Books(Protocol):
    """Where calls are booked: a `Ledger`, or a way to one."""

    @property
    def budget_usd(self) -> float | None:
        """The budget in US dollars, or None."""

    def price_for_budget(self, model: str) -> Price:
        """Return a model's price."""

    def reserve(self, model: str, input_tokens: int, output_tokens: int) -> float:
        """Set aside the most that a call can cost."""

    def settle(self, requested: str, reply: Reply | None, reserved_usd: float) -> float | None:
        """Book a call and free its reservation."""

    def cancel(self, reserved_usd: float) -> None:
        """Free the reservation of a call that is not billed."""


class Ledger(Shared):
    """Accounts for every paid call of a run; safe to use from many threads.

    With a budget, each call first reserves the most that it is expected to cost: its longest reply, and a generous
    estimate of its prompt (`navagent.llm.metered.estimate_input_tokens`). A call that does not fit waits until calls
    in flight have settled for what they really cost, and is refused once nothing in flight could make room. So
    concurrency falls as the budget nears its end, and what is spent stays below it.

    Args:
        prices: Prices by model.
        budget_usd: The budget in US dollars, or None.
        file: JSON lines, one per paid call, appended; what earlier sessions of the run wrote counts as spent.
    """

    def __init__(self, prices: Prices, budget_usd: float | None = None, file: Path | None = None) -> None:
        self.prices = prices
        self.budget_usd = budget_usd
        self._file = file
        self.spent_usd = 0.0
        self.read_file()
        self._reserved_usd = 0.0
        self._in_flight = 0
        self._room = threading.Condition()

    def read_file(self) -> None:
        """Count what the file says as spent; to be repeated once nobody else can write it."""
        if self._file is not None:
            self.spent_usd = _already_spent(self._file)

    def reserve(self, model: str, input_tokens: int, output_tokens: int) -> float:
        """Set aside the most that a call can cost and return it in US dollars (0 without a budget).

        Raises:
            ConfigError: There is a budget but no price for the model.
            BudgetError: The call could exceed the budget.
        """
        if self.budget_usd is None:
            return 0.0
        most = self.price_for_budget(model).cost_usd(input_tokens, output_tokens)
        with self._room:
            while self.spent_usd + self._reserved_usd + most > self.budget_usd:
                if self._in_flight == 0 or self.spent_usd + most > self.budget_usd:
                    raise BudgetError(
                        f"The budget of ${self.budget_usd:.2f} is used up: ${self.spent_usd:.4f} are spent and the "
                        f"next call could cost ${most:.4f}."
                    )
                self._room.wait()
            self._reserved_usd += most
            self._in_flight += 1
        return most

    def price_for_budget(self, model: str) -> Price:
        """Return a model's price.

        Raises:
            ConfigError: There is none.
        """
        price = self.prices.dearest(model)
        if price is None:
            raise ConfigError(
                f"--budget-usd needs a price for model '{model}': give one with `--prices my_prices.yaml` holding "
                f"`{model}: {{input: ..., output: ...}}` in US dollars per million tokens (0 for a local model)."
            )
        return price

    def settle(self, requested: str, reply: Reply | None, reserved_usd: float) -> float | None:
        """Book an answered or timed-out call and free its reservation.

        Args:
            requested: The model asked for.
            reply: The reply; None if none came in time, which costs all that was reserved since it may be billed.
            reserved_usd: What `reserve` returned.

        Returns:
            The cost in US dollars, None if it is not known.

        Raises:
            RunError: The list of calls cannot be written.
        """
        cost = self.prices.cost_usd(requested, reply) if reply is not None else None
        # A server that reports no tokens, too, is taken to have used all that was reserved.
        booked = reserved_usd if cost is None else cost
        with self._room:
            self._free(reserved_usd)
            self.spent_usd += booked
            if self._file is not None:
                self._write(requested, reply, cost if self.budget_usd is None else booked)
        return cost

    def cancel(self, reserved_usd: float) -> None:
        """Free the reservation of a call that failed and is not billed."""
        with self._room:
            self._free(reserved_usd)

    def _free(self, reserved_usd: float) -> None:
        # Nothing in flight is exactly nothing reserved, whatever rounding has left over.
        self._in_flight = max(0, self._in_flight - 1)
        self._reserved_usd = max(0.0, self._reserved_usd - reserved_usd) if self._in_flight else 0.0
        self._room.notify_all()

    def _write(self, requested: str, reply: Reply | None, cost: float | None) -> None:
        assert self._file is not None
        line = {
            "model": reply.model if reply is not None else requested,
            "answered": reply is not None,
            "input_tokens": reply.input_tokens if reply is not None else None,
            "output_tokens": reply.output_tokens if reply is not None else None,
            "cost_usd": cost,
            "latency_s": round(reply.latency_s, 4) if reply is not None else None,
        }
        try:
            with self._file.open("ab", buffering=0) as stream:
                append_whole(stream, (json.dumps(line) + "\n").encode())
        except OSError as error:
            raise RunError(f"{self._file} cannot be written ({error.strerror}).") from error


def _already_spent(file: Path) -> float:
    if not file.exists():
        return 0.0
    spent = 0.0
    for number, line in enumerate(file.read_text(errors="replace").splitlines(), start=1):
        try:
            cost = float(json.loads(line)["cost_usd"] or 0.0)
            if not 0.0 <= cost < math.inf:
                raise ValueError(f"{cost} is no cost")
            spent += cost
        except (ValueError, KeyError, TypeError) as error:
            raise RunError(f"{file}, line {number} is damaged ({error}): remove that line.") from error
    return spent
