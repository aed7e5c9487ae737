"""Exact geodesic distances on a floor.

A shortest path bends only at corners where an obstacle sticks into the floor, and wraps round the obstacle where it
bends (Lozano-Pérez and Wesley 1979). So the corners that see each other along a line that could bend at both ends
make a graph; Dijkstra from a goal gives every corner its distance and the next point of its path; and a position's
distance is the least `|position - corner| + distance(corner)` over the corners that it sees, or `|position - goal|`
if it sees the goal.

A query is fast because few corners need a look: those whose path would bend the wrong way there are left out by two
products each, the others are tried from the shortest on, and the first one seen is the answer.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from envs.houses.floor import Floor, FloorArrays, sees
from envs.houses.jit import kernel

_STRAIGHT = 1e-9
"""Metres by which a path may seem to bend the wrong way at a corner, from rounding."""

_KEPT_GOALS = 64
"""Goals that a `Geodesic` remembers: about 10 KB each."""


class Goals(NamedTuple):
    """What distances to a goal need, for several agents at once: agent i's goal is row i. All kernels take this.

    A goal is one point or several, of which the nearest counts. A row has room for the largest floor and goal in use.

    Attributes:
        floor: (N,) int64, the floor's index in `FloorArrays`.
        points: (N, K, 2) float64, metres.
        used: (N,) int64, how many of a row's points count.
        distance: (N, C) float64, metres from a floor's corner to the goal, infinite if there is no way.
        bend: (N, C, 2) float64, unit vector from the corner towards the next point of its path, (0, 0) at the goal.
        following: (N, C) int32, that next point: corner c as c, point k of the goal as -1 - k.
    """

    floor: NDArray[np.int64]
    points: NDArray[np.float64]
    used: NDArray[np.int64]
    distance: NDArray[np.float64]
    bend: NDArray[np.float64]
    following: NDArray[np.int32]


# ------------------------------------------------------------------------------------------------- kernels
@kernel
def _touches(corner: NDArray[np.float64], x: float, y: float) -> bool:
    """Return whether the line from (x, y) through a corner passes the obstacle there without entering it."""
    to_x, to_y = corner[0] - x, corner[1] - y
    back = to_x * corner[3] - to_y * corner[2]
    ahead = to_x * corner[5] - to_y * corner[4]
    return not ((back > _STRAIGHT and ahead < -_STRAIGHT) or (back < -_STRAIGHT and ahead > _STRAIGHT))


@kernel
def _link(floors: FloorArrays) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64]]:
    """Return the graph of a single floor's corners as compressed rows: starts, neighbours, metres."""
    corners = floors.corners
    count = len(corners)
    pairs = np.empty((16 * count + 16, 2), np.int32)
    found = 0
    degree = np.zeros(count + 1, np.int64)
    for i in range(count):
        for j in range(i + 1, count):
            ax, ay, bx, by = corners[i, 0], corners[i, 1], corners[j, 0], corners[j, 1]
            if not _touches(corners[i], bx, by) or not _touches(corners[j], ax, ay):
                continue
            if not sees(floors, 0, ax, ay, bx, by):
                continue
            if found == len(pairs):
                pairs = np.concatenate((pairs, np.empty_like(pairs)))
            pairs[found, 0], pairs[found, 1] = i, j
            found += 1
            degree[i + 1] += 1
            degree[j + 1] += 1
    starts = np.cumsum(degree)
    fill = starts[:-1].copy()
    neighbours = np.empty(2 * found, np.int32)
    lengths = np.empty(2 * found, np.float64)
    for pair in range(found):
        i, j = pairs[pair, 0], pairs[pair, 1]
        length = math.hypot(corners[i, 0] - corners[j, 0], corners[i, 1] - corners[j, 1])
        neighbours[fill[i]], lengths[fill[i]] = j, length
        neighbours[fill[j]], lengths[fill[j]] = i, length
        fill[i] += 1
        fill[j] += 1
    return starts, neighbours, lengths


@kernel
def _see_goal(
    floors: FloorArrays,
    points: NDArray[np.float64],
    distance: NDArray[np.float64],
    following: NDArray[np.int32],
) -> None:
    """Fill `distance` and `following` of the corners of a single floor that see the goal `points` (K, 2)."""
    corners = floors.corners
    for c in range(len(corners)):
        distance[c] = np.inf
        for k in range(len(points)):
            length = math.hypot(points[k, 0] - corners[c, 0], points[k, 1] - corners[c, 1])
            if length >= distance[c] or not _touches(corners[c], points[k, 0], points[k, 1]):
                continue
            if sees(floors, 0, corners[c, 0], corners[c, 1], points[k, 0], points[k, 1]):
                distance[c], following[c] = length, -1 - k


