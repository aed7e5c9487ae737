"""R2R as an environment: the agent stands on a viewpoint and moves to neighbours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from envs.r2r.dataset import R2RData, load_r2r
from envs.r2r.graph import NavGraph
from navagent.contracts import Env
from navagent.errors import ConfigError, listing
from navagent.types import (
    Action,
    Candidate,
    Distances,
    Episode,
    Goal,
    MoveTo,
    Observation,
    Pose,
    Stop,
    Trajectory,
)


class R2R(Env):
    """Room-to-Room on its nav-graph (Anderson et al. 2018), without pictures.

    After a move the agent faces the way it came along (the panoramic action space of Fried et al. 2018, without its
    rounding to 30 degrees).

    Args:
        split: train, val_seen, val_unseen or test.
        data_dir: The data folder; by default $NAVAGENT_DATA, else ./data.
        max_steps: Moves after which an episode is over (35 as in EnvDrop's run scripts).
    """

    gives = frozenset({"pose", "viewpoint", "candidates", "oracle_action"})
    rules = "r2r"

    def __init__(self, split: str = "val_unseen", data_dir: str | None = None, max_steps: int = 35) -> None:
        if max_steps < 1:
            raise ConfigError(f"max_steps must be at least 1, not {max_steps}.")
        self._data: R2RData = load_r2r(split, data_dir)
        self.episodes = self._data.episodes
        self.fingerprints = self._data.fingerprints
        self._max_steps = max_steps

    def reset(self, episode: Episode) -> Observation:
        """Put the agent on the episode's first viewpoint."""
        assert episode.start_viewpoint is not None, "an R2R episode starts on a viewpoint"
        self._episode = episode
        self._graph = self._data.graphs[episode.scene]
        self._viewpoints = [episode.start_viewpoint]
        self._poses = [episode.start]
        self._stopped = False
        return self._observe()

    def step(self, action: Action) -> Observation:
        """Move to a neighbour or stop.

        Raises:
            ValueError: The action is no move to a neighbour and no stop, or the episode is over.
        """
        if self._done:
            raise ValueError(f"episode {self._episode.episode_id} is over: call reset")
        if isinstance(action, Stop):
            self._stopped = True
            return self._observe()
        neighbours = self._candidates()
        target = next((c for c in neighbours if isinstance(action, MoveTo) and c.id == action.candidate_id), None)
        if target is None:
            legal = listing((c.id for c in neighbours), most=99)
            raise ValueError(f"{action} is illegal at viewpoint {self._viewpoints[-1]}: Stop, or MoveTo one of {legal}")
        heading = (self._poses[-1].heading + target.heading) % (2 * math.pi)
        self._viewpoints.append(target.id)
        self._poses.append(Pose(self._graph.positions[target.id], heading))
        return self._observe()

    def trajectory(self) -> Trajectory:
        """Return the visited viewpoints with the distances that metrics need."""
        distances = measure(self._graph, self._viewpoints, self._episode.goal)
        return Trajectory(
            self._episode.episode_id,
            self._episode.scene,
            tuple(self._poses),
            tuple(self._viewpoints),
            self._stopped,
            distances,
        )

    def oracle_action(self) -> Action:
        """Return the next move on the shortest path to the goal, or Stop there.

        Raises:
            ValueError: The split has no goals.
        """
        goal = self._episode.goal
        if goal is None or goal.viewpoint is None:
            raise ValueError(f"split {self._data.split} has no goals, so there is no oracle")
        here = self._viewpoints[-1]
        return Stop() if here == goal.viewpoint else MoveTo(self._graph.next_viewpoint(here, goal.viewpoint))

    @property
    def _done(self) -> bool:
        return self._stopped or len(self._viewpoints) > self._max_steps

    def _candidates(self) -> tuple[Candidate, ...]:
        return self._graph.candidates(self._viewpoints[-1], self._poses[-1].heading)

    def _observe(self) -> Observation:
        return Observation(
            instruction=self._episode.instruction,
            scene=self._episode.scene,
            step=len(self._viewpoints) - 1 + self._stopped,
            pose=self._poses[-1],
            viewpoint=self._viewpoints[-1],
            candidates=self._candidates(),
            done=self._done,
        )


def measure(graph: NavGraph, viewpoints: Sequence[str], goal: Goal | None) -> Distances | None:
    """Measure a trajectory by R2R's rule: every distance is the shortest along the graph's edges.

    Consecutive viewpoints count with their shortest distance too, which for neighbours is at most the edge
    (Matterport3DSimulator tasks/R2R/eval.py, `_score_item`).
    """
    if goal is None or goal.viewpoint is None:
        return None
    distance = graph.distances
    reference, to_goal = goal.reference_path, distance[goal.viewpoint]
    return Distances(
        between=tuple(distance[a][b] for a, b in pairwise(viewpoints)),
        to_goal=tuple(to_goal[viewpoint] for viewpoint in viewpoints),
        to_reference=tuple(tuple(distance[v][r] for r in reference) for v in viewpoints),
        shortest=to_goal[reference[0]],
        reference=sum(distance[a][b] for a, b in pairwise(reference)),
    )
