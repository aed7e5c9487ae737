"""The floor plan: which rooms, where, and what opens between them. Whole millimetres; walls on a grid of 5 cm.

Two kinds of house. Around a hallway: rooms in two rows along it, often a living room across its end and a side arm to
the
front door. Around a living room: rooms in two rows along it and one at either end. Rooms tile the plan along the walls'
centre lines, so that a room's cells say where its walls and floor meet its neighbours'.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import shapely

from envs.houses.draws import Draws

Whole = tuple[int, int]

WALL = 120
"""Thickness of walls, mm."""

_GRID = 50
_CORNER = 150
"""From a room's corner to the nearest opening, mm: room for the frame."""

_SPREAD = 115
"""A room may grow to this per cent of its drawn width, so that the rows come out equally long."""

# Widths along the row, mm.
_WIDTHS: dict[str, Whole] = {
    "bedroom": (3200, 4300),
    "bathroom": (2000, 2600),
    "closet": (1700, 2200),
    "dining room": (3200, 4100),
    "hallway": (1500, 1800),
    "kitchen": (2900, 3900),
    "laundry room": (1900, 2500),
    "living room": (4600, 5800),
    "office": (2700, 3600),
}
ROOM_CATEGORIES = tuple(_WIDTHS)

# What a house may have besides living room, kitchen, bedroom and bathroom: category, weight, the most of it.
_EXTRAS = (
    ("dining room", 7, 1),
    ("bedroom", 7, 4),
    ("bathroom", 5, 3),
    ("office", 4, 2),
    ("laundry room", 4, 1),
    ("closet", 4, 3),
)
_COUNTS = ((4, 6), (5, 8), (6, 10), (7, 14), (8, 16), (9, 16), (10, 13), (11, 10), (12, 7))
_FRONT_DOOR = (950, 2050)


class Rect(NamedTuple):
    """An axis-parallel rectangle, mm."""

    x0: int
    y0: int
    x1: int
    y1: int

    def grown(self, by: int) -> Rect:
        """Return it larger by `by` on each side."""
        return Rect(self.x0 - by, self.y0 - by, self.x1 + by, self.y1 + by)

    def meets(self, other: Rect) -> bool:
        """Tell whether the insides overlap."""
        return self.x0 < other.x1 and other.x0 < self.x1 and self.y0 < other.y1 and other.y0 < self.y1

    def holds(self, other: Rect) -> bool:
        """Tell whether `other` lies inside."""
        return self.x0 <= other.x0 and self.y0 <= other.y0 and other.x1 <= self.x1 and other.y1 <= self.y1


@dataclass(frozen=True)
class PlannedRoom:
    """A room on the plan.

    Attributes:
        category: What it is.
        cells: Rectangles that it is made of, on the walls' centre lines; neighbours share whole edges.
        host: Index of the only room that it opens to (an en-suite bathroom's bedroom), or -1.
    """

    category: str
    cells: tuple[Rect, ...]
    host: int = -1


@dataclass(frozen=True)
class Opening:
    """A door or passage on the centre line of a wall.

    Attributes:
        rooms: The rooms it joins.
        axis: 0 if the wall runs along x, 1 along y.
        at: The wall's other coordinate.
        span: Where it begins and ends along the wall.
        height: Of the opening.
        kind: "door" or "passage".
    """

    rooms: tuple[int, int]
    axis: int
    at: int
    span: Whole
    height: int
    kind: str


@dataclass(frozen=True)
class Hole:
    """What interrupts a wall's face.

    Attributes:
        kind: "door", "passage", "window" or "front door".
        s: Where it begins and ends along the wall from its start.
        z: Its lower and upper edge.
        opening: Index of the opening for doors and passages, or -1.
    """

    kind: str
    s: Whole
    z: Whole
    opening: int = -1


