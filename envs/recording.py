"""What the agents of a vector environment do, kept until it can be scored."""

from __future__ import annotations

from collections.abc import Sequence

from envs.continuous import continuous_distances
from navagent.types import Pose, Position, Trajectory


class Walks:
    """The walks of N agents, step by step.

    Args:
        agents: N.
    """

    def __init__(self, agents: int) -> None:
        self._poses: list[list[Pose]] = [[] for _ in range(agents)]
        self._to_goal: list[list[float]] = [[] for _ in range(agents)]

    def begin(self, agent: int) -> None:
        """Forget an agent's walk."""
        self._poses[agent], self._to_goal[agent] = [], []

    def add(self, agent: int, pose: Pose, to_goal: float) -> None:
        """Add a pose, the start or where an action other than STOP led, and its distance to the goal in metres."""
        self._poses[agent].append(pose)
        self._to_goal[agent].append(to_goal)

    def trajectory(
        self, agent: int, episode_id: str, scene: str, stopped: bool, reference: Sequence[Position] = ()
    ) -> Trajectory:
        """Return an agent's walk as environments hand it to a scorer."""
        poses = self._poses[agent]
        distances = continuous_distances([pose.position for pose in poses], self._to_goal[agent], reference)
        return Trajectory(episode_id, scene, tuple(poses), None, stopped, distances)
