"""One agent of a batch: its episode so far, what its steps are worth, and what the oracle would do."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from envs.continuous import to_habitat
from envs.habitat.env import pose_of
from envs.habitat.link import SimulatorError, Worker
from navagent.types import Episode, Pose

METRICS = ("success", "spl", "oracle_success", "distance_to_goal", "path_length")
"""What an episode's end tells, as houses do; the last two in metres."""

SUCCESS_DISTANCES = {"pointnav": 0.2, "r2r": 3.0}
"""Tasks, with the metres within which STOP succeeds (habitat-lab's PointNav, R2R-CE)."""

ORACLE_RADII = {"pointnav": 0.75 * 0.25, "r2r": 0.5}
"""Metres from the goal within which the oracle STOPs: habitat-sim's `GreedyGeodesicFollower` has 0.75 steps, VLN-CE's
SHORTEST_PATH_SENSOR 0.5 m."""

NO_ADVICE = -1
"""What the oracle says where an episode is over."""


@dataclass(frozen=True)
class Terms:
    """When an episode ends, and what its steps are worth.

    Attributes:
        success_distance: Metres within which STOP succeeds.
        max_steps: Actions after which an episode is cut.
        success: For a success.
        spl: For a success, times its SPL.
        distance: Per metre that a step comes nearer to the goal.
        slack: For every step.
        collision: For a step that collides.
    """

    success_distance: float
    max_steps: int
    success: float
    spl: float
    distance: float
    slack: float
    collision: float


@dataclass
class Agent:
    """One agent's episode so far.

    Attributes:
        link: Its simulator.
        advice: The oracle's action here; None if nobody has asked.
        fault: Why the simulator broke when the oracle was asked; empty if it did not.
    """

    link: Worker
    episode: Episode | None = None
    pose: Pose | None = None
    steps: int = 0
    walked: float = 0.0
    shortest: float = 0.0
    distance: float = 0.0
    nearest: float = 0.0
    collided: bool = False
    over: bool = True
    advice: int | None = None
    fault: str = ""

    def begin(self, state: Mapping[str, Any]) -> None:
        """Stand where the episode begins, as the simulator says."""
        assert self.episode is not None
        self.pose, self.steps, self.walked, self.collided, self.over = self.episode.start, 0, 0.0, False, False
        self.shortest = self.distance = self.nearest = float(state["metrics"]["distance_to_goal"])
        self.advice = state.get("oracle")

    def move(self, code: int, state: Mapping[str, Any], terms: Terms, metrics: NDArray[Any]) -> float:
        """Account for a step and return its reward; if the episode ends, write its `METRICS`."""
        assert self.pose is not None
        before, pose = self.distance, pose_of(state)
        self.walked += math.dist(self.pose.position, pose.position)
        self.pose, self.collided, self.advice = pose, bool(state["collided"]), state.get("oracle")
        self.distance = float(state["metrics"]["distance_to_goal"])
        self.nearest = min(self.nearest, self.distance)
        self.steps += 1
        self.over = code == 0 or self.steps >= terms.max_steps
        reward = terms.slack + terms.distance * (before - self.distance) + terms.collision * self.collided
        if self.over:
            success = float(code == 0 and self.distance < terms.success_distance)
            spl = success * self.shortest / max(self.shortest, self.walked) if self.shortest else success
            reward += terms.success * success + terms.spl * spl
            reached = float(self.nearest < terms.success_distance)
            metrics[:] = success, spl, reached, self.distance, self.walked
        return reward

    def question(self, radius: float) -> dict[str, Any]:
        """Return the arguments of the simulator's `oracle`: the goal, and the metres from it within which to STOP."""
        assert self.episode is not None
        assert self.episode.goal is not None
        return {"goal": to_habitat(self.episode.goal.position), "radius": radius}

    def consult(self, radius: float) -> None:
        """Ask the oracle, whose answer `hear` waits for."""
        try:
            self.link.ask("oracle", 0, **self.question(radius))  # it writes nothing, so any slot will do
        except SimulatorError as error:
            self.fault, self.advice = str(error), NO_ADVICE

    def hear(self) -> None:
        """Wait for the oracle's answer; a simulator that breaks breaks the agent's next step."""
        if self.fault:
            return
        try:
            advice, _ = self.link.answer("oracle")
            self.advice = int(advice)
        except SimulatorError as error:
            self.fault, self.advice = str(error), NO_ADVICE
