"""R2R-style paths through a house, each with three instructions and the oracle's way along it."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from envs.houses.floor import Floor
from envs.houses.follower import Follower
from envs.houses.formats import PathRecord, viewpoint_name
from envs.houses.geodesic import Geodesic
from envs.houses.house import House, Point
from envs.houses.language import Ambiguous, Instruction, Walk, instruct
from envs.houses.sights import Sight
from envs.houses.viewpoints import Viewpoints
from envs.r2r.graph import NavGraph
from navagent.errors import NavAgentError

SHORTEST, LONGEST = 5.0, 20.0
"""Metres along the nav-graph (R2R's paths are 5 to 24 m long)."""

LEAST_ORACLE_SPL = 0.95
"""Paths on which steps of 0.25 m and turns of 15 degrees cost more than this are left out."""

MOST_ROOMS = 6
INSTRUCTIONS = 3


def nav_graph(house: House, viewpoints: Viewpoints) -> NavGraph:
    """Return the nav-graph as R2R's environment has it."""
    names = [viewpoint_name(house.house_id, i) for i in range(len(viewpoints.points))]
    positions = {name: (x, y, 0.0) for name, (x, y) in zip(names, viewpoints.points, strict=True)}
    return NavGraph(house.house_id, positions, [(names[a], names[b]) for a, b in viewpoints.edges])


class PathMaker:
    """Draws paths in one house.

    Args:
        house: The house.
        floor: Its floor.
        viewpoints: Its nav-graph.
        seen: What is seen from each viewpoint.
    """

    def __init__(self, house: House, floor: Floor, viewpoints: Viewpoints, seen: list[tuple[Sight, ...]]) -> None:
        self.house = house
        self.viewpoints = viewpoints
        self.seen = seen
        self._graph = nav_graph(house, viewpoints)
        self._names = list(self._graph.positions)
        self._geodesic = Geodesic(floor)
        self._follower = Follower(self._geodesic)

    def draw(self, count: int, first_id: int, rng: np.random.Generator) -> list[PathRecord]:
        """Return up to `count` paths with different ends, in an order that depends on `rng` only.

        A house has only so many paths that can be told without ambiguity, so there may be fewer.
        """
        number = len(self._names)
        pairs = [(i, j) for i in range(number) for j in range(number) if self._suits(i, j)]
        found: list[PathRecord] = []
        taken: set[int] = set()
        for pair in rng.permutation(len(pairs)).tolist():
            if len(found) == count:
                break
            start, goal = pairs[pair]
            if goal in taken and len(taken) < number // 2:
                continue  # spread the goals over the house before using one again
            record = self._record(start, goal, first_id + len(found), rng)
            if record is not None:
                found.append(record)
                taken.add(goal)
        return found

    def _suits(self, start: int, goal: int) -> bool:
        length = self._graph.distances[self._names[start]][self._names[goal]]
        return SHORTEST <= length <= LONGEST and self.viewpoints.rooms[start] != self.viewpoints.rooms[goal]

    def _record(self, start: int, goal: int, path_id: int, rng: np.random.Generator) -> PathRecord | None:
        path = self._path(start, goal)
        points = tuple(self.viewpoints.points[i] for i in path)
        rooms = tuple(self.viewpoints.rooms[i] for i in path)
        heading = round(float(rng.uniform(0, 2 * math.pi)), 3)
        if len(set(rooms)) > MOST_ROOMS or _returns(rooms):
            return None
        visible = tuple(frozenset(sight.index for sight in self.seen[i]) for i in path)
        instructions = self._tell(Walk(self.house, points, rooms, heading, visible), rng)
        if instructions is None:
            return None
        try:
            if self._oracle_spl(points, heading) <= LEAST_ORACLE_SPL:
                return None
            actions, walked = self._follower.walk(points[0], heading, points[1:])
        except NavAgentError:  # no single action leads on: in one of some 3,000 houses (house 3422)
            return None
        names = tuple(self._names[i] for i in path)
        return PathRecord(
            path_id=path_id,
            house_id=self.house.house_id,
            viewpoints=names,
            points=points,
            heading=heading,
            length=self._graph.distances[names[0]][names[-1]],
            geodesic=self._geodesic.distance(points[0], points[-1]),
            instructions=instructions,
            actions=tuple(actions.tolist()),
            locations=tuple((x, y) for x, y in walked.positions[: len(actions)].tolist()),
        )

    def _oracle_spl(self, points: tuple[Point, ...], heading: float) -> float:
        """Return the SPL that an agent reaches which the oracle leads straight to the goal."""
        _, walked = self._follower.walk(points[0], heading, points[-1:])
        steps = np.diff(walked.positions, axis=0)
        walked_m = float(np.hypot(steps[:, 0], steps[:, 1]).sum())
        shortest = self._geodesic.distance(points[0], points[-1])
        return shortest / max(shortest, walked_m)

    def _path(self, start: int, goal: int) -> list[int]:
        path, target = [self._names[start]], self._names[goal]
        while path[-1] != target:
            path.append(self._graph.next_viewpoint(path[-1], target))
        return [self._names.index(name) for name in path]

    def _tell(self, walk: Walk, rng: np.random.Generator) -> tuple[Instruction, ...] | None:
        """Return three instructions that differ, from rooms and turns only to many landmarks; None if ambiguous."""
        try:
            told = tuple(instruct(walk, rng, detail) for detail in range(INSTRUCTIONS))
        except Ambiguous:
            return None
        return told if len({instruction.text for instruction in told}) == INSTRUCTIONS else None


def _returns(rooms: tuple[int, ...]) -> bool:
    """Return whether a walk comes back into a room that it has left; such a path is hard to tell."""
    left: set[int] = set()
    for before, room in pairwise(rooms):
        if room != before:
            left.add(before)
            if room in left:
                return True
    return False
