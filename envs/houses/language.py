"""Instructions for a path through a house, with the sub-instructions that they are made of.

A path is told room by room: leave where it starts, turn, pass what stands beside it, go through rooms, enter the
last one, stop at a landmark. Every part is one of the five actions of A2Nav (Chen et al. 2023): Exit, GoThrough,
GoPast, GoInto, GoTo, and carries its landmark and the piece of the path that it describes. A path that could be
misread (two doors to rooms of one kind on one side, two like landmarks at the goal) gets no instruction.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from envs.houses.house import House, Object, Point
from navagent.geometry import wrap

Action = Literal["Exit", "GoThrough", "GoPast", "GoInto", "GoTo"]

SHARP, BEHIND = math.radians(40), math.radians(130)
"""Turns from here on are told as turns, and as turning round."""

NEAR, BESIDE = 1.6, 1.8
"""Metres: how far the goal may be from its landmark, and a passed landmark from the path."""

UNREMARKABLE = frozenset(
    {
        "wall",
        "floor",
        "ceiling",
        "door",
        "doorway",
        "door frame",
        "front door",
        "window",
        "curtain",
        "rug",
        "ceiling lamp",
    }
)
"""Categories that every room has or that say little about a place."""


class Ambiguous(Exception):
    """The path cannot be told so that it could not be misread."""


@dataclass(frozen=True)
class Walk:
    """A path to tell.

    Attributes:
        house: Where it is.
        points: Viewpoints from start to goal, metres.
        rooms: Each viewpoint's room.
        heading: First heading, radians.
        visible: Indices of the objects that can be seen from each viewpoint.
    """

    house: House
    points: tuple[Point, ...]
    rooms: tuple[int, ...]
    heading: float
    visible: tuple[frozenset[int], ...]

    def bearing(self, i: int) -> float:
        """Return the heading of the move from viewpoint i to the next."""
        (x, y), (u, v) = self.points[i], self.points[i + 1]
        return math.atan2(u - x, v - y)


@dataclass(frozen=True)
class Part:
    """A sub-instruction.

    Attributes:
        text: Its words in the instruction, without sentence marks.
        action: A2Nav's action type.
        landmark: The room or object that it is about.
        start: Index of the viewpoint where it begins.
        end: Index of the viewpoint where it is done.
    """

    text: str
    action: Action
    landmark: str
    start: int
    end: int


@dataclass(frozen=True)
class Instruction:
    """An instruction with its annotation.

    Attributes:
        text: The words.
        parts: Sub-instructions in order.
    """

    text: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class _Leg:
    """The part of a walk inside one room: viewpoints first..last."""

    room: int
    first: int
    last: int


def instruct(walk: Walk, rng: np.random.Generator, detail: int) -> Instruction:
    """Return an instruction.

    Args:
        walk: The path.
        rng: Chooses among wordings.
        detail: How many passed landmarks are told at most; 0 tells rooms and turns only.

    Raises:
        Ambiguous: The path could be misread.
    """
    legs = _legs(walk.rooms)
    told = Teller(walk, rng)
    parts: list[Part] = []
    budget = detail
    for number, leg in enumerate(legs):
        if number > 0:
            parts.append(told.enter(legs[number - 1], leg, last=number == len(legs) - 1))
        elif len(legs) > 1:
            parts.append(told.leave(leg))
        passed = told.passed(leg) if budget > 0 else None
        if passed is not None:
            parts.append(passed)
            budget -= 1
    parts.append(told.stop(legs[-1], start=parts[-1].end if parts else 0))
    return Instruction(_sentences(parts, rng), tuple(parts))


def _legs(rooms: Sequence[int]) -> list[_Leg]:
    legs: list[_Leg] = []
    for i, room in enumerate(rooms):
        if legs and legs[-1].room == room:
            legs[-1] = _Leg(room, legs[-1].first, i)
        else:
            legs.append(_Leg(room, i, i))
    return legs


class Teller:
    """Puts the parts of one walk into words.

    Args:
        walk: The path.
        rng: Chooses among wordings.
    """

    def __init__(self, walk: Walk, rng: np.random.Generator) -> None:
        self._walk = walk
        self._rng = rng

    def _say(self, *wordings: str) -> str:
        return wordings[int(self._rng.integers(len(wordings)))]

    def _kind(self, room: int) -> str:
        return self._walk.house.rooms[room].category

    def leave(self, leg: _Leg) -> Part:
        """Leave the first room, told with the turn that begins the walk."""
        turn = wrap(self._walk.bearing(0) - self._walk.heading)
        room = self._kind(leg.room)
        start = ""
        if abs(turn) >= BEHIND:
            start = self._say("turn around and ", "turn back and ")
        elif abs(turn) >= SHARP:
            start = f"turn {_side(turn)} and "
        verb = self._say("leave", "exit", "walk out of", "go out of")
        return Part(f"{start}{verb} the {room}", "Exit", room, leg.first, leg.last + 1)

    def enter(self, before: _Leg, leg: _Leg, last: bool) -> Part:
        """Go on into the next room; the last one is entered, others are gone through."""
        room = self._kind(leg.room)
        side = self._which_door(before, leg)
        turn = self._turn_at(before, leg)
        way = f" on {self._say('your', 'the')} {side}" if side else ""
        start = f"turn {_side(turn)} " if abs(turn) >= SHARP and not side else ""
        if last:
            verb = self._say("go into", "enter", "walk into") if not start else self._say("into", "and enter")
            return Part(f"{start}{verb} the {room}{way}", "GoInto", room, before.last, leg.first)
        if start:
            verb = "into"
        elif room == "hallway":
            verb = self._say("walk along", "go down", "follow")
        else:
            verb = self._say("go through", "walk through", "cross")
        return Part(f"{start}{verb} the {room}{way}", "GoThrough", room, before.last, leg.last)

    def _turn_at(self, before: _Leg, leg: _Leg) -> float:
        """Return the turn between the way into a room and the way on, radians; right is positive."""
        came = self._walk.bearing(before.last - 1) if before.last > 0 else self._walk.heading
        return wrap(self._walk.bearing(before.last) - came)

    def _which_door(self, before: _Leg, leg: _Leg) -> str:
        """Return the side that tells this door from others to rooms of the same kind; empty if there are none.

        Raises:
            Ambiguous: Such a door lies on the same side.
        """
        house = self._walk.house
        kind = self._kind(leg.room)
        came_from = self._walk.rooms[before.first - 1] if before.first > 0 else -1
        facing = self._walk.bearing(before.first - 1) if before.first > 0 else self._walk.heading
        here = self._walk.points[before.first]
        sides: dict[int, list[str]] = {}
        for door in house.doors:
            if before.room not in door.rooms:
                continue
            other = door.rooms[0] if door.rooms[1] == before.room else door.rooms[1]
            if other != came_from and self._kind(other) == kind:
                middle = ((door.start[0] + door.end[0]) / 2, (door.start[1] + door.end[1]) / 2)
                angle = wrap(math.atan2(middle[0] - here[0], middle[1] - here[1]) - facing)
                sides.setdefault(other, []).append(_side(angle) if abs(angle) > math.radians(15) else "ahead")
        mine = sides.pop(leg.room, [])
        if not sides:
            return ""
        others = {side for seen in sides.values() for side in seen}
        if len(set(mine)) != 1 or mine[0] == "ahead" or mine[0] in others or "ahead" in others:
            raise Ambiguous(f"two doors from the {self._kind(before.room)} lead to a {kind} on one side")
        return mine[0]

    def passed(self, leg: _Leg) -> Part | None:
        """Tell a landmark that the path passes inside a room, or None if there is none worth it."""
        found = []
        for i in range(leg.first, leg.last):
            for index in sorted(self._walk.visible[i]):
                thing = self._walk.house.objects[index]
                if thing.room == leg.room and thing.category not in UNREMARKABLE and self._names(thing, leg.room):
                    side, off = _beside(self._walk.points[i], self._walk.points[i + 1], thing)
                    if side and off <= BESIDE:
                        found.append((off, index, side, i))
        if not found:
            return None
        _, index, side, i = min(found)
        name = self._names(self._walk.house.objects[index], leg.room)
        verb = self._say("walk past", "pass", "go past")
        return Part(f"{verb} the {name} on your {side}", "GoPast", name, i, i + 1)

    def stop(self, leg: _Leg, start: int) -> Part:
        """Tell where to stop, from where the part before ends.

        Raises:
            Ambiguous: Nothing near the goal can be named so that it is the only one of its name in the room.
        """
        goal = self._walk.points[-1]
        near = []
        for index in sorted(self._walk.visible[-1]):
            thing = self._walk.house.objects[index]
            if thing.room != leg.room or thing.category in UNREMARKABLE or not self._names(thing, leg.room):
                continue
            away = _distance(goal, thing)
            if away <= NEAR:
                near.append((away, index))
        if not near:
            raise Ambiguous(f"nothing in the {self._kind(leg.room)} marks the goal")
        name = self._names(self._walk.house.objects[min(near)[1]], leg.room)
        verb = self._say("stop", "wait", "stop and wait")
        place = self._say("next to", "beside", "near", "by", "in front of")
        end = len(self._walk.points) - 1
        return Part(f"{verb} {place} the {name}", "GoTo", name, start, end)

    def _names(self, thing: Object, room: int) -> str:
        """Return the shortest name that is unique in the room, or an empty string."""
        same = [other for other in self._walk.house.objects if other.room == room and other.category == thing.category]
        if len(same) == 1:
            return thing.category
        alike = [other for other in same if other.color == thing.color]
        return f"{thing.color} {thing.category}" if len(alike) == 1 and thing.color else ""


def _side(angle: float) -> str:
    return "right" if angle > 0 else "left"


def _beside(a: Point, b: Point, thing: Object) -> tuple[str, float]:
    """Return on which side of the move a-b a thing lies, and how far off (metres); no side if it is not beside it."""
    (ax, ay), (bx, by), (x, y, _) = a, b, thing.center
    length = math.hypot(bx - ax, by - ay)
    along = ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length
    across = ((x - ax) * (by - ay) - (y - ay) * (bx - ax)) / length
    if not 0 <= along <= length:
        return "", math.inf
    return ("right" if across > 0 else "left"), abs(across)


def _distance(point: Point, thing: Object) -> float:
    """Return how far a point is from the edge of a thing's footprint, metres."""
    dx, dy = point[0] - thing.center[0], point[1] - thing.center[1]
    # Into the thing's own frame: its front faces `yaw`, clockwise from +y.
    across = dx * math.cos(thing.yaw) - dy * math.sin(thing.yaw)
    along = dx * math.sin(thing.yaw) + dy * math.cos(thing.yaw)
    outside = (max(0.0, abs(across) - thing.size[0] / 2), max(0.0, abs(along) - thing.size[1] / 2))
    return math.hypot(*outside)


def _sentences(parts: Sequence[Part], rng: np.random.Generator) -> str:
    """Join parts into sentences of one to three parts; the stop may stand alone."""
    text, i = [], 0
    while i < len(parts):
        count = min(len(parts) - i, int(rng.integers(1, 4)))
        text.append(_JOINTS[count](*[part.text for part in parts[i : i + count]]))
        i += count
    return " ".join(sentence[0].upper() + sentence[1:] + "." for sentence in text)


_JOINTS: dict[int, Callable[..., str]] = {
    1: lambda a: str(a),
    2: lambda a, b: f"{a} and {b}" if " and " not in a else f"{a}, then {b}",
    3: lambda a, b, c: f"{a}, {b} and {c}",
}
