from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from envs.houses.dataset import make_data
from envs.houses.describer import HouseSights
from envs.houses.env import HouseEnv
from envs.houses.splits import plan_splits
from envs.r2r.env import R2R
from envs.waypoints import ARRIVED, SAME_PLACE, Waypoints
from eval.rules import RULES
from navagent.contracts import Env
from navagent.errors import ConfigError
from navagent.llm.offline import OfflineChat
from navagent.rollout import rollout
from navagent.types import (
    Action,
    Candidate,
    Episode,
    Forward,
    MoveTo,
    Observation,
    Stop,
    Trajectory,
    TurnLeft,
    TurnRight,
    View,
)
from policies.baselines import Random, ShortestPath
from policies.navgpt import NavGPT
from tests.benchmarks.waypoints import measure
from tests.conformance.env_suite import EnvSuite, assert_all_around
from tests.conformance.policy_suite import PolicySuite


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("houses")
    make_data(root, plan_splits(train=0, val_seen=0, val_unseen=3, paths=4))
    return root


@pytest.fixture(scope="module")
def houses(folder: Path) -> HouseEnv:
    return HouseEnv("val_unseen", str(folder), size=8, panorama_height=60)


@pytest.fixture
def env(houses: HouseEnv) -> Waypoints:
    return Waypoints(houses)


class PicturesOnly(Env):
    """Houses as a robot has them: pose, pictures ahead and the instruction; no panorama, nothing measured."""

    gives = frozenset({"pose", "rgb", "depth", "instruction"})
    rules = "r2r_ce"

    def __init__(self, inner: HouseEnv) -> None:
        self._inner = inner
        self.episodes, self.fingerprints = inner.episodes, inner.fingerprints

    def reset(self, episode: Episode) -> Observation:
        return self._inner.reset(episode)

    def step(self, action: Action) -> Observation:
        return self._inner.step(action)

    def trajectory(self) -> Trajectory:
        return self._inner.trajectory()


class TestWaypoints(EnvSuite):
    @pytest.fixture
    def env(self, folder: Path) -> Waypoints:
        return Waypoints(HouseEnv("val_unseen", str(folder), max_steps=60, size=8, panorama_height=60))

    def test_the_oracle_reaches_the_goal_by_the_shortest_path(self, houses: HouseEnv) -> None:  # type: ignore[override]
        """It reaches every goal; candidates allow it no shortest path, but one not much longer."""
        env = Waypoints(houses)
        scores = [RULES[env.rules].score(rollout(env, ShortestPath(), episode)) for episode in env.episodes[::3]]
        assert all(score["sr"] == 1.0 for score in scores)
        assert sum(score["spl"] for score in scores) / len(scores) > 0.75
        assert max(score["steps"] for score in scores) < 400


class TestTurningOnTheSpot(EnvSuite):
    @pytest.fixture
    def env(self, folder: Path) -> Waypoints:
        return Waypoints(PicturesOnly(HouseEnv("val_unseen", str(folder), max_steps=100, size=32)))

    def test_a_trajectory_begins_at_the_start(self, env: Env, episode: Episode) -> None:
        """Looking around took 18 turns, which count."""
        env.reset(episode)
        trajectory = env.trajectory()
        assert trajectory.poses[0] == episode.start
        assert len(trajectory.poses) == 1 + 18
        assert {pose.position for pose in trajectory.poses} == {episode.start.position}
        assert RULES[env.rules].score(trajectory)["steps"] == 18

    def test_a_panorama_goes_all_around_and_costs_no_action(self, env: Env, episode: Episode) -> None:
        """The pictures are those taken while turning."""
        env.reset(episode)
        views = env.panorama()
        assert len(views) == 4
        assert_all_around(views)
        assert all(view.rgb is not None for view in views)

    def test_an_illegal_action_names_the_legal_ones_and_changes_nothing(self, env: Env, episode: Episode) -> None:
        env.reset(episode)
        before = env.trajectory().poses
        for action in (MoveTo("nowhere"), Forward()):
            with pytest.raises(ValueError, match="Stop, or MoveTo one of p1"):
                env.step(action)
        assert env.trajectory().poses == before


