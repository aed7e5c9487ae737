"""What every language model planner extends.

A planner is a policy. This class perceives, asks, checks, retries, falls back, remembers and traces; a subclass writes
the prompt and, if it wants another reply than the default JSON object, reads the reply:

    class MyPlanner(Planner):
        def prompt(self, situation: Situation) -> str:
            return f"Follow: {situation.instruction} Seen so far: {situation.history} Now: {situation.surroundings}"
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from navagent.contracts import ChatModel, Describer, Policy
from navagent.errors import ChatError, ConfigError, ContextLengthError, listing
from navagent.types import (
    Action,
    Call,
    Decision,
    Description,
    Episode,
    Message,
    MoveTo,
    Observation,
    Reply,
    Stop,
)
from policies.surroundings import side, surroundings

STOP = "stop"
"""What a reply says to end the episode."""


class ReplyError(Exception):
    """A reply that cannot be used; its text is sent back to the model."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What a reply decides.

    Attributes:
        action: A candidate's id, or `STOP`.
        thought: Why, in words.
    """

    action: str
    thought: str = ""


@dataclass(frozen=True, slots=True)
class Memory:
    """One past decision.

    Attributes:
        viewpoint: Where it was taken; None where there is no nav-graph.
        summary: What the place looked like, in one sentence.
        action: What was done, in words.
        thought: Why.
    """

    viewpoint: str | None
    summary: str
    action: str
    thought: str


@dataclass(frozen=True)
class Situation:
    """Everything that a prompt may tell.

    Attributes:
        observation: The raw observation.
        description: It in words.
        memories: Past decisions, oldest first.
    """

    observation: Observation
    description: Description
    memories: tuple[Memory, ...]

    @property
    def instruction(self) -> str:
        """The instruction to follow."""
        return self.observation.instruction

    @cached_property
    def surroundings(self) -> str:
        """Eight sectors with descriptions, objects and navigable viewpoints."""
        return surroundings(self.observation, self.description)

    @cached_property
    def history(self) -> str:
        """Past decisions, one numbered line each: what was seen, thought and done."""
        if not self.memories:
            return "Nothing yet: this is the start."
        return "\n".join(
            f"{number}. At {memory.viewpoint or 'a place'}: {memory.summary}"
            f"{f' Thought: {memory.thought}' if memory.thought else ''} Then {memory.action}."
            for number, memory in enumerate(self.memories, start=1)
        )

    @property
    def options(self) -> tuple[str, ...]:
        """Every legal `Choice.action`: the candidates' ids and `STOP`."""
        return (*(candidate.id for candidate in self.observation.candidates or ()), STOP)


