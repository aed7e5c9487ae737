"""Floors made by hand, with positions to draw on them, and slow independent measures to compare with."""

from __future__ import annotations

from functools import cache
from itertools import combinations, pairwise

import networkx as nx
import numpy as np
import shapely  # type: ignore[import-untyped, unused-ignore]
from hypothesis import settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from shapely.affinity import rotate  # type: ignore[import-untyped, unused-ignore]

from envs.houses.floor import Floor
from envs.houses.generate import generate
from envs.houses.geodesic import Geodesic

RADIUS = 0.1

unhurried = settings(deadline=None)  # the first example compiles


def floor_of(free: shapely.Polygon | shapely.MultiPolygon, name: str) -> Floor:
    """Return the eroded floor of a free area."""
    parts = [
        [list(ring.coords) for ring in (part.exterior, *part.interiors)] for part in shapely.get_parts(free).tolist()
    ]
    return Floor.eroded(parts, name, RADIUS)


@cache
def generated(seed: int) -> Geodesic:
    """Return the distances on a generated house's floor."""
    return Geodesic(Floor.of(generate(seed)))


def _furnished() -> shapely.Polygon:
    pieces = [
        shapely.box(1, 1, 2, 1.6),
        rotate(shapely.box(3, 0.6, 4.2, 1.1), 30),
        shapely.Point(2.6, 3).buffer(0.45, quad_segs=3),
        shapely.box(0, 3.2, 1.1, 4),
        shapely.Polygon([(3.6, 2.4), (4.6, 2.2), (4.2, 3.4)]),
    ]
    return shapely.box(0, 0, 5, 4).difference(shapely.union_all(pieces))


def _two_rooms() -> shapely.Polygon:
    rooms = [shapely.box(0, 0, 3, 3), shapely.box(3.12, 0, 6, 3), shapely.box(2.9, 1.4, 3.2, 2.3)]
    return shapely.union_all(rooms).difference(shapely.box(4, 1, 4.8, 2.2))


FLOORS = {
    "l_shape": floor_of(shapely.Polygon([(0, 0), (4, 0), (4, 1.5), (1.5, 1.5), (1.5, 4), (0, 4)]), "l_shape"),
    "furnished": floor_of(_furnished(), "furnished"),
    "two_rooms": floor_of(_two_rooms(), "two_rooms"),
    "octagon": floor_of(shapely.Point(2, 2).buffer(2, quad_segs=2), "octagon"),
    "islands": floor_of(shapely.MultiPolygon([shapely.box(0, 0, 2, 2), shapely.box(3, 0, 5, 2)]), "islands"),
}
GEODESICS = {name: Geodesic(floor) for name, floor in FLOORS.items()}

SEEDS = range(20)
"""Generated houses to test on."""

names = st.sampled_from(sorted(FLOORS))
headings = st.one_of(st.floats(0, 6.28), st.integers(0, 23).map(lambda k: k * np.pi / 12))


def positions(name: str) -> st.SearchStrategy[tuple[float, float]]:
    """Return positions on a floor: anywhere, on a lattice that lines up with corners, and by the walls."""
    low, high = np.array(FLOORS[name].polygon.bounds).reshape(2, 2)
    anywhere = st.tuples(st.floats(low[0] - 0.3, high[0] + 0.3), st.floats(low[1] - 0.3, high[1] + 0.3))
    lattice = st.tuples(st.integers(0, 60), st.integers(0, 40)).map(lambda p: (p[0] / 10, p[1] / 10))

    def on_floor(point: tuple[float, float]) -> tuple[float, float]:
        x, y = FLOORS[name].snap([point])[0]
        return float(x), float(y)

    return st.one_of(anywhere, lattice).map(on_floor)


@st.composite
def floors_and_positions(draw: st.DrawFn, count: int) -> tuple[str, list[tuple[float, float]]]:
    """Return a floor's name and positions on it."""
    name = draw(names)
    return name, [draw(positions(name)) for _ in range(count)]


@cache
def _widened(name: str) -> shapely.Polygon | shapely.MultiPolygon:
    wide = FLOORS[name].polygon.buffer(1e-8, join_style="mitre")
    shapely.prepare(wide)
    return wide


@cache
def _visibility_graph(name: str) -> nx.Graph[tuple[float, float]]:
    graph: nx.Graph[tuple[float, float]] = nx.Graph()
    rings = shapely.get_parts(FLOORS[name].polygon.boundary).tolist()
    corners = sorted({point for ring in rings for point in ring.coords})
    for one, other in combinations(corners, 2):
        if _widened(name).covers(shapely.LineString([one, other])):
            graph.add_edge(one, other, weight=float(np.hypot(one[0] - other[0], one[1] - other[1])))
    return graph


def brute_force(name: str, start: tuple[float, float], goal: tuple[float, float]) -> float:
    """Return the shortest distance over all of the polygon's corners, by shapely and networkx."""
    graph = _visibility_graph(name).copy()
    for point, others in ((start, [*graph, goal]), (goal, [*graph])):
        for other in others:
            if _widened(name).covers(shapely.LineString([point, other])):
                graph.add_edge(point, other, weight=float(np.hypot(point[0] - other[0], point[1] - other[1])))
    if start == goal:
        return 0.0
    if start not in graph or goal not in graph or not nx.has_path(graph, start, goal):
        return float("inf")
    return float(nx.dijkstra_path_length(graph, start, goal))


def length(points: NDArray[np.float64]) -> float:
    """Return the length of a polyline."""
    return float(sum(np.hypot(*(b - a)) for a, b in pairwise(points)))
