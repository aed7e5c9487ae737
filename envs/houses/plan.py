"""What a floor plan is. Whole millimetres; walls on a grid of 5 cm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

Whole = tuple[int, int]


WALL = 120
"""Thickness of walls, mm."""


GRID = 50


CORNER = 150
"""From a room's corner to the nearest opening, mm: room for the frame."""


# Widths along the row, mm.
WIDTHS: dict[str, Whole] = {
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


ROOM_CATEGORIES = tuple(WIDTHS)


FRONT_DOOR = (950, 2050)


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
