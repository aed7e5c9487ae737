"""Many agents' walks on nav-graphs: where they are, how far they came, and R2R's metrics of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.r2r.arrays import Floats, GraphArrays, Integers
from envs.r2r.dataset import R2RData
from navagent.candidate_features import MOVE, move

METRICS = ("success", "spl", "oracle_success", "distance_to_goal", "path_length", "ndtw")
"""At an episode's end: R2R's SR, SPL, OSR, NE (m), TL (m) and nDTW, as `eval.metrics` has them."""

SUCCESS_DISTANCE = 3.0
"""Metres, strictly less (R2R, tasks/R2R/eval.py); `eval.metrics` has the same, which a test compares."""

_TURN = 2 * math.pi


@dataclass(frozen=True)
class Goals:
    """What E episodes begin and end with.

    Attributes:
        start: (E,) viewpoints.
        heading: (E,) radians.
        goal: (E,) viewpoints.
        reference: (E, R) viewpoints of the annotated path, -1 after its end.
        lengths: (E,) viewpoints on it.
        shortest: (E,) metres from start to goal.
    """

    start: Integers
    heading: Floats
    goal: Integers
    reference: Integers
    lengths: Integers
    shortest: Floats


def read_goals(data: R2RData, graph: GraphArrays) -> Goals:
    """Number the viewpoints of a split's episodes, which must have goals."""
    index = {name: number for number, name in enumerate(graph.names)}
    goals = [episode.goal for episode in data.episodes if episode.goal is not None]
    lengths = np.array([len(goal.reference_path) for goal in goals])
    reference = np.full((len(goals), int(lengths.max())), -1, np.int64)
    for row, (episode, goal) in enumerate(zip(data.episodes, goals, strict=True)):
        reference[row, : lengths[row]] = [index[episode.scene, viewpoint] for viewpoint in goal.reference_path]
    start, end = reference[:, 0], reference[np.arange(len(goals)), lengths - 1]
    heading = np.array([episode.start.heading for episode in data.episodes])
    return Goals(start, heading, end, reference, lengths, graph.distance(start, end))