@dataclass(frozen=True)
class Wall:
    """One face of a wall, seen from its room, which lies to the left of start to end.

    Attributes:
        room: Index.
        start: Corner of the room.
        end: The next corner, counterclockwise.
        outer: The other side is outdoors, at least in part.
        holes: Openings and windows.
    """

    room: int
    start: Whole
    end: Whole
    outer: bool
    holes: tuple[Hole, ...]

    @property
    def length(self) -> int:
        """Millimetres."""
        return abs(self.end[0] - self.start[0]) + abs(self.end[1] - self.start[1])

    @property
    def along(self) -> Whole:
        """Unit vector from start to end."""
        return (self.end[0] - self.start[0]) // self.length, (self.end[1] - self.start[1]) // self.length

    @property
    def quarter(self) -> int:
        """Quarter turns clockwise from +y to where the wall faces."""
        return {(1, 0): 0, (0, -1): 1, (-1, 0): 2, (0, 1): 3}[self.along]

    def rect(self, s: Whole, depth: Whole) -> Rect:
        """Return the rectangle from s[0] to s[1] along the wall and depth[0] to depth[1] into the room."""
        (ux, uy), (x, y) = self.along, self.start
        corners = [(x + ux * a - uy * b, y + uy * a + ux * b) for a, b in zip(s, depth, strict=True)]
        (xs, ys) = zip(*corners, strict=True)
        return Rect(min(xs), min(ys), max(xs), max(ys))


@dataclass(frozen=True)
class Plan:
    """A floor plan.

    Attributes:
        rooms: Its rooms.
        openings: Doors and passages; with the rooms a connected graph.
        outlines: Corners of each room's floor inside its walls, counterclockwise.
        insides: Rectangles that together are each room's floor and may overlap: as large as they can be.
        walls: All faces of all walls.
    """

    rooms: tuple[PlannedRoom, ...]
    openings: tuple[Opening, ...]
    outlines: tuple[tuple[Whole, ...], ...]
    insides: tuple[tuple[Rect, ...], ...]
    walls: tuple[Wall, ...]


def make_plan(draws: Draws) -> Plan | None:
    """Draw a plan; None if the draw does not work out."""
    count = draws.weighted(_COUNTS)
    hub = count == 4 or (count <= 7 and draws.chance(45))
    program = _program(draws, count, hub)
    rooms = _around_living_room(draws, program) if hub else _around_hallway(draws, program)
    if rooms is None or len(rooms) != count:
        return None
    rooms = _transformed(draws, rooms)
    segments = _shared_segments(rooms)
    openings = _openings(draws, rooms, segments, hub)
    if not _connected(len(rooms), openings):
        return None
    outlines = tuple(_outline(room.cells) for room in rooms)
    insides = tuple(_insides(room.cells) for room in rooms)
    walls = tuple(_walls(draws, rooms, openings, segments, outlines))
    return Plan(tuple(rooms), tuple(openings), outlines, insides, walls)


# --- Which rooms -----------------------------------------------------------------------------------------------------


def _program(draws: Draws, count: int, hub: bool) -> list[str]:
    rooms = ["living room", "kitchen", "bedroom", "bathroom"] + ([] if hub else ["hallway"])
    while len(rooms) < count:
        beds = rooms.count("bedroom")
        caps = {"bathroom": beds + 1, "closet": beds, "bedroom": 2 if hub else 4}
        rooms.append(
            draws.weighted([(c, w) for c, w, most in _EXTRAS if rooms.count(c) < min(most, caps.get(c, most))])
        )
    return rooms


@dataclass
class _Unit:
    """A piece of a row: a room, or a room with a strip of one or two small ones beside it.

    Attributes:
        category: Of the main room; "hallway" is an arm of the hallway.
        width: Of the main room.
        strip: Width of the strip.
        near: Category of the strip's room next to the hallway, or "".
        far: Category of the strip's room that opens to the main room only, or "".
        mirrored: The strip comes first.
    """

    category: str
    width: int
    strip: int = 0
    near: str = ""
    far: str = ""
    mirrored: bool = False

    @property
    def length(self) -> int:
        return self.width + self.strip


