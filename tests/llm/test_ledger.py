"""The budget is never exceeded, never wasted and never blocks for ever."""

from __future__ import annotations

import json
import random
import threading
from pathlib import Path

import pytest

from navagent.errors import BudgetError, ConfigError, RunError
from navagent.llm.ledger import Ledger
from navagent.llm.prices import Price, Prices
from navagent.types import Reply

MODEL = "some-model"
CENT = Prices({MODEL: Price(input=10_000.0, output=10_000.0)})
"""Every token costs a cent."""


def reply_of(tokens: int, model: str = MODEL) -> Reply:
    return Reply(("hello",), (None,), model, input_tokens=tokens, output_tokens=0, latency_s=0.25)


class Waiter(threading.Thread):
    """Reserves in another thread."""

    def __init__(self, ledger: Ledger, tokens: int) -> None:
        super().__init__(daemon=True)
        self.ledger, self.tokens = ledger, tokens
        self.reserved_usd: float | None = None
        self.error: BudgetError | None = None
        self.start()

    def run(self) -> None:
        try:
            self.reserved_usd = self.ledger.reserve(MODEL, self.tokens, 0)
        except BudgetError as error:
            self.error = error

    def waits(self) -> bool:
        self.join(0.05)
        return self.is_alive()


# ------------------------------------------------------------------------------------------------------- budget
def test_threads_never_exceed_the_budget_nor_waste_it() -> None:
    budget, most = 2.0, 10
    ledger = Ledger(CENT, budget)

    def spend(seed: int) -> None:
        chance = random.Random(seed)
        try:
            while True:
                reserved = ledger.reserve(MODEL, most, 0)
                if chance.random() < 0.2:
                    ledger.cancel(reserved)
                else:
                    ledger.settle(MODEL, reply_of(chance.randint(0, most)), reserved)
        except BudgetError:
            return

    threads = [threading.Thread(target=spend, args=(seed,)) for seed in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert budget - most / 100 < ledger.spent_usd <= budget


def test_call_that_does_not_fit_waits_for_those_in_flight() -> None:
    ledger = Ledger(CENT, 1.0)
    first = ledger.reserve(MODEL, 80, 0)
    waiter = Waiter(ledger, 80)
    assert waiter.waits()
    ledger.settle(MODEL, reply_of(5), first)
    waiter.join(10)
    assert waiter.reserved_usd == pytest.approx(0.8)


def test_waiting_call_is_refused_once_those_in_flight_leave_no_room() -> None:
    ledger = Ledger(CENT, 1.0)
    first = ledger.reserve(MODEL, 80, 0)
    waiter = Waiter(ledger, 80)
    assert waiter.waits()
    ledger.settle(MODEL, reply_of(80), first)
    waiter.join(10)
    assert waiter.error is not None


def test_failed_call_frees_its_reservation_for_those_that_wait() -> None:
    ledger = Ledger(CENT, 1.0)
    first = ledger.reserve(MODEL, 100, 0)
    waiter = Waiter(ledger, 100)
    assert waiter.waits()
    ledger.cancel(first)
    waiter.join(10)
    assert (waiter.reserved_usd, ledger.spent_usd) == (1.0, 0.0)


def test_call_is_refused_when_nothing_in_flight_could_make_room() -> None:
    with pytest.raises(BudgetError, match=r"\$1\.00 is used up: \$0\.0000 are spent .* \$1\.0100"):
        Ledger(CENT, 1.0).reserve(MODEL, 101, 0)


def test_call_that_what_is_spent_rules_out_is_refused_without_waiting() -> None:
    ledger = Ledger(CENT, 1.0)
    ledger.settle(MODEL, reply_of(50), ledger.reserve(MODEL, 50, 0))
    ledger.reserve(MODEL, 10, 0)  # in flight, but even for free it could not make room
    with pytest.raises(BudgetError):
        ledger.reserve(MODEL, 51, 0)


def test_refused_call_leaves_room_for_a_smaller_one() -> None:
    ledger = Ledger(CENT, 1.0)
    with pytest.raises(BudgetError):
        ledger.reserve(MODEL, 101, 0)
    assert ledger.reserve(MODEL, 100, 0) == 1.0


def test_call_may_use_the_budget_to_the_last_cent() -> None:
    ledger = Ledger(CENT, 1.0)
    ledger.settle(MODEL, reply_of(100), ledger.reserve(MODEL, 100, 0))
    assert ledger.spent_usd == 1.0


def test_reservation_counts_input_and_output() -> None:
    assert Ledger(CENT, 1.0).reserve(MODEL, 30, 40) == pytest.approx(0.7)


def test_rounding_left_over_from_settled_calls_makes_nobody_wait() -> None:
    ledger = Ledger(CENT, budget_usd=0.17)
    two, five, two_more, eight = (ledger.reserve(MODEL, cents, 0) for cents in (2, 5, 2, 8))
    for usd in (two, two_more, five, eight):
        ledger.cancel(usd)  # leaves 3e-17 in floats
    waiter = Waiter(ledger, 17)
    try:
        waiter.join(0.5)
        assert not waiter.is_alive()
    finally:
        ledger.cancel(1.0)  # wakes it with everything freed


@pytest.mark.parametrize("budget", [0.0, 1.0])
def test_free_model_fits_any_budget(budget: float) -> None:
    ledger = Ledger(Prices({MODEL: Price(0.0, 0.0)}), budget)
    ledger.settle(MODEL, reply_of(10**9), ledger.reserve(MODEL, 10**9, 10**9))
    assert ledger.spent_usd == 0.0


def test_budget_needs_a_price() -> None:
    with pytest.raises(ConfigError, match=r"other-model.*--prices"):
        Ledger(CENT, 1.0).reserve("other-model", 1, 1)


def test_without_a_budget_nothing_is_reserved_and_no_price_needed() -> None:
    assert Ledger(CENT).reserve("other-model", 10**9, 10**9) == 0.0


# ----------------------------------------------------------------------------------------------------- accounts
def test_settling_returns_and_books_the_cost() -> None:
    ledger = Ledger(CENT)
    assert ledger.settle(MODEL, reply_of(7), 0.0) == pytest.approx(0.07)
    assert ledger.spent_usd == pytest.approx(0.07)


def test_cost_of_a_model_without_a_price_is_unknown_and_counts_nothing() -> None:
    ledger = Ledger(CENT)
    assert ledger.settle("other-model", reply_of(7, "other-model"), 0.0) is None
    assert ledger.spent_usd == 0.0


def test_every_paid_call_is_a_line_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "usage.jsonl"
    ledger = Ledger(CENT, file=file)
    ledger.settle(MODEL, reply_of(7, f"{MODEL}-2024-08-06"), 0.0)
    ledger.cancel(0.0)
    assert [json.loads(line) for line in file.read_text().splitlines()] == [
        {
            "model": f"{MODEL}-2024-08-06",
            "answered": True,
            "input_tokens": 7,
            "output_tokens": 0,
            "cost_usd": pytest.approx(0.07),
            "latency_s": 0.25,
        }
    ]


def test_call_that_timed_out_costs_its_reservation_also_after_a_resume(tmp_path: Path) -> None:
    """The server may bill it, so a budget has to count it."""
    file = tmp_path / "usage.jsonl"
    ledger = Ledger(CENT, 1.0, file)
    ledger.settle(MODEL, None, ledger.reserve(MODEL, 30, 0))
    assert ledger.spent_usd == pytest.approx(0.3)
    assert Ledger(CENT, 1.0, file).spent_usd == pytest.approx(0.3)


def test_server_that_reports_no_tokens_costs_the_reservation_also_after_a_resume(tmp_path: Path) -> None:
    file = tmp_path / "usage.jsonl"
    ledger = Ledger(CENT, 1.0, file)
    assert ledger.settle(MODEL, reply_of(0), ledger.reserve(MODEL, 30, 0)) is None
    assert Ledger(CENT, 1.0, file).spent_usd == ledger.spent_usd == pytest.approx(0.3)


def test_reservation_is_at_the_dearest_price_that_the_name_may_be_billed_at() -> None:
    prices = Prices({"m": Price(1e4, 1e4), "m-2024-05-13": Price(3e4, 2e4), "m-mini": Price(9e4, 9e4)})
    assert Ledger(prices, 9.0).reserve("m", 10, 10) == pytest.approx(0.5)
    assert Ledger(prices, 9.0).reserve("m-2024-05-13", 10, 10) == pytest.approx(0.5)
    assert Ledger(prices, 9.0).reserve("m-2025-01-01", 10, 10) == pytest.approx(0.2)


def test_lines_of_many_threads_do_not_mix(tmp_path: Path) -> None:
    file = tmp_path / "usage.jsonl"
    ledger = Ledger(CENT, file=file)

    def settle_many() -> None:
        for _ in range(50):
            ledger.settle(MODEL, reply_of(1), 0.0)

    threads = [threading.Thread(target=settle_many) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Ledger(CENT, file=file).spent_usd == pytest.approx(4.0)


def test_what_earlier_sessions_spent_counts(tmp_path: Path) -> None:
    file = tmp_path / "usage.jsonl"
    Ledger(CENT, file=file).settle(MODEL, reply_of(70), 0.0)
    resumed = Ledger(CENT, 1.0, file)
    assert resumed.spent_usd == pytest.approx(0.7)
    with pytest.raises(BudgetError):
        resumed.reserve(MODEL, 31, 0)


def test_call_of_unknown_cost_is_resumed_as_free(tmp_path: Path) -> None:
    file = tmp_path / "usage.jsonl"
    Ledger(CENT, file=file).settle("other-model", reply_of(7, "other-model"), 0.0)
    assert Ledger(CENT, file=file).spent_usd == 0.0


def test_run_without_a_file_starts_at_nothing(tmp_path: Path) -> None:
    assert Ledger(CENT, file=tmp_path / "usage.jsonl").spent_usd == 0.0


GOOD_LINE = b'{"cost_usd": 0.5}\n'


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(b'{"cost_usd": 0.', id="cut off"),
        pytest.param(b"\n", id="blank"),
        pytest.param(b"{}\n", id="no cost"),
        pytest.param(b"5\n", id="no object"),
        pytest.param(b'{"cost_usd": "much"}\n', id="no number"),
        pytest.param(b"\0\0\0\n", id="zero bytes"),
        pytest.param(
            b"\xff\xfe\n",
            id="binary",
        ),
    ],
)
def test_damaged_line_is_a_run_error_that_names_it(tmp_path: Path, damage: bytes) -> None:
    file = tmp_path / "usage.jsonl"
    file.write_bytes(GOOD_LINE + damage)
    with pytest.raises(RunError, match=r"usage\.jsonl.*line 2"):
        Ledger(CENT, file=file)


def test_file_that_cannot_be_written_is_a_run_error(tmp_path: Path) -> None:
    ledger = Ledger(CENT, file=tmp_path / "gone" / "usage.jsonl")
    with pytest.raises(RunError, match=r"usage\.jsonl"):
        ledger.settle(MODEL, reply_of(1), 0.0)


def test_waiting_call_is_woken_though_the_file_cannot_be_written(tmp_path: Path) -> None:
    ledger = Ledger(CENT, 1.0, tmp_path / "gone" / "usage.jsonl")
    first = ledger.reserve(MODEL, 100, 0)
    waiter = Waiter(ledger, 50)
    assert waiter.waits()
    with pytest.raises((OSError, RunError)):
        ledger.settle(MODEL, reply_of(1), first)
    try:
        waiter.join(0.5)
        assert not waiter.is_alive()
    finally:
        ledger.cancel(0.0)
