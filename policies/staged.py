"""Reasoning in stages, for any planner (LLaVA-CoT, Xu et al. 2024, arXiv 2411.10440; code PKU-YuanGroup/LLaVA-CoT).

As there: a reply is come to in four stages, summary, caption, reasoning and conclusion, each of which sees the ones
before. In the stage-level beam search every stage is sampled several times (temperature 0.6, top-p 0.9; 10 times in the
public code), the model compares candidates two at a time, and the winner of the last comparison is kept. Instead, whole
chains can be compared by a process reward model: each step gets a score, a chain the product of its steps' scores, and
the best of N chains is kept (Lightman et al. 2023, arXiv 2305.20050).

Departures, each with its reason:
    * Each stage is a request of its own; there a trained model goes from tag to tag, which others do not do by prompt.
    * Equal candidates are compared once only, for a comparison with oneself says nothing.
    * The conclusion is the planner's own reply, in the planner's own form, so that any planner can read it.
    * A planner that wants several answers (DiscussNav) gets several conclusions from the one best reasoning.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from navagent.errors import ConfigError
from navagent.types import Message, Reply
from policies.asking import Asker, Procedure
from policies.prompts import render

STAGES = ("summary", "caption", "reasoning")
"""What comes before the conclusion."""

STAGE_CHARACTERS = 1000
"""A longer stage is cut: the stages after it read it again."""

_TOKENS_PER_CHARACTER = 0.3
_PROMPT_TOKENS = 80
"""Upper bounds for English and for this module's own prompts."""


class _Staged(Procedure):
    """What both procedures share.

    Args:
        candidates: How many candidates, or chains, are sampled.
        temperature: Sampling temperature of the stages.
        top_p: Nucleus sampling of the stages.
    """

    extra_tokens = round(len(STAGES) * STAGE_CHARACTERS * _TOKENS_PER_CHARACTER) + (len(STAGES) + 1) * _PROMPT_TOKENS

    def __init__(self, candidates: int = 10, temperature: float = 0.6, top_p: float = 0.9) -> None:
        if candidates < 1:
            raise ConfigError(f"candidates must be at least 1, not {candidates}.")
        self.candidates = candidates
        self._sampling = {"temperature": temperature, "top_p": top_p}

    def _concluding(self, sampling: Mapping[str, Any]) -> dict[str, Any]:
        return {**sampling, **self._sampling}


class StageBeam(_Staged):
    """Stage-level beam search: several candidates per stage, of which the model itself keeps the best.

    A decision takes at most 4 x candidates answers in 4 requests, and 4 x (candidates - 1) comparisons.
    """

    def reply(
        self,
        asker: Asker,
        messages: Sequence[Message],
        schema: Mapping[str, Any] | None,
        n: int = 1,
        **sampling: Any,
    ) -> Reply:
        """Return the conclusion that won its last comparison; if `n` are asked for, `n` conclusions uncompared."""
        talk = list(messages)
        for stage in STAGES:
            request = Message("user", render(f"staged_{stage}"))
            texts = self._stage(asker, stage, [*talk, request])
            if texts:
                talk += [request, Message("assistant", texts[_knockout(asker, messages, stage, texts)])]
        request = Message("user", render("staged_conclusion"))
        count = self.candidates if n == 1 else n
        reply = asker.ask("conclusion", [*talk, request], schema, count, **self._concluding(sampling))
        if n > 1:
            return reply
        answers = list(zip(reply.texts, reply.parsed, strict=True))
        usable = [(text, parsed) for text, parsed in answers if text.strip() and (schema is None or parsed is not None)]
        kept = usable or answers[:1]
        text, parsed = kept[_knockout(asker, messages, "conclusion", [text for text, _ in kept])]
        return replace(reply, texts=(text,), parsed=(parsed,))

    def _stage(self, asker: Asker, stage: str, talk: list[Message]) -> list[str]:
        """Return a stage's usable candidates; none if the model gives none, which is counted."""
        reply = asker.ask(stage, talk, _form([stage]), self.candidates, **self._sampling)
        texts = [_step(parsed, stage) for parsed in reply.parsed]
        if not any(texts):
            asker.complain(f"{stage}: no candidate holds a JSON object with the text of this stage")
        return [text for text in texts if text]


class ProcessReward(ABC):
    """Scores the steps of a chain of reasoning."""

    @abstractmethod
    def score(self, asker: Asker, messages: Sequence[Message], steps: Sequence[str]) -> Sequence[float]:
        """Return how likely each step is right, in [0, 1], one score per step.

        Args:
            asker: Makes calls to the planner's chat model, if the reward takes any.
            messages: The question that the steps answer.
            steps: The chain's steps, oldest first.
        """