def _width(draws: Draws, category: str) -> int:
    return draws.between(*_WIDTHS[category], _GRID)


def _private_units(draws: Draws, program: list[str]) -> list[_Unit]:
    """Pair bedrooms with their bathrooms and closets; what remains stands alone."""
    own = draws.shuffled(["bathroom"] * (program.count("bathroom") - 1) + ["closet"] * program.count("closet"))
    shared = draws.shuffled(["bathroom"] + ["laundry room"] * program.count("laundry room"))
    units = []
    for _ in range(program.count("bedroom")):
        unit = _Unit("bedroom", _width(draws, "bedroom"), mirrored=draws.chance(50))
        if own:
            unit.far = own.pop()
            unit.strip = _width(draws, unit.far)
            if shared and draws.chance(60):
                unit.near = shared.pop()
                unit.strip = max(unit.strip, _width(draws, unit.near))
        units.append(unit)
    units += [_Unit(category, _width(draws, category)) for category in own + shared]
    units += [_Unit("office", _width(draws, "office")) for _ in range(program.count("office"))]
    return draws.shuffled(units)


def _row(units: list[_Unit], start: int, face: int, depth: int, up: bool) -> list[PlannedRoom]:
    """Lay units side by side from x = start; `face` is the row's side on the hallway. Hosts count within the row."""
    rooms: list[PlannedRoom] = []
    x = start

    def cell(x0: int, x1: int, near: int, far: int) -> tuple[Rect, ...]:
        return (Rect(x0, face + near, x1, face + far) if up else Rect(x0, face - far, x1, face - near),)

    for unit in units:
        strip = (x, x + unit.strip) if unit.mirrored else (x + unit.width, x + unit.length)
        main = (x + unit.strip, x + unit.length) if unit.mirrored else (x, x + unit.width)
        host = len(rooms)
        rooms.append(PlannedRoom(unit.category, cell(*main, 0, depth)))
        split = depth // 100 * 50 if unit.near else 0
        if unit.near:
            rooms.append(PlannedRoom(unit.near, cell(*strip, 0, split)))
        if unit.far:
            rooms.append(PlannedRoom(unit.far, cell(*strip, split, depth), host))
        x += unit.length
    return rooms


