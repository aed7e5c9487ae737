"""The topological maps of many agents on nav-graphs: what they show, walks across them, and their oracle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from envs.r2r.arrays import Floats, GraphArrays, Integers
from envs.r2r.walks import Walks
from navagent.perception.place_words import place_summary
from navagent.topological_map import MAP, NODE, SeenPlace, TopologicalMap

FARTHEST = 1000.0
"""Metres; bound of the spaces of distances, far beyond a scan's walks."""


class Maps:
    """A map for each of the agents whose walks are given.

    Actions are counted as `envs.r2r.vector.GraphVectorEnv` counts them: 0 is STOP, 1 to K a candidate, K + 1 + m the
    m-th viewpoint that the map shows, if it was seen but not visited and is no candidate.

    Args:
        size: Viewpoints that a map shows.
        graph: Where agents walk.
        positions: (V, 3) of the viewpoints, metres.
        places: (V, 8, W) tokens of what is seen from them.
        sectors: (V, K) the sectors that their neighbours lie in.
    """

    def __init__(self, size: int, graph: GraphArrays, positions: Floats, places: NDArray[Any], sectors: Integers):
        self._size, self._graph, self._places, self._sectors = size, graph, places, sectors
        self._positions = list(map(tuple, positions.tolist()))
        self._around = [place_summary(place) for place in places]
        self._most: int = graph.neighbours.shape[1]
        self._maps: list[TopologicalMap[int]] = []

    def restore(self, walks: Walks) -> None:
        """Draw the maps of all agents anew, from what they have walked."""
        self._maps = [TopologicalMap(self._size) for _ in walks.over]
        for agent, (steps, path) in enumerate(zip(walks.steps.tolist(), walks.path.tolist(), strict=True)):
            for moves, here in enumerate(path[: steps + 1]):
                self._visit(agent, here, moves)

    def begin(self, walks: Walks, agents: NDArray[np.bool_]) -> None:
        """Give agents whose episodes have begun empty maps."""
        for agent in np.flatnonzero(agents).tolist():
            self._maps[agent] = TopologicalMap(self._size)
            self._visit(agent, int(walks.here[agent]), 0)

    def walk(self, walks: Walks, codes: Integers, agents: NDArray[np.bool_], most: int) -> None:
        """Let agents make the moves that their actions mean, as far as `most` moves per episode allow.

        Args:
            walks: Theirs; they are walked.
            codes: (N,) actions.
            agents: (N,) who moves.
            most: Moves after which an episode is cut.
        """
        routes = {agent: self._route(agent, int(walks.here[agent]), int(codes[agent])) for agent in _numbers(agents)}
        while routes:
            candidates, going = np.zeros(len(codes), np.int64), np.zeros(len(codes), np.bool_)
            for agent, route in routes.items():
                candidates[agent], going[agent] = self._candidate(int(walks.here[agent]), route.pop(0)), True
            walks.go(going, candidates)
            for agent in routes:
                self._visit(agent, int(walks.here[agent]), int(walks.steps[agent]))
            routes = {agent: route for agent, route in routes.items() if route and walks.steps[agent] < most}

    def legal(self, agent: int, code: int) -> bool:
        """Return whether an action beyond the candidates' is one that the agent has."""
        shown = self._maps[agent].shown[code - self._most - 1 :]
        return bool(shown) and shown[0] in self._maps[agent].frontier()

    def observe(self, headings: Floats) -> dict[str, NDArray[Any]]:
        """Return what agents that face `headings` (radians) see on their maps, each (N, ...)."""
        rows = [one.observe(heading, self._most) for one, heading in zip(self._maps, headings.tolist(), strict=True)]
        return {name: np.stack([row[name] for row in rows]) for name in MAP}

    def oracle(self, agent: int, here: int, goal: int) -> int:
        """Return the action that leads to the goal, 0 there.

        It is that of the viewpoint seen but not visited from which walking there and on to the goal is shortest
        (DUET's pseudo-interactive demonstrator). Where the goal has been visited, it is a move back to it;
        where the map shows nothing to go to, one on the shortest path.
        """
        if here == goal:
            return 0
        drawn, graph = self._maps[agent], self._graph
        if drawn.visited(goal):
            return 1 + self._candidate(here, drawn.route(goal)[0])
        metres = drawn.frontier(elsewhere=False)
        if not metres:
            return 1 + self._candidate(here, int(graph.successor(np.array([here]), np.array([goal]))[0]))
        names = np.array(list(metres))
        left = graph.distance(names, np.full(len(names), goal))
        target = int(names[(np.array(list(metres.values())) + left).argmin()])
        if target in graph.neighbours[here]:
            return 1 + self._candidate(here, target)
        return 1 + self._most + drawn.shown.index(target)

    def _route(self, agent: int, here: int, code: int) -> list[int]:
        if code <= self._most:
            return [int(self._graph.neighbours[here, code - 1])]
        return self._maps[agent].route(self._maps[agent].shown[code - self._most - 1])

    def _candidate(self, here: int, target: int) -> int:
        return int((self._graph.neighbours[here] == target).argmax())

    def _visit(self, agent: int, here: int, moves: int) -> None:
        graph, place = self._graph, self._places[here]
        ways: Sequence[tuple[int, float, int]] = list(
            zip(
                graph.neighbours[here].tolist(), graph.lengths[here].tolist(), self._sectors[here].tolist(), strict=True
            )
        )
        seen = [SeenPlace(name, self._positions[name], metres, place[k]) for name, metres, k in ways if name >= 0]
        self._maps[agent].visit(here, self._positions[here], self._around[here], seen, moves)


def map_space(size: int, words: int, most: int, last: int) -> spaces.Dict:
    """Return the spaces of what maps show.

    Args:
        size: Viewpoints that a map shows.
        words: Tokens of each.
        most: Candidates.
        last: The highest token.
    """
    return spaces.Dict(
        {
            "map": spaces.Box(0, 1, (size,), np.bool_),
            "map_words": spaces.Box(0, last, (size, words), np.int32),
            "map_geometry": spaces.Box(-FARTHEST, FARTHEST, (size, NODE), np.float32),
            "map_frontier": spaces.Box(0, 1, (size,), np.bool_),
            "map_candidates": spaces.Box(0, size - 1, (most,), np.int32),
        }
    )


def _numbers(agents: NDArray[np.bool_]) -> list[int]:
    found: list[int] = np.flatnonzero(agents).tolist()
    return found