class Planner(Policy):
    """A policy that asks a language model at every step.

    Legal moves are the candidates and STOP, enforced here and never by the prompt. A reply that cannot be used is sent
    back with the reason, at most `max_retries` times; then the fallback decides, and the run's summary counts it.

    Args:
        llm: The chat model.
        describer: Puts observations into words.
        max_steps: Decisions after which the episode ends where the agent stands.
        max_retries: How often a reply that cannot be used is asked for again.
        fallback: What to do when no reply was usable: stop, or go to the candidate nearest straight ahead.
        temperature: Sampling temperature.
    """

    system: str = ""
    """System message; none if empty."""

    def __init__(
        self,
        llm: ChatModel,
        describer: Describer,
        max_steps: int = 10,
        max_retries: int = 2,
        fallback: Literal["stop", "forward"] = "stop",
        temperature: float = 0.0,
    ) -> None:
        if max_steps < 1 or max_retries < 0:
            raise ConfigError(f"max_steps must be at least 1 and max_retries 0, not {max_steps} and {max_retries}.")
        self.llm = llm
        self.describer = describer
        self.max_steps = max_steps
        self.max_retries = max_retries
        self.fallback = fallback
        self.temperature = temperature
        self.needs = frozenset({"candidates"}) | describer.needs
        self.privileged = describer.privileged
        self._memories: list[Memory] = []
        self._remembered: Observation | None = None
        self._calls: list[Call] = []

    # ------------------------------------------------------------------------------ what a subclass writes
    @abstractmethod
    def prompt(self, situation: Situation) -> str:
        """Return the user message that asks for the next move."""

    def schema(self, situation: Situation) -> Mapping[str, Any] | None:
        """Return the JSON schema of a reply, or None for free text that `read` understands."""
        return {
            "type": "object",
            "properties": {
                "thought": {"type": "string"},
                "action": {"type": "string", "enum": list(situation.options)},
            },
            "required": ["thought", "action"],
            "additionalProperties": False,
        }

    def read(self, reply: Reply, situation: Situation) -> Choice:
        """Return what a reply decides.

        Raises:
            ReplyError: The reply cannot be used; the text tells the model why.
        """
        parsed = reply.parsed[0]
        if not isinstance(parsed, dict):
            raise ReplyError('your reply holds no JSON object of the form {"thought": "...", "action": "..."}')
        return Choice(str(parsed["action"]), str(parsed["thought"]))

    def summarise(self, situation: Situation, choice: Choice) -> str:
        """Return the sentence by which the history remembers this place."""
        summary = situation.description.summary.strip()
        return summary if summary.endswith((".", "!", "?")) or not summary else summary + "."

    # ---------------------------------------------------------------------------------------- what it does
    def reset(self, episode: Episode) -> None:
        """Forget the last episode."""
        self._memories = []
        self._remembered = None

    def overruled(self, observation: Observation, action: Action) -> None:
        """Remember the move that was really made instead of the one decided on this observation."""
        mine = self._memories.pop() if self._remembered is observation else None
        self._remembered = None
        if isinstance(action, MoveTo):
            situation = Situation(observation, self.describer.describe(observation), tuple(self._memories))
            choice = Choice(action.candidate_id)
            # Never a subclass's sentence: that may take a call to the model, which no decision would carry.
            self._remember(situation, choice, mine.summary if mine else Planner.summarise(self, situation, choice))

    def fingerprints(self) -> Mapping[str, str]:
        """Return the describer's data sources."""
        return self.describer.fingerprints()

    def act(self, observation: Observation) -> Decision:
        """Ask until a reply is usable or the retries are used up."""
        self._calls = []
        situation = Situation(observation, self.describer.describe(observation), tuple(self._memories))
        choice, problems = self._decide(situation)
        chosen = choice or self._fall_back(situation)
        action: Action = Stop() if chosen.action == STOP else MoveTo(chosen.action)
        if isinstance(action, MoveTo):
            self._remember(situation, chosen)
        return Decision(action, chosen.thought, tuple(self._calls), tuple(problems), fallback=choice is None)

    def ask(
        self,
        purpose: str,
        messages: Sequence[Message],
        schema: Mapping[str, Any] | None = None,
        n: int = 1,
        **sampling: Any,
    ) -> Reply:
        """Call the chat model and keep the call for the trace."""
        sampling = {"temperature": self.temperature, **sampling}
        try:
            reply = self.llm.chat(messages, schema, n, **sampling)
        except ChatError as error:
            error.calls = tuple(self._calls)
            raise
        self._calls.append(Call(purpose, tuple(messages), reply))
        return reply

    def sampling(self) -> dict[str, Any]:
        """Return further sampling parameters of the deciding call."""
        return {}

    def _messages(self, situation: Situation) -> list[Message]:
        start = [Message("system", self.system)] if self.system else []
        return [*start, Message("user", self.prompt(situation))]

    def _decide(self, situation: Situation) -> tuple[Choice | None, list[str]]:
        """Return the first usable choice, or None, with the reasons why replies were rejected."""
        problems: list[str] = []
        messages = self._messages(situation)
        for _ in range(1 + self.max_retries):
            try:
                reply = self.ask("decide", messages, self.schema(situation), **self.sampling())
                return self._check(self.read(reply, situation), situation), problems
            except ReplyError as error:
                problems.append(str(error))
                said = Message("assistant", reply.text or "(empty)")
                messages = [*messages, said, Message("user", f"That cannot be used: {error}. Try again.")]
            except ContextLengthError as error:
                problems.append(str(error))
                # Asking again only helps if the request becomes shorter: without the rejected replies, and with the
                # newer half of the memories.
                longest = messages
                situation = Situation(situation.observation, situation.description, _newer_half(situation.memories))
                messages = self._messages(situation)
                if messages == longest:
                    break
        return None, problems

    def _check(self, choice: Choice, situation: Situation) -> Choice:
        if choice.action not in situation.options:
            legal = listing(situation.options, most=99)
            raise ReplyError(f"'{choice.action[:80]}' is no legal action here; the legal ones are {legal}")
        return choice

    def _fall_back(self, situation: Situation) -> Choice:
        candidates = situation.observation.candidates or ()
        if self.fallback == "stop" or not candidates:
            return Choice(STOP, "fallback: no usable reply")
        ahead = min(candidates, key=lambda candidate: abs(candidate.heading))
        return Choice(ahead.id, "fallback: no usable reply")

    def _remember(self, situation: Situation, choice: Choice, summary: str | None = None) -> None:
        heading = next(c.heading for c in situation.observation.candidates or () if c.id == choice.action)
        turn = side(heading)
        walked = f"went {turn}" if turn == "ahead" else f"turned {turn} degrees"
        action = f"{walked} to {choice.action}"
        summary = self.summarise(situation, choice) if summary is None else summary
        self._memories.append(Memory(situation.observation.viewpoint, summary, action, choice.thought))
        self._remembered = situation.observation


def _newer_half(memories: tuple[Memory, ...]) -> tuple[Memory, ...]:
    return memories[math.ceil(len(memories) / 2) :]
