"""What a viewpoint looks like, in words made from the renderer's semantic views, in NavGPT's file layout.

They come from ground truth (object categories, room names), so a policy that reads them is privileged.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from envs.houses.house import House, Point
from envs.houses.sights import SECTORS, Sight, bearing

MOST_TOLD = 4
"""Objects that a sentence names at most."""

NEAR = 3.0
"""Metres up to which objects are listed with heading and distance, as in NavGPT."""

BUILDING = frozenset({"wall", "floor", "ceiling", "door frame", "ceiling lamp"})
"""What every view shows and no sentence names."""


def viewpoint_texts(house: House, room: int, point: Point, seen: Sequence[Sight]) -> dict[str, Any]:
    """Return a viewpoint's texts by NavGPT's file names.

    Args:
        house: The house.
        room: The viewpoint's room.
        point: Its position, metres.
        seen: What is seen from it.
    """
    sectors = [[sight for sight in seen if sight.sector == k] for k in range(SECTORS)]
    return {
        "observations_list_summarized": [_sentence(house, room, sector) for sector in sectors],
        "observations_summarized": _summary(house, room, seen),
        "objects_list": [_objects(house, point, sector) for sector in sectors],
    }


def _sentence(house: House, room: int, sector: Sequence[Sight]) -> str:
    """Return one sector in a sentence: what is in this room, then what can be seen of others."""
    told = sorted((sight for sight in sector if _tells(house, sight)), key=lambda sight: -sight.pixels)[:MOST_TOLD]
    by_room: dict[int, list[str]] = {}
    for sight in told:
        thing = house.objects[sight.index]
        by_room.setdefault(thing.room, []).append(_article(f"{thing.color} {thing.category}".strip()))
    here = by_room.pop(room, ["nothing but a wall"] if not by_room else ["a way out"])
    parts = [f"A {house.rooms[room].category} with {_and(here)}"]
    parts += [f"beyond it a {house.rooms[other].category} with {_and(names)}" for other, names in by_room.items()]
    return "; ".join(parts) + "."


def _summary(house: House, room: int, seen: Sequence[Sight]) -> str:
    others = sorted({house.rooms[house.objects[s.index].room].category for s in seen} - {house.rooms[room].category})
    told = sorted((sight for sight in seen if _tells(house, sight)), key=lambda sight: -sight.pixels)[:MOST_TOLD]
    things = _and([_article(house.objects[sight.index].category) for sight in told]) if told else "bare walls"
    beyond = f", and a view of the {_and(others)}" if others else ""
    return f"a {house.rooms[room].category} with {things}{beyond}"


def _tells(house: House, sight: Sight) -> bool:
    return house.objects[sight.index].category not in BUILDING


def _objects(house: House, point: Point, sector: Sequence[Sight]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for sight in sector:
        heading, distance = bearing(house, point, sight.index)
        if distance <= NEAR and _tells(house, sight):
            found.setdefault(
                house.objects[sight.index].category,
                {"heading": round(math.degrees(heading), 2), "distance": round(distance, 2)},
            )
    return found


def _article(name: str) -> str:
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _and(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