@kernel
def _spread(
    starts: NDArray[np.int64],
    neighbours: NDArray[np.int32],
    lengths: NDArray[np.float64],
    distance: NDArray[np.float64],
    following: NDArray[np.int32],
) -> None:
    """Spread `distance` and `following` over the graph: Dijkstra's algorithm."""
    count = len(distance)
    settled = np.zeros(count, np.bool_)
    while True:
        # Without a heap: a few hundred corners are scanned faster than a heap is kept.
        nearest, least = -1, np.inf
        for c in range(count):
            if not settled[c] and distance[c] < least:
                nearest, least = c, distance[c]
        if nearest < 0:
            return
        settled[nearest] = True
        for edge in range(starts[nearest], starts[nearest + 1]):
            other = neighbours[edge]
            if least + lengths[edge] < distance[other]:
                distance[other], following[other] = least + lengths[edge], nearest


@kernel
def _bend(
    corners: NDArray[np.float64],
    points: NDArray[np.float64],
    following: NDArray[np.int32],
    bend: NDArray[np.float64],
) -> None:
    """Fill `bend` (C, 2) with unit vectors from the corners to what follows them."""
    for c in range(len(corners)):
        after = following[c]
        x, y = (corners[after, 0], corners[after, 1]) if after >= 0 else (points[-1 - after, 0], points[-1 - after, 1])
        length = math.hypot(x - corners[c, 0], y - corners[c, 1])
        if length > 0:
            bend[c, 0], bend[c, 1] = (x - corners[c, 0]) / length, (y - corners[c, 1]) / length


@kernel
def query(
    floors: FloorArrays,
    goals: Goals,
    agent: int,
    x: float,
    y: float,
    keys: NDArray[np.float64],
    nodes: NDArray[np.int32],
) -> tuple[float, int]:
    """Return the distance from (x, y) to agent's goal and the path's next point as in `Goals.following`.

    Args:
        floors: All floors.
        goals: All goals.
        agent: Row of `goals`.
        x: Metres.
        y: Metres.
        keys: Scratch, as long as a row's points and corners together.
        nodes: Scratch, as `keys`.

    Returns:
        Metres, infinite if there is no way, and the next point (0 if there is no way).
    """
    floor = goals.floor[agent]
    first, last = floors.corner_start[floor], floors.corner_start[floor + 1]
    found = 0
    for k in range(goals.used[agent]):
        keys[found] = math.hypot(goals.points[agent, k, 0] - x, goals.points[agent, k, 1] - y)
        nodes[found] = -1 - k
        found += 1
    distance, bend, corners = goals.distance[agent], goals.bend[agent], floors.corners[first:last]
    for c in range(last - first):
        to_x, to_y = corners[c, 0] - x, corners[c, 1] - y
        back = to_x * corners[c, 3] - to_y * corners[c, 2]
        ahead = to_x * corners[c, 5] - to_y * corners[c, 4]
        turn = to_x * bend[c, 1] - to_y * bend[c, 0]
        # The path turns left (turn > 0) round an obstacle on its left (back, ahead > 0), or right round one there.
        left = back >= -_STRAIGHT and ahead >= -_STRAIGHT and turn >= -_STRAIGHT
        right = back <= _STRAIGHT and ahead <= _STRAIGHT and turn <= _STRAIGHT
        if left or right:
            keys[found] = math.sqrt(to_x * to_x + to_y * to_y) + distance[c]
            nodes[found] = c
            found += 1
    while found:
        best = 0
        for i in range(1, found):
            if keys[i] < keys[best]:
                best = i
        key, node = keys[best], nodes[best]
        if key == np.inf:
            break
        if node >= 0:
            to_x, to_y = corners[node, 0], corners[node, 1]
        else:
            to_x, to_y = goals.points[agent, -1 - node, 0], goals.points[agent, -1 - node, 1]
        if sees(floors, floor, x, y, to_x, to_y):
            return key, node
        found -= 1
        keys[best], nodes[best] = keys[found], nodes[found]
    return np.inf, 0


@kernel
def distances(
    floors: FloorArrays,
    goals: Goals,
    agents: NDArray[np.int64],
    positions: NDArray[np.float64],
    answer: NDArray[np.float64],
) -> None:
    """Set `answer` (M,) to metres from `positions` (M, 2) to the goals of `agents` (M,); positions are not checked."""
    keys = np.empty(goals.points.shape[1] + goals.distance.shape[1])
    nodes = np.empty(len(keys), np.int32)
    for i in range(len(positions)):
        answer[i] = query(floors, goals, agents[i], positions[i, 0], positions[i, 1], keys, nodes)[0]


