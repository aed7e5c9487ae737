"""Doors and passages of a floor plan. Whole millimetres."""

from __future__ import annotations

from collections.abc import Iterator

from envs.houses.draws import Draws
from envs.houses.plan import CORNER, GRID, WALL, Opening, PlannedRoom, Rect

Segment = tuple[int, int, int, int]
"""(axis, at, low, high): a piece of a wall's centre line."""


def _contacts(a: Rect, b: Rect) -> Iterator[Segment]:
    for axis, at in ((0, a.y1 if a.y1 == b.y0 else a.y0), (1, a.x1 if a.x1 == b.x0 else a.x0)):
        low, high = max(a[axis], b[axis]), min(a[axis + 2], b[axis + 2])
        if (
            at in (b[1 - axis], b[3 - axis])
            and not (a[1 - axis] < b[3 - axis] and b[1 - axis] < a[3 - axis])
            and low < high
        ):
            yield axis, at, low, high


def shared_segments(rooms: list[PlannedRoom]) -> dict[tuple[int, int], list[Segment]]:
    """Return the walls between each two rooms, longest first."""
    shared: dict[tuple[int, int], list[Segment]] = {}
    for i, room in enumerate(rooms):
        for j in range(i + 1, len(rooms)):
            pieces = sorted({c for a in room.cells for b in rooms[j].cells for c in _contacts(a, b)})
            merged: list[Segment] = []
            for axis, at, low, high in pieces:
                if merged and merged[-1][:2] == (axis, at) and merged[-1][3] == low:
                    merged[-1] = (axis, at, merged[-1][2], high)
                else:
                    merged.append((axis, at, low, high))
            if merged:
                shared[i, j] = sorted(merged, key=lambda s: (s[2] - s[3], s))
    return shared


def draw_openings(
    draws: Draws, rooms: list[PlannedRoom], segments: dict[tuple[int, int], list[Segment]], hub: bool
) -> list[Opening]:
    """Draw doors and passages between rooms that share a wall."""
    centre = "living room" if hub else "hallway"
    found = []
    for (i, j), walls in segments.items():
        kind = _kind(draws, rooms, (i, j), centre)
        opening = kind and _opening(draws, (i, j), walls[0], kind)
        if opening:
            found.append(opening)
    return found


def _kind(draws: Draws, rooms: list[PlannedRoom], pair: tuple[int, int], centre: str) -> str:
    """Return what opens between two neighbours: "door", "passage" or ""."""
    i, j = pair
    if rooms[i].host >= 0 or rooms[j].host >= 0:
        return "door" if rooms[i].host == j or rooms[j].host == i else ""
    a, b = sorted((rooms[i].category, rooms[j].category))
    wide = {
        ("dining room", "kitchen"): 75,
        ("dining room", "living room"): 85,
        ("kitchen", "living room"): 65,
        ("hallway", "living room"): 80,
        ("dining room", "hallway"): 50,
        ("hallway", "kitchen"): 35,
    }.get((a, b))
    if wide is not None:
        return "passage" if draws.chance(wide) else "door"
    if centre in (a, b):
        return "door"
    also = {("bathroom", "bedroom"): 20, ("kitchen", "laundry room"): 50, ("bedroom", "office"): 10}
    return "door" if draws.chance(also.get((a, b), 0)) else ""


def _opening(draws: Draws, pair: tuple[int, int], segment: Segment, kind: str) -> Opening | None:
    axis, at, low, high = segment
    low, high = low + WALL // 2 + CORNER, high - WALL // 2 - CORNER
    if kind == "passage" and high - low < 1150:
        kind = "door"
    if kind == "passage":
        width = draws.between(1150, min(high - low, 2000), GRID)
        height = draws.between(2150, 2300, GRID)
    else:
        width = draws.between(900, 1000, GRID)
        height = draws.between(2000, 2100, GRID)
    slack = high - low - width
    if slack < 0:
        return None
    # Mostly near a corner, as people build: that leaves long walls for furniture.
    offset = draws.weighted(((draws.between(0, min(slack, 300), 10), 2), (slack, 2), (draws.between(0, slack, 10), 1)))
    return Opening(pair, axis, at, (low + offset, low + offset + width), height, kind)


def is_connected(count: int, openings: list[Opening]) -> bool:
    """Return whether openings join all rooms."""
    reached, before = {0}, 0
    while len(reached) > before:
        before = len(reached)
        reached |= {room for opening in openings if reached & set(opening.rooms) for room in opening.rooms}
    return len(reached) == count
