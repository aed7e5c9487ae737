"""Decoding many replies at once, each by its own rules: schema, temperature, nucleus, seed, stop texts, length."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

import torch
import transformers

from navagent.llm.grammar import Matcher

_STOP_MARGIN = 8
"""Tokens that are decoded beside a stop text's own characters to look for it, since it may begin inside a token."""


@dataclass(eq=False)
class Line:
    """One reply in the making.

    Sampling adds Gumbel noise to the scaled scores and takes the best (Gumbel 1954; the "Gumbel-max trick"), which
    draws from the softmax. So one greedy loop serves lines of any temperature, and a line's noise depends on its own
    seed only, whatever else is in the batch.

    Attributes:
        most: Most tokens.
        ends: Tokens that end it.
        decode: Turns tokens into text.
        matcher: Follows its JSON schema; None without one.
        temperature: 0 takes the best token.
        top_p: Only the most probable tokens that have this probability together are drawn.
        generator: Where its noise comes from.
        stops: Texts that end it; they are no part of it.
        tokens: What was drawn so far, the end token included.
        done: Whether it is complete.
    """

    most: int
    ends: Collection[int]
    decode: Callable[[Sequence[int]], str]
    matcher: Matcher | None = None
    temperature: float = 0.0
    top_p: float = 1.0
    generator: torch.Generator | None = None
    stops: tuple[str, ...] = ()
    tokens: list[int] = field(default_factory=list)
    done: bool = False

    def adjust(self, scores: torch.Tensor) -> torch.Tensor:
        """Return scores (vocabulary,) whose best token is the one to take."""
        scores = scores.float()
        if self.matcher is not None:
            allowed = torch.from_numpy(self.matcher.allowed()).to(scores.device)
            scores = scores.masked_fill(~allowed, -torch.inf)
        if self.temperature == 0.0:
            return scores
        scores = _nucleus(scores / self.temperature, self.top_p)
        noise = torch.empty(scores.shape, dtype=torch.float64).exponential_(generator=self.generator)
        return scores - noise.log().to(scores)

    def accept(self, token: int) -> None:
        """Take the next token."""
        self.tokens.append(token)
        complete = self.matcher is not None and self.matcher.accept(token)
        self.done = complete or token in self.ends or len(self.tokens) >= self.most or self._at_stop()

    def text(self) -> str:
        """Return what it says, up to the first stop text."""
        said = self.decode(self.tokens)
        return said[: min((at for stop in self.stops if (at := said.find(stop)) >= 0), default=len(said))]

    def _at_stop(self) -> bool:
        if not self.stops:
            return False
        tail = self.decode(self.tokens[-(max(map(len, self.stops)) + _STOP_MARGIN) :])
        return any(stop in tail for stop in self.stops)


def _nucleus(scores: torch.Tensor, top_p: float) -> torch.Tensor:
    """Rule out all but the most probable tokens that have `top_p` together (Holtzman et al. 2020)."""
    if top_p >= 1.0:
        return scores
    ordered, order = scores.softmax(-1).sort(descending=True)
    outside = ordered.cumsum(-1) - ordered >= top_p  # the token that crosses top_p is still in
    return scores.masked_fill(torch.zeros_like(outside).scatter(-1, order, outside), -torch.inf)


class Adjust(transformers.LogitsProcessor):
    """Gives `generate` each line's own scores."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = lines

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        """Return adjusted scores, (lines, vocabulary)."""
        rows = zip(self._lines, scores, strict=True)
        return torch.stack([row.float() if line.done else line.adjust(row) for line, row in rows])  # type: ignore[return-value]


class Accept(transformers.StoppingCriteria):
    """Hands each line its new token and tells `generate` which are complete."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = lines

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor, **kwargs: object) -> torch.BoolTensor:
        """Return which lines are complete, (lines,)."""
        for line, token in zip(self._lines, input_ids[:, -1].tolist(), strict=True):
            if not line.done:
                line.accept(token)
        return torch.tensor([line.done for line in self._lines], device=input_ids.device)  # type: ignore[return-value]
