"""What tokens cost."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from navagent.errors import ConfigError
from navagent.types import Reply

BUILT_IN = Path(__file__).with_name("prices.yaml")

_DATE = re.compile(r"-\d{4}-\d{2}-\d{2}$")


@dataclass(frozen=True)
class Price:
    """US dollars per million tokens.

    Attributes:
        input: Per million input tokens.
        output: Per million output tokens.
        cached_input: Per million input tokens that the server had cached; by default as `input`.
    """

    input: float
    output: float
    cached_input: float | None = None

    def cost_usd(self, input_tokens: int, output_tokens: int, cached_input_tokens: int = 0) -> float:
        """Return the price of one call in US dollars."""
        cached_price = self.input if self.cached_input is None else self.cached_input
        fresh = input_tokens - cached_input_tokens
        return (fresh * self.input + cached_input_tokens * cached_price + output_tokens * self.output) / 1e6


@dataclass(frozen=True)
class Prices:
    """Prices by model name.

    Attributes:
        table: Model name to price.
    """

    table: Mapping[str, Price]

    def find(self, model: str) -> Price | None:
        """Return a model's price; a dated release (`gpt-4o-2024-08-06`) falls back to its undated name."""
        return self.table.get(model) or self.table.get(_DATE.sub("", model))

    def dearest(self, model: str) -> Price | None:
        """Return the highest price under which a model may be billed: its own or that of a dated release of it."""
        names = [name for name in self.table if name == model or _DATE.sub("", name) == model]
        prices = [self.table[name] for name in names] or [price for price in [self.find(model)] if price]
        if not prices:
            return None
        return Price(max(price.input for price in prices), max(price.output for price in prices))

    def cost_usd(self, requested: str, reply: Reply) -> float | None:
        """Return what a reply cost, by the name that the server returned or else the one asked for.

        None if the model has no price, or if it has one and the server did not say how many tokens it counted.
        """
        price = self.find(reply.model) or self.find(requested)
        if price is None or (reply.input_tokens == 0 and price.input > 0):
            return None
        return price.cost_usd(reply.input_tokens, reply.output_tokens, reply.cached_input_tokens)


def load_prices(extra: str | None = None) -> Prices:
    """Return the built-in prices, extended and overridden by the YAML file `extra`.

    Raises:
        ConfigError: `extra` is absent or not a price file.
    """
    table = dict(_read(BUILT_IN))
    if extra is not None:
        table.update(_read(Path(extra)))
    return Prices(table)


def _usd(value: Any) -> float:
    usd = float(value)
    if not 0.0 <= usd < math.inf:
        raise ValueError(f"{usd} is no price")
    return usd


@cache
def _read(file: Path) -> dict[str, Price]:
    form = "lines like `gpt-4o: {input: 2.5, output: 10}` in US dollars per million tokens"
    try:
        entries: Any = yaml.safe_load(file.read_text()) or {}
        return {str(model): Price(**{key: _usd(usd) for key, usd in entry.items()}) for model, entry in entries.items()}
    except OSError as error:
        raise ConfigError(f"The price file {file} cannot be read ({error.strerror}): it needs {form}.") from error
    except (yaml.YAMLError, AttributeError, TypeError, ValueError) as error:
        raise ConfigError(f"{file} is not a price file ({error}): it needs {form}.") from error