class GradedByModel(ProcessReward):
    """The planner's own chat model as the process reward model: it grades every step in one reply.

    A chain that it does not grade, or not each step of it by a number from 0 to 1, scores 0.
    """

    def score(self, asker: Asker, messages: Sequence[Message], steps: Sequence[str]) -> Sequence[float]:
        """Ask once, at temperature 0."""
        score = {"type": "number", "minimum": 0, "maximum": 1}
        scores = {"type": "array", "items": score, "minItems": len(steps), "maxItems": len(steps)}
        listed = "\n".join(f"Step {number}: {step}" for number, step in enumerate(steps, start=1))
        request = Message("user", render("staged_grade", steps=listed, count=str(len(steps))))
        parsed = asker.ask("grade", [*messages, request], _object({"scores": scores}), temperature=0.0).parsed[0]
        given = parsed.get("scores") if isinstance(parsed, dict) else None
        if isinstance(given, list) and len(given) == len(steps) and all(map(_is_score, given)):
            return [float(value) for value in given]
        asker.complain(f"grade: the reply holds no list of {len(steps)} numbers from 0 to 1")
        return [0.0] * len(steps)


class BestOfN(_Staged):
    """Best of N chains by a process reward model.

    A decision takes one request for N chains of summary, caption and reasoning, N conclusions, and the reward's calls.

    Args:
        reward: Scores steps; by default the chat model itself does.
        candidates: How many chains are sampled.
        temperature: Sampling temperature of the stages.
        top_p: Nucleus sampling of the stages.
    """

    def __init__(
        self,
        reward: ProcessReward | None = None,
        candidates: int = 4,
        temperature: float = 0.6,
        top_p: float = 0.9,
    ) -> None:
        super().__init__(candidates, temperature, top_p)
        self.reward = GradedByModel() if reward is None else reward

    def reply(
        self,
        asker: Asker,
        messages: Sequence[Message],
        schema: Mapping[str, Any] | None,
        n: int = 1,
        **sampling: Any,
    ) -> Reply:
        """Return the conclusion of the chain whose scores have the highest product, the first of several such."""
        request = Message("user", render("staged_chain"))
        chains = self._chains(asker, [*messages, request])
        if not chains:
            asker.complain("chain: no candidate holds a JSON object with summary, caption and reasoning")
            return asker.ask("conclusion", messages, schema, n, **self._concluding(sampling))
        tried: list[tuple[float, Reply]] = []
        for steps in chains:
            said = Message("assistant", "\n".join(steps))
            talk = [*messages, request, said, Message("user", render("staged_conclusion"))]
            reply = asker.ask("conclusion", talk, schema, n, **self._concluding(sampling))
            scores = self.reward.score(asker, messages, [*steps, reply.text]) if len(chains) > 1 else [1.0]
            tried.append((math.prod(scores), reply))
        return max(tried, key=lambda chain: chain[0])[1]

    def _chains(self, asker: Asker, talk: list[Message]) -> list[tuple[str, ...]]:
        """Return the different usable chains."""
        reply = asker.ask("chain", talk, _form(STAGES), self.candidates, **self._sampling)
        chains = [tuple(_step(parsed, stage) for stage in STAGES) for parsed in reply.parsed]
        return list(dict.fromkeys(chain for chain in chains if all(chain)))


def _knockout(asker: Asker, messages: Sequence[Message], stage: str, texts: Sequence[str]) -> int:
    """Return the index of the text that is left after comparing the best so far with each next one."""
    best = 0
    for rival in range(1, len(texts)):
        if texts[rival] not in texts[:rival] and _prefers_second(asker, messages, stage, texts[best], texts[rival]):
            best = rival
    return best


def _prefers_second(asker: Asker, messages: Sequence[Message], stage: str, first: str, second: str) -> bool:
    texts = {"first": first[:STAGE_CHARACTERS], "second": second[:STAGE_CHARACTERS]}
    request = Message("user", render("staged_compare", stage=stage, **texts))
    form = _object({"thought": {"type": "string"}, "better": {"type": "string", "enum": ["A", "B"]}})
    parsed = asker.ask("compare", [*messages, request], form, temperature=0.0).parsed[0]
    better = parsed.get("better") if isinstance(parsed, dict) else None
    if better not in ("A", "B"):
        asker.complain("compare: the reply names neither A nor B")
    return better == "B"


def _form(stages: Sequence[str]) -> dict[str, Any]:
    return _object({stage: {"type": "string"} for stage in stages})


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def _step(parsed: Any, stage: str) -> str:
    value = parsed.get(stage) if isinstance(parsed, dict) else None
    return " ".join(value.split())[:STAGE_CHARACTERS] if isinstance(value, str) else ""


def _is_score(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1