def _stretch(units: list[_Unit], length: int) -> None:
    """Widen main rooms towards a row's length, none by more than may be."""
    for unit in units:
        missing = length - sum(each.length for each in units)
        if missing > 0 and unit.category != "hallway":
            unit.width += min(missing, (unit.width * (_SPREAD - 100) // 100) // _GRID * _GRID)


def _length(units: list[_Unit]) -> int:
    return sum(unit.length for unit in units)


def _append(rooms: list[PlannedRoom], more: list[PlannedRoom]) -> None:
    """Append rooms whose hosts count from their own first."""
    first = len(rooms)
    rooms += [PlannedRoom(r.category, r.cells, r.host + first if r.host >= 0 else -1) for r in more]


def _around_hallway(draws: Draws, program: list[str]) -> list[PlannedRoom] | None:
    width = _width(draws, "hallway")
    depths = (draws.between(3500, 4400, _GRID), draws.between(3500, 4400, _GRID))
    rows: tuple[list[_Unit], list[_Unit]] = ([], [])
    cooking = [_Unit("kitchen", _width(draws, "kitchen"))]
    if "dining room" in program:
        cooking.append(_Unit("dining room", _width(draws, "dining room")))
    across = draws.chance(60)
    if across:  # the living room lies across the hallway's end, the dining room (or kitchen) beside it
        corner = cooking.pop()
        rows[0].extend(cooking)
    else:
        rows[0].extend(draws.shuffled(cooking))
        rows[1].append(_Unit("living room", _width(draws, "living room")))
    for unit in _private_units(draws, program):
        shorter = 0 if _length(rows[0]) < _length(rows[1]) else 1
        rows[shorter].append(unit)
    if len(program) >= 7 and draws.chance(45):
        arm = draws.below(2)
        rows[arm].insert(draws.between(1, max(1, len(rows[arm]))), _Unit("hallway", width))
    length = max(_length(rows[0]), _length(rows[1]))
    for row in rows:
        _stretch(row, length)
    if min(len(row) for row in rows) == 0 or length > 17000:
        return None
    rooms: list[PlannedRoom] = []
    if across:
        west = _width(draws, "living room")
        rooms.append(PlannedRoom("living room", (Rect(-west, -depths[1], 0, width),)))
        rooms.append(PlannedRoom(corner.category, (Rect(-west, width, 0, width + depths[0]),)))
    for units, depth, up in zip(rows, depths, (True, False), strict=True):
        _append(rooms, _row(units, 0, width if up else 0, depth, up))
    return _with_hallway(rooms, length, width)


def _with_hallway(rooms: list[PlannedRoom], length: int, width: int) -> list[PlannedRoom]:
    """Add the hallway; its arm, laid with the rows, becomes a part of it."""
    arms = [room.cells[0] for room in rooms if room.category == "hallway"]
    cuts = sorted({0, length, *(x for arm in arms for x in (arm.x0, arm.x1))})
    spine = [Rect(a, 0, b, width) for a, b in pairwise(cuts)]
    kept = [i for i, room in enumerate(rooms) if room.category != "hallway"]
    place = {old: new for new, old in enumerate(kept)}
    place[-1] = -1
    return [
        *(PlannedRoom(rooms[i].category, rooms[i].cells, place[rooms[i].host]) for i in kept),
        PlannedRoom("hallway", (*spine, *arms)),
    ]


def _around_living_room(draws: Draws, program: list[str]) -> list[PlannedRoom] | None:
    depth = draws.between(4200, 5200, _GRID)
    depths = (draws.between(3200, 4000, _GRID), draws.between(3200, 4000, _GRID))
    rows: tuple[list[_Unit], list[_Unit]] = ([_Unit("kitchen", _width(draws, "kitchen"))], [])
    if "dining room" in program:
        rows[0].append(_Unit("dining room", _width(draws, "dining room")))
    ends: list[_Unit] = []
    for unit in _private_units(draws, program):
        row = min(rows, key=_length)
        if _length(row) + unit.length <= 7600:
            row.append(unit)
        elif unit.strip == 0 and unit.category in ("bedroom", "office") and len(ends) < 2:
            ends.append(unit)
        else:
            return None
    length = max(_length(rows[0]), _length(rows[1]), 4800)
    for row in rows:
        _stretch(row, length)
    if not rows[1]:
        return None
    rooms = [PlannedRoom("living room", (Rect(0, 0, length, depth),))]
    for units, row_depth, up in zip(rows, depths, (True, False), strict=True):
        _append(rooms, _row(units, 0, depth if up else 0, row_depth, up))
    for unit, start in zip(ends, (-ends[0].width if ends else 0, length), strict=False):
        rooms.append(PlannedRoom(unit.category, (Rect(start, 0, start + unit.width, depth),)))
    return rooms


def _transformed(draws: Draws, rooms: list[PlannedRoom]) -> list[PlannedRoom]:
    """Mirror and turn the whole plan, and put its corner at the origin."""
    flip_x, flip_y, swap = draws.chance(50), draws.chance(50), draws.chance(50)

    def image(r: Rect) -> Rect:
        x0, x1 = (-r.x1, -r.x0) if flip_x else (r.x0, r.x1)
        y0, y1 = (-r.y1, -r.y0) if flip_y else (r.y0, r.y1)
        return Rect(y0, x0, y1, x1) if swap else Rect(x0, y0, x1, y1)

    images = [[image(cell) for cell in room.cells] for room in rooms]
    left = min(cell.x0 for cells in images for cell in cells)
    low = min(cell.y0 for cells in images for cell in cells)
    return [
        PlannedRoom(
            room.category, tuple(Rect(c.x0 - left, c.y0 - low, c.x1 - left, c.y1 - low) for c in cells), room.host
        )
        for room, cells in zip(rooms, images, strict=True)
    ]


# --- Openings --------------------------------------------------------------------------------------------------------

_Segment = tuple[int, int, int, int]
"""(axis, at, low, high): a piece of a wall's centre line."""


def _contacts(a: Rect, b: Rect) -> Iterator[_Segment]:
    for axis, at in ((0, a.y1 if a.y1 == b.y0 else a.y0), (1, a.x1 if a.x1 == b.x0 else a.x0)):
        low, high = max(a[axis], b[axis]), min(a[axis + 2], b[axis + 2])
        if (
            at in (b[1 - axis], b[3 - axis])
            and not (a[1 - axis] < b[3 - axis] and b[1 - axis] < a[3 - axis])
            and low < high
        ):
            yield axis, at, low, high


def _shared_segments(rooms: list[PlannedRoom]) -> dict[tuple[int, int], list[_Segment]]:
    """Return the walls between each two rooms, longest first."""
    shared: dict[tuple[int, int], list[_Segment]] = {}
    for i, room in enumerate(rooms):
        for j in range(i + 1, len(rooms)):
            pieces = sorted({c for a in room.cells for b in rooms[j].cells for c in _contacts(a, b)})
            merged: list[_Segment] = []
            for axis, at, low, high in pieces:
                if merged and merged[-1][:2] == (axis, at) and merged[-1][3] == low:
                    merged[-1] = (axis, at, merged[-1][2], high)
                else:
                    merged.append((axis, at, low, high))
            if merged:
                shared[i, j] = sorted(merged, key=lambda s: (s[2] - s[3], s))
    return shared


def _openings(
    draws: Draws, rooms: list[PlannedRoom], segments: dict[tuple[int, int], list[_Segment]], hub: bool
) -> list[Opening]:
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


def _opening(draws: Draws, pair: tuple[int, int], segment: _Segment, kind: str) -> Opening | None:
    axis, at, low, high = segment
    low, high = low + WALL // 2 + _CORNER, high - WALL // 2 - _CORNER
    if kind == "passage" and high - low < 1150:
        kind = "door"
    if kind == "passage":
        width = draws.between(1150, min(high - low, 2000), _GRID)
        height = draws.between(2150, 2300, _GRID)
    else:
        width = draws.between(900, 1000, _GRID)
        height = draws.between(2000, 2100, _GRID)
    slack = high - low - width
    if slack < 0:
        return None
    # Mostly near a corner, as people build: that leaves long walls for furniture.
    offset = draws.weighted(((draws.between(0, min(slack, 300), 10), 2), (slack, 2), (draws.between(0, slack, 10), 1)))
    return Opening(pair, axis, at, (low + offset, low + offset + width), height, kind)


def _connected(count: int, openings: list[Opening]) -> bool:
    reached, before = {0}, 0
    while len(reached) > before:
        before = len(reached)
        reached |= {room for opening in openings if reached & set(opening.rooms) for room in opening.rooms}
    return len(reached) == count


# --- Walls -----------------------------------------------------------------------------------------------------------


def _outline(cells: tuple[Rect, ...]) -> tuple[Whole, ...]:
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


def _insides(cells: tuple[Rect, ...]) -> tuple[Rect, ...]:
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


def _walls(
    draws: Draws,
    rooms: list[PlannedRoom],
    openings: list[Opening],
    segments: dict[tuple[int, int], list[_Segment]],
    outlines: tuple[tuple[Whole, ...], ...],
) -> Iterator[Wall]:
    inner: dict[int, list[_Segment]] = defaultdict(list)
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


def _outdoors(wall: Wall, inner: list[_Segment]) -> Iterator[Whole]:
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
    width, height = _FRONT_DOOR
    for low, high in outdoors:
        slack = high - low - width - 2 * _CORNER
        if slack >= 0:
            start = low + _CORNER + draws.pick((0, slack, slack // 100 * 50))
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
            yield Hole("window", (start, start + width), (draws.between(*sills, _GRID), _HEAD))
