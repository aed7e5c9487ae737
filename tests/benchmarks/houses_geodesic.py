"""Distances, motion and the follower on generated houses, beside Dijkstra on a 5 cm grid (networkx, scipy), in one run.

`python -m tests.benchmarks.houses_geodesic [houses]`. One core. Timing decides nothing here; read the table.
"""

from __future__ import annotations

import math
import statistics
import sys
import time
from collections.abc import Callable

import networkx as nx
import numpy as np
import shapely  # type: ignore[import-untyped, unused-ignore]
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

from envs.houses.floor import Floor
from envs.houses.follower import Follower
from envs.houses.generate import generate
from envs.houses.geodesic import Geodesic, distances
from envs.houses.motion import walk

REPEATS = 5
QUERIES = 20_000
CELL = 0.05


def seconds(run: Callable[[], object], repeats: int = REPEATS) -> float:
    """Return the median wall time of a function."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


class Grid:
    """The rival: free points 5 cm apart, joined in eight directions."""

    def __init__(self, floor: Floor) -> None:
        left, bottom, right, top = floor.polygon.bounds
        self.low = np.array([left, bottom])
        points = np.stack(np.meshgrid(np.arange(left, right, CELL), np.arange(bottom, top, CELL)), axis=-1)
        free = shapely.contains_xy(floor.polygon, points[..., 0], points[..., 1])
        self.number = np.where(free, np.cumsum(free).reshape(free.shape) - 1, -1)
        rows, columns = free.shape
        ends = []
        for dx, dy in ((1, 0), (0, 1), (1, 1), (1, -1)):
            one = self.number[max(0, -dy) : rows - max(0, dy), : columns - dx]
            other = self.number[max(0, dy) : rows + min(0, dy), dx:]
            both = (one >= 0) & (other >= 0)
            ends.append((one[both], other[both], np.full(int(both.sum()), CELL * math.hypot(dx, dy))))
        self.one, self.other, self.length = (np.concatenate(part) for part in zip(*ends, strict=True))
        size = int(free.sum())
        self.matrix = coo_array((self.length, (self.one, self.other)), shape=(size, size)).tocsr()

    def distances(self, node: int) -> NDArray[np.float64]:
        """Return the distance from a grid point to every other."""
        return np.asarray(dijkstra(self.matrix, directed=False, indices=np.array([node]))[0], np.float64)

    def nodes(self, points: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the grid points nearest to (N, 2) points, -1 where that one is not free."""
        column, row = np.rint((points - self.low) / CELL).astype(np.int64).T
        rows, columns = self.number.shape
        return np.asarray(self.number[np.minimum(row, rows - 1), np.minimum(column, columns - 1)], np.int64)

    def graph(self) -> nx.Graph[int]:
        """Return the grid for networkx."""
        graph: nx.Graph[int] = nx.Graph()
        graph.add_weighted_edges_from(zip(self.one.tolist(), self.other.tolist(), self.length.tolist(), strict=True))
        return graph


def measure(seed: int) -> dict[str, float]:
    """Return the figures of one house."""
    house = generate(seed)
    floor = Floor.of(house)
    geodesic = Geodesic(floor)
    rng = np.random.default_rng(seed)
    points = floor.sample(rng, QUERIES)
    goals = geodesic.goal(points[0])
    agents, answer = np.zeros(QUERIES, np.int64), np.empty(QUERIES)
    fresh = iter(floor.sample(rng, REPEATS * 20))
    grid = Grid(floor)
    node = int(next(n for n in grid.nodes(points[1:]) if n >= 0))
    graph = grid.graph()
    field = grid.distances(node)
    goal = points[1:][grid.nodes(points[1:]) == node][0]
    exact, nodes = geodesic.distances(points, goal), grid.nodes(points)
    known = (nodes >= 0) & np.isfinite(field[np.maximum(nodes, 0)]) & (exact > 1)
    actions = rng.choice([1, 1, 2, 3], 32_000)
    starts = points[1 : 1 + 50]

    return {
        "corners": len(floor.arrays.corners),
        "grid points": grid.matrix.shape[0],
        "first use": seconds(lambda: Geodesic(Floor.of(house)).distance(points[0], points[1])),
        "grid first use": seconds(lambda: Grid(floor).distances(node)),
        "goal": seconds(lambda: [geodesic.goal(next(fresh)) for _ in range(20)]) / 20,
        "goal scipy": seconds(lambda: grid.distances(node)),
        "goal networkx": seconds(lambda: nx.single_source_dijkstra_path_length(graph, node), 1),
        "query": seconds(lambda: distances(floor.arrays, goals, agents, points, answer)) / QUERIES,
        "query checked": seconds(lambda: geodesic.distances(points, points[0])) / QUERIES,
        "query grid": seconds(lambda: field[grid.nodes(points)]) / QUERIES,
        "grid error": float(np.mean(field[nodes[known]] / exact[known] - 1)),
        "unknown to grid": float(np.mean(nodes < 0)),
        "move": seconds(lambda: walk(floor, points[0], 0.0, actions)) / len(actions),
        "walk": seconds(lambda: [Follower(geodesic).walk(start, 0.0, points[:1]) for start in starts]) / len(starts),
        "bytes": sum(part.nbytes for part in floor.arrays) + sum(part.nbytes for part in goals),
    }


def main(houses: int) -> None:
    """Print the medians over houses."""
    measure(0)
    rows = [measure(seed) for seed in range(houses)]
    median = {name: statistics.median(row[name] for row in rows) for name in rows[0]}
    worst = {name: max(row[name] for row in rows) for name in rows[0]}

    def line(what: str, figure: str, beside: str = "") -> None:
        print(f"{what:<48} {figure:>26}  {beside}", flush=True)

    corners, points = (f"{median[name]:.0f} ({worst[name]:.0f})" for name in ("corners", "grid points"))
    print(f"medians over {houses} houses (worst house): {corners} corners, {points} points 5 cm apart")
    line(
        "first use of a house: floor, graph, one query",
        f"{1e3 * median['first use']:.1f} ms ({1e3 * worst['first use']:.1f})",
        f"grid, scipy {1e3 * median['grid first use']:.0f} ms: x {median['grid first use'] / median['first use']:.0f}",
    )
    line(
        "another goal",
        f"{1e3 * median['goal']:.3f} ms ({1e3 * worst['goal']:.3f})",
        f"scipy {1e3 * median['goal scipy']:.0f} ms: x {median['goal scipy'] / median['goal']:.0f}, "
        f"networkx {1e3 * median['goal networkx']:.0f} ms: x {median['goal networkx'] / median['goal']:.0f}",
    )
    line(
        "queries to a cached goal",
        f"{1 / median['query']:,.0f}/s ({1 / worst['query']:,.0f})",
        f"grid look-up {1 / median['query grid']:,.0f}/s, {median['grid error']:.1%} too long on average, "
        f"none for {median['unknown to grid']:.1%} of positions",
    )
    line("the same, positions checked", f"{1 / median['query checked']:,.0f}/s ({1 / worst['query checked']:,.0f})")
    line("moves, batches of 64", f"{1 / median['move']:,.0f}/s ({1 / worst['move']:,.0f})")
    line("follower, a whole walk", f"{1e3 * median['walk']:.2f} ms ({1e3 * worst['walk']:.2f})")
    line("memory of a floor and a goal", f"{median['bytes'] / 1e3:.0f} kB ({worst['bytes'] / 1e3:.0f})")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
