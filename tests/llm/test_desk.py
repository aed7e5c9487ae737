from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray", reason="needs Ray: pip install 'navagent[train]'")

import ray

from navagent.errors import BudgetError, ConfigError
from navagent.llm.cache import ReplyCache
from navagent.llm.desk import Desk, Line, RemoteLedger, RemoteStore
from navagent.llm.ledger import Ledger
from navagent.llm.prices import Price, Prices
from navagent.types import Reply
from tests.local_ray import local_ray

PRICES = Prices({"m": Price(input=1.0, output=1.0)})
MILLION = 1_000_000
"""Tokens, at a dollar."""


class Payer:
    """Lives in a process of its own and pays."""

    def __init__(self, line: Line, budget_usd: float | None) -> None:
        self._ledger = RemoteLedger(line, budget_usd)
        self._cache = ReplyCache(RemoteStore(line))

    def pay(self, calls: int) -> int:
        """Make calls that may cost 1 dollar and cost a quarter; return how many the budget allowed."""
        for number in range(calls):
            try:
                reserved = self._ledger.reserve("m", MILLION, 0)
            except BudgetError:
                return number
            time.sleep(0.005)
            self._ledger.settle("m", Reply(("x",), (None,), "m", MILLION // 4, 0), reserved)
        return calls

    def cancel(self) -> None:
        self._ledger.cancel(self._ledger.reserve("m", MILLION, 0))

    def die_in_a_call(self) -> None:
        self._ledger.reserve("m", MILLION, 0)
        os.kill(os.getpid(), signal.SIGKILL)

    def price(self, model: str) -> Price | str:
        try:
            return self._ledger.price_for_budget(model)
        except ConfigError as error:
            return str(error)

    def keep(self, request: dict[str, Any], reply: Reply) -> None:
        self._cache.put(request, reply)

    def kept(self, request: dict[str, Any]) -> Reply | None:
        return self._cache.get(request)


@pytest.fixture(scope="module", autouse=True)
def _session() -> Iterator[None]:
    with local_ray():
        yield


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(PRICES, budget_usd=5.0, file=tmp_path / "calls.jsonl")


@pytest.fixture
def desk(ledger: Ledger, tmp_path: Path) -> Iterator[Desk]:
    made = Desk(ledger, tmp_path / "replies.sqlite")
    yield made
    made.close()


def payers(desk: Desk, budget_usd: float | None, count: int = 2) -> list[Any]:
    return [ray.remote(Payer).options(num_cpus=0.1).remote(desk.line, budget_usd) for _ in range(count)]


def test_a_budget_holds_over_all_workers_and_is_used_up(desk: Desk, ledger: Ledger, tmp_path: Path) -> None:
    paid = ray.get([payer.pay.remote(100) for payer in payers(desk, 5.0)])
    assert sum(paid) == 17  # until four dollars and a quarter are spent, a call of at most one still fits into five
    assert ledger.spent_usd == 4.25
    lines = [json.loads(line) for line in (tmp_path / "calls.jsonl").read_text().splitlines()]
    assert [line["cost_usd"] for line in lines] == [0.25] * 17


def test_what_a_dead_worker_was_paying_for_is_booked_and_others_go_on(desk: Desk, ledger: Ledger) -> None:
    victim, other = payers(desk, 5.0)
    with pytest.raises(ray.exceptions.RayActorError):
        ray.get(victim.die_in_a_call.remote())
    desk.bury(victim._actor_id.hex())
    assert ledger.spent_usd == 1.0
    assert ray.get(other.pay.remote(100)) == 13
    assert ledger.spent_usd == 4.25


def test_cancelled_calls_cost_nothing_and_prices_are_the_commands(desk: Desk, ledger: Ledger) -> None:
    (payer,) = payers(desk, 5.0, count=1)
    ray.get([payer.cancel.remote() for _ in range(8)])
    assert ledger.spent_usd == 0.0
    assert ray.get(payer.price.remote("m")) == Price(1.0, 1.0)
    assert "--budget-usd needs a price for model 'unknown'" in ray.get(payer.price.remote("unknown"))


def test_without_a_budget_calls_are_booked_all_the_same(tmp_path: Path) -> None:
    ledger = Ledger(PRICES, None, tmp_path / "calls.jsonl")
    desk = Desk(ledger, None)
    (payer,) = payers(desk, None, count=1)
    assert ray.get(payer.pay.remote(3)) == 3
    assert ledger.spent_usd == 0.75
    desk.close()


def test_a_reply_that_one_worker_kept_is_every_ones_and_the_next_runs(desk: Desk, tmp_path: Path) -> None:
    request, reply = {"model": "m", "messages": ["where?"]}, Reply(("there",), (None,), "m", 10, 2, cost_usd=0.5)
    one, other = payers(desk, 5.0)
    assert ray.get(other.kept.remote(request)) is None
    ray.get(one.keep.remote(request, reply))
    kept = ray.get(other.kept.remote(request))
    assert (kept.texts, kept.cached, kept.cost_usd) == (("there",), True, 0.0)
    desk.close()
    assert ReplyCache(tmp_path / "replies.sqlite").get(request) == kept
