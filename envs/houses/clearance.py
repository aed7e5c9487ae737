"""Free floor that is nowhere too narrow, as polygons.

All rectangles are axis-parallel with whole millimetres, so that growing and shrinking with mitred corners is exact
and the result does not depend on the machine.
"""

from __future__ import annotations

from collections.abc import Iterable

import shapely
from shapely.geometry.base import BaseGeometry

from envs.houses.house import AGENT_RADIUS, Point
from envs.houses.plan import Rect, Whole

RADIUS = round(AGENT_RADIUS * 1000)
CORE = RADIUS + 75 + 5
"""mm: what stays clear of obstacles by so much is, once eroded by the radius, nowhere narrower than 0.15 m."""


def union(rects: Iterable[Rect]) -> BaseGeometry:
    """Return the union of rectangles."""
    return shapely.unary_union([shapely.box(*rect) for rect in rects])


def grown(area: BaseGeometry, by: int) -> BaseGeometry:
    """Return an area grown (or shrunk, if negative) by a distance along the axes."""
    return shapely.buffer(area, by, join_style="mitre", mitre_limit=5.0)


def pieces(area: BaseGeometry) -> list[shapely.Polygon]:
    """Return the polygons of an area, largest first."""
    parts = [part for part in shapely.get_parts(area) if isinstance(part, shapely.Polygon) and part.area > 0]
    return sorted(parts, key=lambda part: (-part.area, part.bounds))


def walkable(free: BaseGeometry) -> shapely.Polygon | None:
    """Return the part of the free floor that an agent can use; None if it is not one piece.

    Gaps too narrow to pass at ease are closed off, and so is what lies behind them.
    """
    core = pieces(grown(free, -CORE))
    if not core:
        return None
    floor = grown(core[0], CORE)
    # Where two wide parts nearly touch at their corners, growing them opens a narrow way: close it.
    for _ in range(4):
        eroded = grown(floor, -RADIUS)
        narrow = eroded.difference(grown(grown(eroded, -(CORE - RADIUS)), CORE - RADIUS))
        if narrow.area < 1:
            return floor if isinstance(floor, shapely.Polygon) and len(pieces(eroded)) == 1 else None
        floor = floor.difference(grown(shapely.box(*narrow.bounds), RADIUS - 5))
        core = pieces(grown(floor, -CORE))
        floor = grown(core[0], CORE)
    return None


def rings(area: shapely.Polygon) -> tuple[tuple[Point, ...], ...]:
    """Return the outer ring and the holes in metres, in an order that depends on the area only."""
    outer = _ring(area.exterior, clockwise=False)
    return outer, *sorted(_ring(hole, clockwise=True) for hole in area.interiors)


def _ring(ring: shapely.LinearRing, clockwise: bool) -> tuple[Point, ...]:
    points: list[Whole] = [(round(x), round(y)) for x, y in ring.coords[:-1]]
    if shapely.is_ccw(ring) == clockwise:
        points.reverse()
    count = len(points)
    corners = [points[i] for i in range(count) if _turns(points[i - 1], points[i], points[(i + 1) % count])]
    first = corners.index(min(corners))
    return tuple((x / 1000, y / 1000) for x, y in corners[first:] + corners[:first])


def _turns(a: Whole, b: Whole, c: Whole) -> bool:
    return (b[0] - a[0]) * (c[1] - b[1]) != (b[1] - a[1]) * (c[0] - b[0])
