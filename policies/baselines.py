"""Policies that need no model: the floor and the ceiling of every table."""

from __future__ import annotations

import math
import zlib

import numpy as np

from navagent.contracts import Policy
from navagent.errors import ConfigError
from navagent.geometry import wrap
from navagent.types import Action, Candidate, Episode, MoveTo, Observation
from navagent.types import Stop as StopAction


class Stop(Policy):
    """Stops at once."""

    def reset(self, episode: Episode) -> None:
        """Nothing to forget."""

    def act(self, observation: Observation) -> Action:
        """Stop."""
        return StopAction()


class Random(Policy):
    """R2R's random agent: a random heading, five forward moves with turns in between, then stop.

    After Matterport3DSimulator tasks/R2R/agent.py `RandomAgent`: turn right 0-11 times by 30 degrees; then, as long as
    five moves are not made, move to the viewpoint nearest the picture's centre if one lies in the field of view,
    else turn right by 30 degrees. Walking does not change the heading. That code gives up after 30 actions, and so do
    we. The random numbers of an episode depend on the seed and the episode's id only, so neither the order of
    episodes nor a resumed run changes a trajectory.

    Args:
        seed: Seed.
    """

    needs = frozenset({"pose", "candidates"})

    MOVES = 5
    ACTIONS = 30
    TURN = math.radians(30)
    HALF_FIELD_OF_VIEW = math.radians(40)
    """Half of the simulator's horizontal field: 60 degrees x 640 / 480 / 2 (MatterSim.cpp `populateNavigable`)."""

    def __init__(self, seed: int = 0) -> None:
        if seed < 0:
            raise ConfigError(f"A seed must be at least 0, not {seed}.")
        self._seed = seed

    def reset(self, episode: Episode) -> None:
        """Draw the first heading."""
        rng = np.random.default_rng([self._seed, zlib.crc32(episode.episode_id.encode())])
        turns = int(rng.integers(0, 12))
        # The simulator is in discretised mode there, which rounds the first heading to its 30-degree steps.
        self._heading = (round(episode.start.heading / self.TURN) + turns) * self.TURN
        self._actions_left = self.ACTIONS - turns
        self._moves = 0

    def act(self, observation: Observation) -> Action:
        """Turn right until something is ahead, then walk there."""
        assert observation.pose is not None
        assert observation.candidates is not None
        while self._moves < self.MOVES and self._actions_left > 0:
            self._actions_left -= 1
            ahead = self._nearest_ahead(observation.candidates, observation.pose.heading)
            if ahead is not None:
                self._moves += 1
                return MoveTo(ahead.id)
            self._heading += self.TURN
        return StopAction()

    def _nearest_ahead(self, candidates: tuple[Candidate, ...], facing: float) -> Candidate | None:
        """Return the candidate nearest the centre of the view along `self._heading`, if one is in view."""
        best, smallest = None, math.inf
        for candidate in candidates:
            off = wrap(facing + candidate.heading - self._heading)
            if abs(off) <= self.HALF_FIELD_OF_VIEW and (angle := math.hypot(off, candidate.elevation)) < smallest:
                best, smallest = candidate, angle
        return best


class ShortestPath(Policy):
    """Follows the shortest path to the goal: the ceiling of every table, and privileged."""

    needs = frozenset({"oracle_action"})
    privileged = True

    def reset(self, episode: Episode) -> None:
        """Nothing to forget."""

    def act(self, observation: Observation) -> Action:
        """Do what the environment's oracle would."""
        assert observation.oracle_action is not None
        return observation.oracle_action