class TestNavGPTThroughWaypoints(PolicySuite):
    @pytest.fixture
    def env(self, houses: HouseEnv) -> Waypoints:
        return Waypoints(houses)

    @pytest.fixture
    def policy(self) -> NavGPT:
        policy = NavGPT(OfflineChat(), HouseSights(), max_steps=3)
        assert policy.privileged
        return policy


class TestRandomThroughWaypoints(PolicySuite):
    @pytest.fixture
    def env(self, houses: HouseEnv) -> Waypoints:
        return Waypoints(houses)

    @pytest.fixture
    def policy(self) -> Random:
        return Random()


def test_proposals_are_reachable_and_open_directions_are_found(env: Waypoints) -> None:
    """The README quotes these shares over 20 houses."""
    measured = measure(env, positions=4)
    assert measured.positions == 12
    assert 4 < measured.proposals / measured.positions < 14
    assert measured.reachable > 0.95
    assert measured.found(30.0) > 0.95
    assert measured.found(15.0) > 0.8


def test_turning_on_the_spot_finds_what_a_panorama_shows(folder: Path, env: Waypoints) -> None:
    turning = Waypoints(PicturesOnly(HouseEnv("val_unseen", str(folder), size=64)))
    shares = []
    for episode in env.episodes[::4]:
        seen, turned = env.reset(episode), turning.reset(episode)
        ends = [_ends(observation) for observation in (seen, turned)]
        near = [min((math.dist(a, b) for b in ends[1]), default=9.0) < 1.0 for a in ends[0]]
        shares.append(sum(near) / max(len(near), 1))
    assert sum(shares) / len(shares) > 0.8


def _ends(observation: Observation) -> list[tuple[float, float]]:
    return [_end(observation, candidate) for candidate in observation.candidates or ()]


def _end(observation: Observation, candidate: Candidate) -> tuple[float, float]:
    assert observation.pose is not None
    x, y, _ = observation.pose.position
    heading = observation.pose.heading + candidate.heading
    return x + candidate.distance * math.sin(heading), y + candidate.distance * math.cos(heading)


def test_every_primitive_action_counts(env: Waypoints) -> None:
    episode = env.episodes[0]
    observation = env.reset(episode)
    assert observation.candidates is not None
    candidate = max(observation.candidates, key=lambda c: c.distance)
    moved = env.step(MoveTo(candidate.id))
    poses = env.trajectory().poses
    assert moved.step == 1
    assert moved.pose == poses[-1]
    turns = sum(a.position == b.position for a, b in pairwise(poses))
    steps = len(poses) - 1 - turns
    assert steps >= round(candidate.distance / 0.25) - 1
    assert turns >= round(math.degrees(abs(candidate.heading)) / 15)
    for a, b in pairwise(poses):
        assert math.dist(a.position, b.position) <= 0.25 + 1e-9


def test_the_limit_ends_a_move_on_its_way(folder: Path) -> None:
    env = Waypoints(HouseEnv("val_unseen", str(folder), max_steps=5, size=8))
    observation = env.reset(env.episodes[0])
    assert observation.candidates is not None
    far = max(observation.candidates, key=lambda c: c.distance + abs(c.heading))
    done = env.step(MoveTo(far.id))
    assert done.done
    assert done.candidates == ()
    assert len(env.trajectory().poses) == 6
    assert RULES[env.rules].score(env.trajectory())["sr"] == 0.0
    with pytest.raises(ValueError, match="over"):
        env.step(MoveTo(far.id))


def test_success_needs_stop(env: Waypoints) -> None:
    observation = env.reset(env.episodes[0])
    while not isinstance(action := env.oracle_action(), Stop):
        observation = env.step(action)
    assert not observation.done
    assert RULES[env.rules].score(env.trajectory())["sr"] == 0.0
    assert env.step(Stop()).done
    assert RULES[env.rules].score(env.trajectory())["sr"] == 1.0


