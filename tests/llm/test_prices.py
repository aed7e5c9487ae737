"""What tokens cost."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from navagent.errors import ConfigError
from navagent.llm.prices import Price, Prices, load_prices
from navagent.types import Reply

TABLE = Prices({"small": Price(1.0, 10.0), "small-2024-08-06": Price(2.0, 20.0), "big": Price(100.0, 1000.0)})


def reply_of(model: str, cached: int = 0) -> Reply:
    return Reply(("hello",), (None,), model, input_tokens=1_000_000, output_tokens=100_000, cached_input_tokens=cached)


@pytest.mark.parametrize(
    ("model", "usd"),
    [
        pytest.param("small", 1.0, id="exact"),
        pytest.param("small-2024-08-06", 2.0, id="dated release with its own price"),
        pytest.param("small-2025-01-31", 1.0, id="dated release without"),
    ],
)
def test_price_is_found_by_name(model: str, usd: float) -> None:
    price = TABLE.find(model)
    assert price is not None
    assert price.input == usd


@pytest.mark.parametrize("model", ["other", "", "small-mini", "small-20240806", "2024-08-06"])
def test_price_of_an_unknown_model_is_unknown(model: str) -> None:
    assert TABLE.find(model) is None


def test_input_and_output_have_their_own_prices() -> None:
    assert TABLE.cost_usd("small", reply_of("small")) == pytest.approx(1.0 + 1.0)


def test_cached_input_has_its_own_price() -> None:
    prices = Prices({"small": Price(1.0, 0.0, cached_input=0.1)})
    assert prices.cost_usd("small", reply_of("small", cached=500_000)) == pytest.approx(0.55)


def test_cached_input_costs_as_much_as_fresh_where_nothing_else_is_said() -> None:
    assert TABLE.cost_usd("small", reply_of("small", cached=500_000)) == TABLE.cost_usd("small", reply_of("small"))


def test_free_cached_input_is_free() -> None:
    assert Price(1.0, 0.0, cached_input=0.0).cost_usd(10, 0, 10) == 0.0


def test_reply_is_priced_by_the_model_that_answered() -> None:
    assert TABLE.cost_usd("small", reply_of("big")) == pytest.approx(200.0)


def test_reply_of_an_unknown_model_is_priced_by_the_one_asked_for() -> None:
    assert TABLE.cost_usd("small", reply_of("models/whatever")) == pytest.approx(2.0)


def test_cost_is_unknown_where_no_price_is() -> None:
    assert TABLE.cost_usd("one", reply_of("other")) is None


@given(st.integers(0, 10**7), st.integers(0, 10**7), st.integers(0, 10**7))
def test_cost_never_falls_with_more_tokens(input_tokens: int, output_tokens: int, more: int) -> None:
    price = Price(2.5, 10.0, cached_input=1.25)
    least = price.cost_usd(input_tokens, output_tokens)
    assert least <= price.cost_usd(input_tokens + more, output_tokens)
    assert least <= price.cost_usd(input_tokens, output_tokens + more)


def test_built_in_prices_are_positive_and_output_costs_no_less_than_cached_input() -> None:
    table = load_prices().table
    assert "gpt-4o" in table
    assert all(0 <= (price.cached_input or 0.0) <= max(price.input, price.output) for price in table.values())


def test_own_prices_extend_and_override_the_built_in_ones(tmp_path: Path) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text("gpt-4o: {input: 7, output: 8}\nmine: {input: 0, output: 0, cached_input: 0}\n")
    table = load_prices(str(file)).table
    assert (table["gpt-4o"], table["mine"]) == (Price(7.0, 8.0), Price(0.0, 0.0, 0.0))
    assert load_prices().table.keys() < table.keys()


def test_own_prices_leave_the_built_in_ones_alone(tmp_path: Path) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text("gpt-4o: {input: 7, output: 8}\n")
    before = load_prices().table["gpt-4o"]
    load_prices(str(file))
    assert load_prices().table["gpt-4o"] == before


def test_empty_price_file_adds_nothing(tmp_path: Path) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text("# nothing yet\n")
    assert load_prices(str(file)).table == load_prices().table


DAMAGED = {
    "list": b"- gpt-4o\n",
    "word": b"gpt-4o\n",
    "bare number": b"mine: 2.5\n",
    "no output price": b"mine: {input: 1}\n",
    "unknown key": b"mine: {input: 1, output: 1, currency: 2}\n",
    "word for a number": b"mine: {input: cheap, output: 1}\n",
    "nothing for a number": b"mine: {input: , output: 1}\n",
    "no YAML": b"mine: {input: 1\n",
    "binary": b"\xff\xfe\x00",
}
BELIEVED = {
    "negative": b"mine: {input: -1, output: 1}\n",
    "not a number": b"mine: {input: .nan, output: 1}\n",
    "infinite": b"mine: {input: 1, output: .inf}\n",
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED.keys())
def test_damaged_price_file_is_a_config_error_that_names_it(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "prices.yaml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"(?s)prices\.yaml.*US dollars per million"):
        load_prices(str(file))


@pytest.mark.parametrize("content", BELIEVED.values(), ids=BELIEVED.keys())
def test_price_that_no_server_has_is_a_config_error(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "prices.yaml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"prices\.yaml"):
        load_prices(str(file))


@pytest.mark.parametrize("name", ["absent.yaml", "."])
def test_price_file_that_cannot_be_read_is_a_config_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_prices(str(tmp_path / name))
