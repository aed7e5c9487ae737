"""Cache, accounts and budget round a chat model behind a real server."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from navagent.contracts import ChatModel
from navagent.errors import BudgetError, ChatError, ConfigError, ContextLengthError
from navagent.images import encode
from navagent.llm import OpenAIChat
from navagent.llm.cache import ReplyCache
from navagent.llm.ledger import Ledger
from navagent.llm.metered import Metered, estimate_input_tokens
from navagent.llm.prices import Price, Prices
from navagent.types import Detail, Message, Reply
from tests.chat_server import ChatServer, ContextLength, RefuseParameter, Script, Status, Text, Usage

MODEL = "some-model"
PRICES = Prices({MODEL: Price(input=1000.0, output=10_000.0)})
"""An input token costs a tenth of a cent, an output token a cent."""
ASKED = (Message("user", "Where to? " * 10),)
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"action": {"type": "string"}}, "required": ["action"]}
ANSWER = Text('{"action": "left"}', usage=Usage(30, 7))
COST = 30 * 0.001 + 7 * 0.01


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[ReplyCache]:
    with closing(ReplyCache(tmp_path / "replies.sqlite")) as opened:
        yield opened


def connect(server: ChatServer, model: str = MODEL, max_tokens: int = 10) -> OpenAIChat:
    return OpenAIChat(model, server.url, max_tokens=max_tokens, timeout_s=10, max_retries=0)


# -------------------------------------------------------------------------------------------------------- cache
def test_second_request_is_answered_from_the_cache_for_nothing(cache: ReplyCache) -> None:
    ledger = Ledger(PRICES)
    with ChatServer([ANSWER]) as server:
        chat = Metered(connect(server), ledger, cache)
        first, second = chat.chat(ASKED), chat.chat(ASKED)
    assert len(server.requests) == 1
    assert first.cost_usd == pytest.approx(COST)
    assert (first.cached, second.cached, second.cost_usd, second.texts) == (False, True, 0.0, first.texts)
    assert ledger.spent_usd == pytest.approx(COST)


def test_a_request_with_another_picture_is_another_request(cache: ReplyCache) -> None:
    def seeing(shade: int, detail: Detail = "low") -> tuple[Message, ...]:
        return (Message("user", "Where to?", (encode(np.full((8, 8, 3), shade, np.uint8), detail=detail),)),)

    with ChatServer([ANSWER]) as server:
        chat = Metered(connect(server), Ledger(PRICES), cache)
        replies = [chat.chat(asked) for asked in (seeing(0), seeing(200), seeing(0), seeing(0, "high"))]
    assert [reply.cached for reply in replies] == [False, False, True, False]


class Local(ChatModel):
    """Runs here, for nothing."""

    name = identity = "local"
    is_free = True

    def chat(
        self, messages: Sequence[Message], schema: Mapping[str, Any] | None = None, n: int = 1, **sampling: Any
    ) -> Reply:
        return Reply(("left",), (None,), "local", 30, 7)


def test_a_local_model_is_cached_and_costs_nothing_even_within_a_budget(cache: ReplyCache, tmp_path: Path) -> None:
    ledger = Ledger(PRICES, budget_usd=0.0, file=tmp_path / "calls.jsonl")
    chat = Metered(Local(), ledger, cache)
    first, second = chat.chat(ASKED), chat.chat(ASKED)
    assert (first.cost_usd, first.cached, second.cached) == (0.0, False, True)
    assert ledger.spent_usd == 0.0


def test_cached_reply_keeps_its_data_and_tokens(cache: ReplyCache) -> None:
    with ChatServer([ANSWER]) as server:
        chat = Metered(connect(server), Ledger(PRICES), cache)
        first, second = chat.chat(ASKED, SCHEMA), chat.chat(ASKED, SCHEMA)
    assert (second.parsed, second.model) == (({"action": "left"},), MODEL)
    assert (second.input_tokens, second.output_tokens) == (first.input_tokens, first.output_tokens)


def test_cached_reply_is_given_though_the_budget_is_spent(cache: ReplyCache) -> None:
    with ChatServer([ANSWER]) as server:
        Metered(connect(server), Ledger(PRICES), cache).chat(ASKED)
        assert Metered(connect(server), Ledger(PRICES, budget_usd=0.0), cache).chat(ASKED).cached


def test_cache_outlives_the_client_and_the_server_connection(tmp_path: Path) -> None:
    file = tmp_path / "replies.sqlite"
    with ChatServer([ANSWER]) as server:
        for _ in range(2):
            with closing(ReplyCache(file)) as cache:
                Metered(connect(server), Ledger(PRICES), cache).chat(ASKED)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"messages": (Message("user", "Why?"),)}, id="messages"),
        pytest.param({"messages": (Message("system", ASKED[0].content),)}, id="role"),
        pytest.param({"schema": SCHEMA}, id="schema"),
        pytest.param({"n": 2}, id="n"),
        pytest.param({"temperature": 0.7}, id="temperature"),
        pytest.param({"seed": 1}, id="seed"),
        pytest.param({"stop": ["x"]}, id="stop"),
        pytest.param({"max_tokens": 3}, id="max_tokens"),
    ],
)
def test_request_misses_the_cache_with_another(cache: ReplyCache, changed: dict[str, Any]) -> None:
    usual: dict[str, Any] = {"messages": ASKED, "temperature": 0.0}
    with ChatServer([ANSWER]) as server:
        chat = Metered(connect(server), Ledger(PRICES), cache)
        chat.chat(**usual)
        assert not chat.chat(**{**usual, **changed}).cached
    assert len(server.requests) == 2


@pytest.mark.parametrize("changed", [{"model": "other-model"}, {"max_tokens": 11}], ids=["model", "limit"])
def test_request_misses_the_cache_of_a_model_with_another(cache: ReplyCache, changed: dict[str, Any]) -> None:
    with ChatServer([ANSWER]) as server:
        Metered(connect(server), Ledger(PRICES), cache).chat(ASKED)
        assert not Metered(connect(server, **changed), Ledger(PRICES), cache).chat(ASKED).cached


def test_failed_call_is_not_cached(cache: ReplyCache) -> None:
    with ChatServer([Status(400, "no"), ANSWER]) as server:
        chat = Metered(connect(server), Ledger(PRICES), cache)
        with pytest.raises(ChatError):
            chat.chat(ASKED)
        assert not chat.chat(ASKED).cached


def test_without_a_cache_every_request_reaches_the_server() -> None:
    with ChatServer([ANSWER]) as server:
        chat = Metered(connect(server), Ledger(PRICES))
        chat.chat(ASKED)
        chat.chat(ASKED)
    assert len(server.requests) == 2


# ------------------------------------------------------------------------------------------------------- budget
def test_budget_refuses_before_anything_is_sent() -> None:
    with ChatServer([ANSWER]) as server:
        chat = Metered(connect(server), Ledger(PRICES, budget_usd=0.1))  # ten output tokens alone cost that
        with pytest.raises(BudgetError):
            chat.chat(ASKED)
    assert server.requests == []


def test_budget_and_unknown_price_refuse_before_anything_is_sent() -> None:
    with ChatServer([ANSWER]) as server:
        chat = Metered(connect(server, "other-model"), Ledger(PRICES, budget_usd=100.0))
        with pytest.raises(ConfigError, match="other-model"):
            chat.chat(ASKED)
    assert server.requests == []


def test_unknown_price_without_a_budget_gives_an_unknown_cost() -> None:
    with ChatServer([ANSWER]) as server:
        assert Metered(connect(server, "other-model"), Ledger(PRICES)).chat(ASKED).cost_usd is None


def test_dated_release_is_priced_as_the_model_asked_for() -> None:
    with ChatServer([Text("left", usage=Usage(30, 7), model=f"{MODEL}-2024-08-06")]) as server:
        assert Metered(connect(server), Ledger(PRICES)).chat(ASKED).cost_usd == pytest.approx(COST)


@pytest.mark.parametrize("fault", [Status(400, "no"), ContextLength()], ids=["error", "context length"])
def test_failed_call_costs_nothing_and_frees_its_reservation(fault: Status) -> None:
    ledger = Ledger(PRICES, budget_usd=0.2)  # enough for one call in flight
    with ChatServer([fault, ANSWER]) as server:
        chat = Metered(connect(server), ledger)
        with pytest.raises(ChatError):
            chat.chat(ASKED)
        assert ledger.spent_usd == 0.0
        assert chat.chat(ASKED).cost_usd == pytest.approx(COST)


def test_context_length_error_keeps_its_type() -> None:
    with ChatServer([ContextLength()]) as server, pytest.raises(ContextLengthError):
        Metered(connect(server), Ledger(PRICES)).chat(ASKED)


def test_smaller_token_limit_of_a_call_fits_where_the_models_own_does_not() -> None:
    with ChatServer([Text("left", usage=Usage(30, 1))]) as server:
        chat = Metered(connect(server), Ledger(PRICES, budget_usd=0.1))
        assert chat.chat(ASKED, max_tokens=2).text == "left"


def test_many_threads_stay_within_the_budget() -> None:
    ledger = Ledger(PRICES, budget_usd=1.0)
    with ChatServer([ANSWER], latency_s=0.005) as server:
        chat = Metered(connect(server), ledger)

        def ask(_: int) -> bool:
            try:
                chat.chat(ASKED)
            except BudgetError:
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            answered = sum(pool.map(ask, range(40)))
    assert answered == len(server.requests)
    assert ledger.spent_usd == pytest.approx(answered * COST)
    assert 0.8 < ledger.spent_usd <= 1.0


@pytest.mark.parametrize(
    "script",
    [[Text("left", most_choices=1, usage=Usage(30, 1))], [RefuseParameter("n", Text("left", usage=Usage(30, 1)))]],
    ids=["ignored", "refused"],
)
def test_budget_holds_though_the_server_does_not_know_n(script: Script) -> None:
    ledger = Ledger(PRICES, budget_usd=0.16)  # the prompt costs 3 cents, an answer 1
    with ChatServer(script) as server:
        try:
            Metered(connect(server), ledger).chat(ASKED, n=8, max_tokens=1)
        except BudgetError:
            assert server.requests == []
    assert ledger.spent_usd <= 0.16


def test_bound_on_input_tokens_covers_schema_and_chat_template() -> None:
    plain = estimate_input_tokens(ASKED, None)
    assert plain >= len(ASKED[0].content) / 2
    assert estimate_input_tokens(ASKED, SCHEMA) >= plain + len(json.dumps(SCHEMA)) / 2 - 1
    assert estimate_input_tokens((*ASKED, Message("user", "")), None) > plain


# ---------------------------------------------------------------------------------------------------- stand-ins
class Parrot(ChatModel):
    """A stand-in that is no language model."""

    name = "parrot"
    identity = "parrot"
    is_language_model = False

    def __init__(self) -> None:
        self.asked = 0

    def chat(
        self, messages: Sequence[Message], schema: Mapping[str, Any] | None = None, n: int = 1, **sampling: Any
    ) -> Reply:
        self.asked += 1
        return Reply((messages[-1].content,) * n, (schema,) * n, self.name, 1, 1)


def test_stand_in_passes_through_uncached_and_unpaid(cache: ReplyCache) -> None:
    parrot, ledger = Parrot(), Ledger(PRICES, budget_usd=0.0)
    chat = Metered(parrot, ledger, cache)
    replies = [chat.chat(ASKED, SCHEMA, n=2, temperature=0.0) for _ in range(2)]
    assert replies == [Reply((ASKED[0].content,) * 2, (SCHEMA,) * 2, "parrot", 1, 1)] * 2
    assert (parrot.asked, ledger.spent_usd) == (2, 0.0)


def test_wrapper_tells_the_truth_about_what_it_wraps() -> None:
    chat = Metered(Parrot(), Ledger(PRICES))
    assert (chat.name, chat.identity, chat.is_language_model) == ("parrot", "parrot", False)