class Walks:
    """The walks of N agents, each over before its first episode begins.

    Args:
        agents: N.
        graph: Where they walk.
        goals: The episodes.
        most: Moves that an episode can have.

    Attributes:
        over: (N,) bool.
        episode: (N,) which; -1 before the first.
        here: (N,) viewpoints.
        heading: (N,) radians; after a move, the way that the agent came along.
        steps: (N,) moves made.
        to_goal: (N,) metres left, along the graph.
        last_move: (N, 4) as `navagent.candidate_features.MOVE` has it.
        path: (N, 1 + most) viewpoints so far, the start included; what lies beyond `steps` means nothing.
        facing: (N, 1 + most) headings there, radians.
    """

    def __init__(self, agents: int, graph: GraphArrays, goals: Goals, most: int) -> None:
        self._graph, self._goals = graph, goals
        self.over = np.ones(agents, np.bool_)
        self.episode = np.full(agents, -1, np.int64)
        self.here, self.steps = np.zeros(agents, np.int64), np.zeros(agents, np.int64)
        self.heading, self.to_goal, self._walked, self._nearest = np.zeros((4, agents))
        self.last_move = np.zeros((agents, MOVE), np.float32)
        self.path, self.facing = np.zeros((agents, most + 1), np.int64), np.zeros((agents, most + 1))
        self._visited = np.zeros((agents, graph.largest), np.bool_)
        self._aligned = np.zeros((agents, goals.reference.shape[1]))

    def begin(self, agents: NDArray[np.bool_], episodes: Integers) -> None:
        """Put agents on the starts of `episodes`, one for each True in `agents`."""
        goals = self._goals
        self.over[agents], self.steps[agents], self._walked[agents] = False, 0, 0.0
        self.episode[agents], self.here[agents], self.heading[agents] = (
            episodes,
            goals.start[episodes],
            goals.heading[episodes],
        )
        self.to_goal[agents] = self._nearest[agents] = goals.shortest[episodes]
        self._visited[agents] = False
        rows = np.flatnonzero(agents)
        self._record(rows)
        self._visited[rows, self._local(self.here[rows])] = True
        self._aligned[rows] = np.cumsum(self._to_reference(rows), axis=1)

    def go(self, agents: NDArray[np.bool_], candidates: Integers) -> None:
        """Move `agents` to their candidate of that number, counted from 0."""
        graph, rows = self._graph, np.flatnonzero(agents)
        origin, chosen = self.here[rows], candidates[rows]
        target = graph.neighbours[origin, chosen]
        heading = graph.headings[origin, chosen]
        self.last_move[rows] = move(
            heading - self.heading[rows], graph.elevations[origin, chosen], graph.lengths[origin, chosen]
        )
        self.heading[rows] = heading % _TURN
        self.here[rows] = target
        self.steps[rows] += 1
        self._record(rows)
        self._walked[rows] += graph.distance(origin, target)
        self.to_goal[rows] = graph.distance(target, self._goals.goal[self.episode[rows]])
        self._nearest[rows] = np.minimum(self._nearest[rows], self.to_goal[rows])
        self._visited[rows, self._local(target)] = True
        self._align(rows)

    def seen(self, viewpoints: Integers) -> NDArray[np.bool_]:
        """Return (N, K) whether each agent has been at its `viewpoints`; False for -1."""
        local = np.maximum(self._local(viewpoints), 0)
        return np.take_along_axis(self._visited, local, axis=1) & (viewpoints >= 0)

    @property
    def fidelity(self) -> Floats:
        """(N,) nDTW so far."""
        length = self._goals.lengths[self.episode]
        cost = self._aligned[np.arange(len(length)), length - 1]
        return np.asarray(np.exp(-cost / (length * SUCCESS_DISTANCE)))

    def metrics(self) -> dict[str, Floats]:
        """Return (N,) of each of METRICS, if the walks ended here."""
        success = (self.to_goal < SUCCESS_DISTANCE).astype(np.float64)
        shortest = self._goals.shortest[self.episode]
        longest = np.maximum(shortest, self._walked)
        spl = success * np.divide(shortest, longest, out=np.ones_like(longest), where=longest > 0)
        near = (self._nearest < SUCCESS_DISTANCE).astype(np.float64)
        found = (success, spl, near, self.to_goal, self._walked, self.fidelity)
        return dict(zip(METRICS, found, strict=True))

    def state(self) -> dict[str, Any]:
        """Return copies of everything that changes."""
        return {name: value.copy() for name, value in vars(self).items() if name not in ("_graph", "_goals")}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""
        vars(self).update({name: value.copy() for name, value in state.items()})

    def _record(self, rows: Integers) -> None:
        self.path[rows, self.steps[rows]] = self.here[rows]
        self.facing[rows, self.steps[rows]] = self.heading[rows]

    def _local(self, viewpoints: Integers) -> Integers:
        """Return the viewpoints' numbers in their scans."""
        return np.asarray(viewpoints - self._graph.first[viewpoints])

    def _to_reference(self, rows: Integers) -> Floats:
        """Return (rows, R) metres from where agents are to their reference path's viewpoints."""
        reference = self._goals.reference[self.episode[rows]]
        here = np.broadcast_to(self.here[rows, None], reference.shape)
        # Beyond a path's end, its last viewpoint stands in: `fidelity` never reads those columns.
        return self._graph.distance(
            here, np.where(reference < 0, self._goals.goal[self.episode[rows], None], reference)
        )

    def _align(self, rows: Integers) -> None:
        """Add a viewpoint to the dynamic time warping of walk and reference path, `eval.metrics.ndtw`'s recursion."""
        before, costs = self._aligned[rows], self._to_reference(rows)
        after = np.empty_like(before)
        after[:, 0] = before[:, 0] + costs[:, 0]
        for column in range(1, costs.shape[1]):
            cheapest = np.minimum(np.minimum(before[:, column], before[:, column - 1]), after[:, column - 1])
            after[:, column] = costs[:, column] + cheapest
        self._aligned[rows] = after
