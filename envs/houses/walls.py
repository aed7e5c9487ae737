"""Walls of a floor plan, with windows and the front door. Whole millimetres."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import shapely

from envs.houses.draws import Draws
from envs.houses.openings import Segment
from envs.houses.plan import CORNER, FRONT_DOOR, GRID, WALL, Hole, Opening, PlannedRoom, Rect, Wall, Whole


def outline_of(cells: tuple[Rect, ...]) -> tuple[Whole, ...]:
    """Return the corners inside the walls, counterclockwise from the lowest of the leftmost."""
    ring = shapely.unary_union([shapely.box(*cell) for cell in cells]).exterior
    points = [(round(x), round(y)) for x, y in ring.coords[:-1]]
    if not shapely.is_ccw(ring):
        points.reverse()
    count = len(points)
    corners = [i for i in range(count) if not _straight(points[i - 1], points[i], points[(i + 1) % count])]
    kept = [points[i] for i in corners]
    first = kept.index(min(kept))
    kept = kept[first:] + kept[:first]
    half = WALL // 2
    inset = []
    for i, (x, y) in enumerate(kept):
        shift_x = shift_y = 0
        for (ax, ay), (bx, by) in ((kept[i - 1], (x, y)), ((x, y), kept[(i + 1) % len(kept)])):
            shift_x -= half * ((by > ay) - (by < ay))
            shift_y += half * ((bx > ax) - (bx < ax))
        inset.append((x + shift_x, y + shift_y))
    return tuple(inset)


def _straight(a: Whole, b: Whole, c: Whole) -> bool:
    return a[0] == b[0] == c[0] or a[1] == b[1] == c[1]


def insides_of(cells: tuple[Rect, ...]) -> tuple[Rect, ...]:
    """Return the largest rectangles within a room: its spine, and its arm prolonged across the spine."""
    half = WALL // 2
    if len(cells) == 1:
        return (cells[0].grown(-half),)
    hull = Rect(*(f(c[k] for c in cells) for k, f in ((0, min), (1, min), (2, max), (3, max))))
    found = []
    for cell in cells:
        across = [c for c in cells if (c.y0, c.y1) == (cell.y0, cell.y1)]
        upright = [c for c in cells if (c.x0, c.x1) == (cell.x0, cell.x1)]
        found.append(Rect(min(c.x0 for c in across), cell.y0, max(c.x1 for c in across), cell.y1).grown(-half))
        found.append(Rect(cell.x0, min(c.y0 for c in upright), cell.x1, max(c.y1 for c in upright)).grown(-half))
    unique = sorted(set(found))
    assert all(hull.holds(r) for r in unique)
    return tuple(r for r in unique if not any(other != r and other.holds(r) for other in unique))


def build_walls(
    draws: Draws,
    rooms: list[PlannedRoom],
    openings: list[Opening],
    segments: dict[tuple[int, int], list[Segment]],
    outlines: tuple[tuple[Whole, ...], ...],
) -> Iterator[Wall]:
    """Build every room's walls with their openings, windows and the front door."""
    inner: dict[int, list[Segment]] = defaultdict(list)
    for pair, found in segments.items():
        for room in pair:
            inner[room] += found
    entrance_room = next(i for name in ("hallway", "living room") for i, r in enumerate(rooms) if r.category == name)
    entrance = False
    for room, outline in enumerate(outlines):
        category = rooms[room].category
        for start, end in zip(outline, (*outline[1:], outline[0]), strict=True):
            bare = Wall(room, start, end, False, ())
            outdoors = list(_outdoors(bare, inner[room]))
            holes = [_hole(bare, i, o) for i, o in enumerate(openings) if room in o.rooms and _on(bare, o)]
            if room == entrance_room and not entrance:
                door = _front_door(draws, outdoors)
                entrance = bool(door)
                holes += door
            holes += [w for w in _windows(draws, category, outdoors) if all(_apart(w, hole) for hole in holes)]
            yield Wall(room, start, end, bool(outdoors), tuple(sorted(holes, key=lambda hole: hole.s)))


def _centre_line(wall: Wall) -> tuple[int, int]:
    """Return the axis of a wall and the coordinate of its centre line."""
    (ux, uy), (x, y) = wall.along, wall.start
    return (0, y - ux * WALL // 2) if ux else (1, x + uy * WALL // 2)


def _along(wall: Wall, span: Whole) -> Whole:
    """Return a span of coordinates as distances from the wall's start."""
    axis = 0 if wall.along[0] else 1
    a, b = ((value - wall.start[axis]) * wall.along[axis] for value in span)
    return min(a, b), max(a, b)


def _on(wall: Wall, opening: Opening) -> bool:
    s = _along(wall, opening.span)
    return _centre_line(wall) == (opening.axis, opening.at) and s[0] >= 0 and s[1] <= wall.length


def _hole(wall: Wall, index: int, opening: Opening) -> Hole:
    return Hole(opening.kind, _along(wall, opening.span), (0, opening.height), index)


def _apart(a: Hole, b: Hole) -> bool:
    return a.s[1] + 200 <= b.s[0] or b.s[1] + 200 <= a.s[0]


def _outdoors(wall: Wall, inner: list[Segment]) -> Iterator[Whole]:
    """Yield the spans of a wall that have no room behind them."""
    line = _centre_line(wall)
    taken = sorted(_along(wall, (low, high)) for axis, at, low, high in inner if (axis, at) == line)
    free = 0
    for low, high in taken:
        if low - free > WALL:
            yield free, min(low, wall.length)
        free = max(free, high)
    if wall.length - free > WALL:
        yield free, wall.length


def _front_door(draws: Draws, outdoors: list[Whole]) -> list[Hole]:
    width, height = FRONT_DOOR
    for low, high in outdoors:
        slack = high - low - width - 2 * CORNER
        if slack >= 0:
            start = low + CORNER + draws.pick((0, slack, slack // 100 * 50))
            return [Hole("front door", (start, start + width), (0, height))]
    return []


# Windows by room: per cent of outer walls that have one, widths, sills, mm.
_WINDOWS: dict[str, tuple[int, Whole, Whole]] = {
    "bedroom": (85, (1000, 1600), (900, 1000)),
    "bathroom": (75, (500, 800), (1300, 1400)),
    "closet": (0, (500, 600), (1500, 1500)),
    "dining room": (90, (1200, 1800), (800, 900)),
    "hallway": (70, (600, 900), (900, 1100)),
    "kitchen": (90, (1000, 1500), (1100, 1150)),
    "laundry room": (50, (600, 800), (1300, 1400)),
    "living room": (90, (1400, 2200), (600, 850)),
    "office": (90, (1000, 1500), (850, 950)),
}


_HEAD = 2150


def _windows(draws: Draws, category: str, outdoors: list[Whole]) -> Iterator[Hole]:
    percent, widths, sills = _WINDOWS[category]
    for low, high in outdoors:
        pieces = 2 if high - low >= 5200 else 1
        for piece in range(pieces):
            a = low + (high - low) * piece // pieces // 10 * 10 + 300
            b = low + (high - low) * (piece + 1) // pieces // 10 * 10 - 300
            width = min(draws.between(*widths, 100), (b - a) // 10 * 10)
            if width < min(500, widths[0]) or not draws.chance(percent):
                continue
            slack = b - a - width
            start = a + draws.weighted(((slack // 20 * 10, 3), (draws.between(0, slack, 10), 1)))
            yield Hole("window", (start, start + width), (draws.between(*sills, GRID), _HEAD))