# ----------------------------------------------------------------------------------------------- one floor
class Geodesic:
    """Distances and shortest paths on one floor. The graph is made at the first use, a goal's distances once per goal.

    A goal is (2,) or (3,), one point, or (K, 2 or 3), several points of which the nearest counts.

    Attributes:
        floor: The floor.
    """

    def __init__(self, floor: Floor) -> None:
        self.floor = floor
        self._graph: tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64]] | None = None
        self._goals: OrderedDict[bytes, Goals] = OrderedDict()
        self._lock = threading.Lock()  # one floor serves all workers

    def goal(self, goal: ArrayLike) -> Goals:
        """Return what kernels need to measure distances to `goal`: one row, for floor index 0."""
        points = self.floor.require(np.atleast_2d(np.asarray(goal, np.float64)))
        key = points.tobytes()
        with self._lock:
            known = self._goals.get(key)
            if known is None:
                known = self._goals[key] = self._measure(points)
                if len(self._goals) > _KEPT_GOALS:
                    self._goals.popitem(last=False)
            else:
                self._goals.move_to_end(key)
            return known

    def distances(self, positions: ArrayLike, goal: ArrayLike) -> NDArray[np.float64]:
        """Return (N,) metres from (N, 2 or 3) positions to the goal, infinite where there is no way."""
        points = self.floor.require(positions)
        answer = np.empty(len(points))
        distances(self.floor.arrays, self.goal(goal), np.zeros(len(points), np.int64), points, answer)
        return answer

    def distance(self, start: ArrayLike, goal: ArrayLike) -> float:
        """Return metres from start (2 or 3,) to the goal, infinite if there is no way."""
        return float(self.distances(np.asarray(start, np.float64)[None], goal)[0])

    def path(self, start: ArrayLike, goal: ArrayLike) -> NDArray[np.float64]:
        """Return the shortest path as (M, 2) points, both ends included; (0, 2) if there is no way."""
        here = self.floor.require(np.asarray(start, np.float64)[None])[0]
        goals, corners = self.goal(goal), self.floor.arrays.corners
        keys = np.empty(len(goals.points[0]) + len(corners))
        x, y = float(here[0]), float(here[1])
        length, node = query(self.floor.arrays, goals, 0, x, y, keys, np.empty(len(keys), np.int32))
        if length == np.inf:
            return np.empty((0, 2))
        points = [here]
        while node >= 0:
            points.append(corners[node, :2])
            node = int(goals.following[0, node])
        return np.array([*points, goals.points[0, -1 - node]])

    def _measure(self, points: NDArray[np.float64]) -> Goals:
        arrays = self.floor.arrays
        if self._graph is None:
            self._graph = _link(arrays)
        goals = empty_goals(1, len(arrays.corners), len(points))
        goals.points[0], goals.used[0] = points, len(points)
        distance, following = goals.distance[0], goals.following[0]
        _see_goal(arrays, points, distance, following)
        _spread(*self._graph, distance, following)
        _bend(arrays.corners, points, following, goals.bend[0])
        return goals


# ------------------------------------------------------------------------------------------- several agents
def empty_goals(agents: int, corners: int, points: int = 1) -> Goals:
    """Return rows for `agents` goals of at most `points` points, on floors of at most `corners` corners."""
    return Goals(
        floor=np.zeros(agents, np.int64),
        points=np.zeros((agents, points, 2)),
        used=np.zeros(agents, np.int64),
        distance=np.full((agents, corners), np.inf),
        bend=np.zeros((agents, corners, 2)),
        following=np.zeros((agents, corners), np.int32),
    )


def stack_goals(goals: Sequence[Goals], floors: Sequence[int] | None = None) -> Goals:
    """Return tables of goals as one, in their order; table i's goals are on the floor with index `floors[i]` (0)."""
    count = sum(len(table.floor) for table in goals)
    corners = max((table.distance.shape[1] for table in goals), default=0)
    stacked = empty_goals(count, corners, max((table.points.shape[1] for table in goals), default=1))
    first = 0
    for i, table in enumerate(goals):
        rows = slice(first, first + len(table.floor))
        first = rows.stop
        stacked.floor[rows] = floors[i] if floors is not None else 0
        stacked.used[rows] = table.used
        stacked.points[rows, : table.points.shape[1]] = table.points
        stacked.distance[rows, : table.distance.shape[1]] = table.distance
        stacked.bend[rows, : table.distance.shape[1]] = table.bend
        stacked.following[rows, : table.distance.shape[1]] = table.following
    return stacked