def test_a_place_keeps_its_id(env: Waypoints) -> None:
    """After a move, what lies where something was proposed before has its name."""
    kept = tried = 0
    for episode in env.episodes[::12]:
        first = env.reset(episode)
        assert first.candidates is not None
        places = {c.id: _end(first, c) for c in first.candidates}
        assert len(places) == len(first.candidates)
        for candidate in first.candidates:
            second = copy.deepcopy(env).step(MoveTo(candidate.id))
            for found in second.candidates or ():
                end = _end(second, found)
                if found.id in places:
                    assert math.dist(end, places[found.id]) <= SAME_PLACE + 1e-9
                    kept += 1
                tried += 1
    assert 0 < kept < tried


def test_a_move_into_something_unseen_ends_and_says_so(folder: Path) -> None:
    """The agent is shown an endless floor instead of the house, so it walks into the real walls."""
    env = Waypoints(Blindfolded("val_unseen", str(folder), size=8, panorama_height=30))
    collisions = 0
    for episode in env.episodes[::12]:
        start = env.reset(episode)
        for candidate in start.candidates or ():
            walker = copy.deepcopy(env)
            after = walker.step(MoveTo(candidate.id))
            assert after.pose is not None
            off = math.dist(after.pose.position[:2], _end(start, candidate))
            assert after.collided or off <= ARRIVED + 0.13
            collisions += after.collided
            assert len(walker.trajectory().poses) < 60
    assert collisions > 5


class WideTurns(HouseEnv):
    """Turns by 60 degrees, as four turns of 15."""

    def step(self, action: Action) -> Observation:
        for _ in range(3 if isinstance(action, TurnLeft | TurnRight) else 0):
            super().step(action)
        return super().step(action)


def test_an_agent_that_turns_in_wide_steps_does_not_turn_to_and_fro(folder: Path) -> None:
    env = Waypoints(WideTurns("val_unseen", str(folder), size=8, panorama_height=30))
    start = env.reset(env.episodes[0])
    assert start.candidates
    for candidate in start.candidates:
        walker = copy.deepcopy(env)
        after = walker.step(MoveTo(candidate.id))
        assert not after.done
        assert len(walker.trajectory().poses) < 100


class Blindfolded(HouseEnv):
    """Shows an endless empty floor instead of the house."""

    def panorama(self, sensors: Sequence[str] = ("rgb", "depth")) -> tuple[View, ...]:
        return tuple(replace(view, depth=_plain(view)) for view in super().panorama(sensors))


def _plain(view: View) -> NDArray[np.float32]:
    """Depth of an endless floor."""
    assert view.depth is not None
    assert view.hfov is not None
    height, width = view.depth.shape
    up = (height / 2 - np.arange(height) - 0.5) / (width / 2 / math.tan(view.hfov / 2))
    rise = math.sin(view.elevation) + up * math.cos(view.elevation)
    depth = np.where(rise < -1e-3, -1.25 / np.minimum(rise, -1e-3), 0.0)
    return np.repeat(depth[:, None], width, axis=1).astype(np.float32)


def test_bad_options_are_one_sentence(houses: HouseEnv, tiny_data: Path) -> None:
    with pytest.raises(ConfigError, match=r"needs a continuous environment .*; R2R gives candidates, oracle_action"):
        Waypoints(R2R("val_unseen", str(tiny_data)))
    with pytest.raises(ConfigError, match="Waypoints gives candidates"):
        Waypoints(Waypoints(houses))
    with pytest.raises(ConfigError, match="separation_degrees must be from 3 to 180, not 1"):
        Waypoints(houses, separation_degrees=1)
    with pytest.raises(ConfigError, match="camera_height"):
        Waypoints(houses, camera_height=2.0)
