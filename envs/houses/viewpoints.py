"""A house's nav-graph: viewpoints about two metres apart, joined where one can walk straight from one to the other."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import shapely  # type: ignore[import-untyped, unused-ignore]
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from envs.houses.floor import Floor, sees
from envs.houses.geodesic import Geodesic
from envs.houses.house import Door, House, Point

SPACING, REACH = 1.6, 3.3
"""Metres: how near viewpoints may be to one another, and how far one move leads (R2R's are 2.25 m apart on average)."""

DOOR_STEP = 0.75
"""Metres on either side of a door at which a viewpoint stands, so that every door is a move of its own."""

CROWDED = 0.8
"""Metres: viewpoints nearer than this are one too many."""

APART = 0.05
"""Metres: viewpoints nearer than this are one place, and no move."""

_TRIES = 600


@dataclass(frozen=True)
class Viewpoints:
    """A house's nav-graph.

    Attributes:
        points: Positions, metres.
        rooms: Each viewpoint's room.
        edges: Pairs of viewpoints that are one move apart, each once.
    """

    points: tuple[Point, ...]
    rooms: tuple[int, ...]
    edges: tuple[tuple[int, int], ...]


def place_viewpoints(house: House, floor: Floor) -> Viewpoints:
    """Return the nav-graph of a house, always the same and in one piece."""
    rng = np.random.default_rng([house.seed, 1])
    points = [point for door in house.doors for point in _beside_door(door, floor)]
    for x, y in floor.sample(rng, _TRIES).tolist():
        if all(math.hypot(x - u, y - v) >= SPACING for u, v in points):
            points.append((x, y))
    points = _thin(_connect(points, floor), floor)
    rounded = [(round(x, 3), round(y, 3)) for x, y in floor.snap(points).tolist()]
    kept = floor.snap(rounded)
    edges = tuple((int(a), int(b)) for a, b in zip(*np.nonzero(np.triu(_links(kept, floor))), strict=True))
    places = tuple((x, y) for x, y in kept.tolist())
    return Viewpoints(places, tuple(room_of(house, point) for point in places), edges)


def room_of(house: House, point: Point) -> int:
    """Return the room that a point lies in, or the nearest one to a point in a door."""
    outlines = [shapely.Polygon(room.outline) for room in house.rooms]
    return int(np.argmin(shapely.distance(outlines, shapely.Point(point))))


def _beside_door(door: Door, floor: Floor) -> list[Point]:
    """Return a point on each side of a door, where the agent can stand."""
    (ax, ay), (bx, by) = door.start, door.end
    length = math.hypot(bx - ax, by - ay)
    middle, across = ((ax + bx) / 2, (ay + by) / 2), ((ay - by) / length, (bx - ax) / length)
    wanted = [(middle[0] + side * DOOR_STEP * across[0], middle[1] + side * DOOR_STEP * across[1]) for side in (-1, 1)]
    return [(x, y) for x, y in floor.snap(wanted).tolist()]


def _links(points: NDArray[np.float64], floor: Floor) -> NDArray[np.bool_]:
    """Return which pairs of points are one move apart."""
    count = len(points)
    links = np.zeros((count, count), np.bool_)
    for i in range(count):
        for j in range(i + 1, count):
            near = APART < math.hypot(*(points[i] - points[j])) <= REACH
            links[i, j] = links[j, i] = near and sees(floor.arrays, 0, *points[i], *points[j])
    return links


def _connect(points: list[Point], floor: Floor) -> list[Point]:
    """Add viewpoints along shortest paths until the graph is in one piece; of two in one place, drop one."""
    geodesic = Geodesic(floor)
    for _ in range(_TRIES):
        places = np.array(points)
        pieces, piece = connected_components(_links(places, floor), directed=False)
        if pieces == 1:
            return points
        inside, outside = np.flatnonzero(piece == 0), np.flatnonzero(piece != 0)
        lengths = np.array([geodesic.distances(places[inside], places[other]) for other in outside])
        row, column = np.unravel_index(int(np.argmin(lengths)), lengths.shape)
        if lengths[row, column] <= APART:
            points = [point for i, point in enumerate(points) if i != outside[row]]
            continue
        way = geodesic.path(places[inside[column]], places[outside[row]])
        points = [*points, *_along(way)]
    raise AssertionError(f"{floor.name}: the nav-graph stays in pieces")


def _thin(points: list[Point], floor: Floor) -> list[Point]:
    """Drop viewpoints that stand close to others, the latest first, where the graph stays in one piece without them."""
    kept = list(points)
    for point in reversed(points):
        others = [other for other in kept if other is not point]
        if any(math.dist(point, other) < CROWDED for other in others):
            pieces, _ = connected_components(_links(np.array(others), floor), directed=False)
            if pieces == 1:
                kept = others
    return kept


def _along(way: NDArray[np.float64]) -> list[Point]:
    """Return the corners of a path, and the middles of its long pieces, without its ends."""
    found: list[Point] = []
    for a, b in pairwise(way):
        parts = math.ceil(math.hypot(*(b - a)) / (REACH - 0.3))
        found += [(float(x), float(y)) for x, y in (a + (b - a) * k / parts for k in range(1, parts + 1))]
    return found[:-1]
