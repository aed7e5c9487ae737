"""What a planner knows when it decides, what it remembers, and what a decision is."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

from navagent.types import Description, Image, Message, Observation
from policies.map_memory import Map
from policies.pictures import named
from policies.prompts import render
from policies.surroundings import surroundings, ways_on

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
        plan: What to do after it, in words; asked for by the map memory only.
    """

    action: str
    thought: str = ""
    plan: str = ""


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
        map: What the map memory tells; None without one.
        may_stop: Whether `STOP` is an option.
        pictures: What is seen, as pictures; the description names them by their number, from 1.
    """

    observation: Observation
    description: Description
    memories: tuple[Memory, ...]
    map: Map | None = None
    may_stop: bool = True
    pictures: tuple[Image, ...] = ()

    def message(self, text: str, every_picture: bool = False) -> Message:
        """Return a user's message with the pictures that its text names, or with all of them."""
        images = self.pictures if every_picture else named(text, self.pictures)
        return Message("user", f"{text}\n\n{render('pictures')}" if images else text, images)

    @property
    def instruction(self) -> str:
        """The instruction to follow."""
        return self.observation.instruction

    @cached_property
    def surroundings(self) -> str:
        """Eight sectors with descriptions, objects and navigable viewpoints."""
        return surroundings(self.observation, self.description)

    @cached_property
    def ways_on(self) -> str:
        """As `surroundings`, the sectors with navigable viewpoints only, and which of those were passed before."""
        passed = {memory.viewpoint for memory in self.memories if memory.viewpoint is not None}
        return ways_on(self.observation, self.description, passed)

    @cached_property
    def past(self) -> str:
        """Past decisions, one numbered line each: what was seen, thought and done."""
        if not self.memories:
            return "Nothing yet: this is the start."
        return "\n".join(
            f"{number}. At {memory.viewpoint or 'a place'}: {memory.summary}"
            f"{f' Thought: {memory.thought}' if memory.thought else ''} Then {memory.action}."
            for number, memory in enumerate(self.memories, start=1)
        )

    @cached_property
    def history(self) -> str:
        """Past decisions as in `past`; then the map, if there is one."""
        return self.with_map(self.past)

    def with_map(self, past: str) -> str:
        """Return a text with the map after it, if there is one."""
        return past if self.map is None else f"{past}\n{self.map.text}"

    @property
    def options(self) -> tuple[str, ...]:
        """Every legal `Choice.action`: the candidates' ids, those of the map's places elsewhere, and `STOP`."""
        near = [candidate.id for candidate in self.observation.candidates or ()]
        far = [place.id for place in self.map.elsewhere] if self.map is not None else []
        return (*near, *far, *([STOP] if self.may_stop or not near else []))

    def lighter(self) -> Situation:
        """Return the situation with the newer half of its memories and the nearer half of its map."""
        kept = self.memories[math.ceil(len(self.memories) / 2) :]
        return replace(self, memories=kept, map=self.map.smaller() if self.map is not None else None)


def sentence(text: str) -> str:
    """Return a text on one line, with a full stop if it ends with no other mark."""
    words = " ".join(text.split())
    return words if words.endswith((".", "!", "?")) or not words else words + "."
