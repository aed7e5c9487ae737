"""A map for a memory: what MapGPT remembers (Chen et al. 2024, arXiv 2401.07314; code chen-judge/MapGPT).

As in the paper: every place that was visited or seen has a number; the prompt holds the way so far, which places lead
to which, the places seen but not visited, and the plan that the model wrote a step before; its reply holds a new plan.

Departures, each for a reason:
    * Any place seen but not visited can be chosen, and the agent walks there along known ways, without further calls.
      The public code offers neighbours only (`make_action_options`), so going back takes a call for each move.
    * Every move of such a walk counts as a decision, as each step there is one move.
    * Places are shown by a sentence of what was seen towards them where the public code shows pictures.
    * STOP is offered from the start; there it is not before the third step (`stop_after`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from navagent.known_ways import known_ways
from navagent.llm.json_text import without_thinking
from navagent.types import Description, Observation, Reply
from policies.surroundings import towards

START = "start"
"""Name of the first place where the environment names none."""

PLAN_CHARACTERS = 600
"""Longer plans are cut: the plan is read again at every step."""

_PLAN = re.compile(r"^\W*Plan\W*:[ \t]*(.*)$", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Place:
    """A place seen but not visited, that no single move reaches.

    Attributes:
        id: Its viewpoint's id.
        number: Its number on the map.
        seen_from: Number of the visited place next to it.
        distance: Metres to walk along known ways.
        text: What was seen towards it.
    """

    id: str
    number: int
    seen_from: int
    distance: float
    text: str


@dataclass(frozen=True)
class Map:
    """What a prompt tells of the map.

    Attributes:
        trail: Numbers of the places visited, in order; the last is where the agent is.
        ways: Which numbers a visited place leads to.
        neighbours: Ids and numbers of the places that one move reaches.
        elsewhere: Further places to choose from, the nearest first.
        plan: The last plan, or nothing.
    """

    trail: tuple[int, ...]
    ways: Mapping[int, tuple[int, ...]]
    neighbours: Mapping[str, int]
    elsewhere: tuple[Place, ...]
    plan: str

    @cached_property
    def text(self) -> str:
        """The map in lines."""
        here = ", ".join(f"{number} = {name}" for name, number in self.neighbours.items()) or "nowhere"
        lines = [
            f"Map: places have numbers in the order in which they were seen; you are at {self.trail[-1]}.",
            f"Way so far: {', '.join(map(str, self.trail))}",
            f"{self.trail[-1]} leads to {here}",
            *(f"{a} leads to {', '.join(map(str, ways))}" for a, ways in self.ways.items() if a != self.trail[-1]),
        ]
        if self.elsewhere:
            lines.append("Seen but not visited, farther away; choose such an id to walk there along known ways:")
            lines += [
                f"{place.number} = {place.id}, from {place.seen_from}, {place.distance:.1f} m to walk: {place.text}"
                for place in self.elsewhere
            ]
        return "\n".join([*lines, f"Plan so far: {self.plan or 'none yet'}"])

    def smaller(self) -> Map:
        """Return the map of the newer half of the way and the nearer half of the places elsewhere."""
        trail = self.trail[len(self.trail) // 2 :]
        ways = {number: ways for number, ways in self.ways.items() if number in trail}
        return replace(self, trail=trail, ways=ways, elsewhere=self.elsewhere[: len(self.elsewhere) // 2])


class MapMemory:
    """The map of one episode, drawn as the agent walks.

    Attributes:
        plan: The last plan that the model wrote.
        goal: Where the last walk leads.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget the last episode."""
        self.plan, self.goal = "", ""
        self._numbers: dict[str, int] = {}
        self._trail: list[str] = []
        self._ways: dict[str, tuple[str, ...]] = {}
        self._metres: dict[str, dict[str, float]] = {}
        self._sights: dict[str, tuple[str, str]] = {}
        self._route: list[str] = []
        self._moved_to = START

    def see(self, observation: Observation, description: Description) -> None:
        """Draw where the agent is and where it can go.

        Where the environment names no viewpoint (waypoints), the agent is taken to be where its last move led.
        """
        here = observation.viewpoint or self._moved_to
        candidates = observation.candidates or ()
        for name in (here, *(candidate.id for candidate in candidates)):
            self._numbers.setdefault(name, len(self._numbers))
        if self._trail[-1:] != [here]:
            self._trail.append(here)
        self._ways[here] = tuple(candidate.id for candidate in candidates)
        for candidate in candidates:
            # A nav-graph's ways lead both ways, so a known way may pass a place that was only seen.
            self._metres.setdefault(here, {})[candidate.id] = candidate.distance
            self._metres.setdefault(candidate.id, {})[here] = candidate.distance
            self._sights[candidate.id] = (here, towards(candidate, description.directions).text or "nothing described")

    def snapshot(self) -> Map:
        """Return what the prompt of this step tells."""
        here, visited = self._trail[-1], set(self._trail)
        distances = known_ways(self._metres, here)[0]
        far = [name for name in self._sights if name not in visited and name not in self._ways[here]]
        places = [
            Place(name, self._numbers[name], self._numbers[seen_from], distances[name], text)
            for name in far
            for seen_from, text in [self._sights[name]]
        ]
        return Map(
            tuple(self._numbers[name] for name in self._trail),
            {self._numbers[a]: tuple(self._numbers[b] for b in ways) for a, ways in self._ways.items()},
            {name: self._numbers[name] for name in self._ways[here]},
            tuple(sorted(places, key=lambda place: (place.distance, place.number))),
            self.plan,
        )

    def set_out(self, goal: str) -> str:
        """Take the shortest known way to a place, a single move if one leads there, and return its first move."""
        here = self._trail[-1]
        before = known_ways(self._metres, here)[1]
        self.goal, self._route = goal, [goal]
        while goal not in self._ways[here] and before[self._route[-1]] != here:
            self._route.append(before[self._route[-1]])
        return self._route.pop()

    def moved_to(self, candidate_id: str) -> None:
        """Hear of a move that was decided."""
        self._moved_to = candidate_id

    def go_on(self, observation: Observation) -> str | None:
        """Return the next move of the walk under way, or None if there is none or it leads nowhere from here."""
        if self._route and self._route[-1] in {candidate.id for candidate in observation.candidates or ()}:
            return self._route.pop()
        self._route = []
        return None

    def give_up(self) -> None:
        """Forget the walk under way."""
        self._route = []


def with_plan(schema: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return an object's schema that asks for a plan, too; others as they are."""
    if schema is None or schema.get("type") != "object":
        return schema
    properties = {"plan": {"type": "string"}, **schema.get("properties", {})}
    return {**schema, "properties": properties, "required": ["plan", *schema.get("required", ())]}


def take_plan(reply: Reply) -> tuple[Reply, str]:
    """Return a reply without its plan, and the plan; nothing if it has none."""
    parsed, text = reply.parsed[0], without_thinking(reply.text)
    if isinstance(parsed, dict) and isinstance(parsed.get("plan"), str):
        return reply, _short(parsed["plan"])
    plans = _PLAN.findall(text)
    if parsed is not None or not plans:
        return reply, ""
    return replace(reply, texts=(_PLAN.sub("", text), *reply.texts[1:])), _short(plans[0])


def _short(plan: str) -> str:
    plan = " ".join(plan.split())
    return plan if len(plan) <= PLAN_CHARACTERS else plan[:PLAN_CHARACTERS] + " ..."
