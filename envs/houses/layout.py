"""Which rooms a house has and where they lie. Whole millimetres."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from envs.houses.draws import Draws
from envs.houses.plan import GRID, WIDTHS, PlannedRoom, Rect

_SPREAD = 115
"""A room may grow to this per cent of its drawn width, so that the rows come out equally long."""


# What a house may have besides living room, kitchen, bedroom and bathroom: category, weight, the most of it.
_EXTRAS = (
    ("dining room", 7, 1),
    ("bedroom", 7, 4),
    ("bathroom", 5, 3),
    ("office", 4, 2),
    ("laundry room", 4, 1),
    ("closet", 4, 3),
)


COUNTS = ((4, 6), (5, 8), (6, 10), (7, 14), (8, 16), (9, 16), (10, 13), (11, 10), (12, 7))


def draw_program(draws: Draws, count: int, hub: bool) -> list[str]:
    """Draw the categories of `count` rooms."""
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
    return draws.between(*WIDTHS[category], GRID)


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
            unit.width += min(missing, (unit.width * (_SPREAD - 100) // 100) // GRID * GRID)


def _length(units: list[_Unit]) -> int:
    return sum(unit.length for unit in units)


def _append(rooms: list[PlannedRoom], more: list[PlannedRoom]) -> None:
    """Append rooms whose hosts count from their own first."""
    first = len(rooms)
    rooms += [PlannedRoom(r.category, r.cells, r.host + first if r.host >= 0 else -1) for r in more]


def around_hallway(draws: Draws, program: list[str]) -> list[PlannedRoom] | None:
    """Lay rooms in two rows along a hallway; None if they do not fit."""
    width = _width(draws, "hallway")
    depths = (draws.between(3500, 4400, GRID), draws.between(3500, 4400, GRID))
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


def around_living_room(draws: Draws, program: list[str]) -> list[PlannedRoom] | None:
    """Lay rooms around a living room; None if they do not fit."""
    depth = draws.between(4200, 5200, GRID)
    depths = (draws.between(3200, 4000, GRID), draws.between(3200, 4000, GRID))
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


def transformed(draws: Draws, rooms: list[PlannedRoom]) -> list[PlannedRoom]:
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
