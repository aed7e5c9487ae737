from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from envs.houses.dataset import make_data
from envs.houses.env import HouseEnv
from envs.houses.splits import plan_splits
from eval.rules import RULES
from navagent.errors import ConfigError, DataError
from navagent.rollout import rollout
from navagent.types import Forward, Stop, TurnLeft, TurnRight
from policies.baselines import ShortestPath
from tests.conformance.env_suite import EnvSuite
from tests.conformance.policy_suite import PolicySuite


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("houses")
    make_data(root, plan_splits(train=0, val_seen=0, val_unseen=3, paths=4))
    return root


@pytest.fixture
def env(folder: Path) -> HouseEnv:
    return HouseEnv("val_unseen", str(folder), size=32)


class TestHouseEnv(EnvSuite):
    @pytest.fixture
    def env(self, folder: Path) -> HouseEnv:
        return HouseEnv("val_unseen", str(folder), max_steps=60, size=32)

    def test_the_oracle_reaches_the_goal_by_the_shortest_path(self, folder: Path) -> None:  # type: ignore[override]
        """With the rules' 500 actions instead of the 60 that keep the other tests short."""
        env = HouseEnv("val_unseen", str(folder), size=16)
        for episode in env.episodes:
            score = RULES["r2r_ce"].score(rollout(env, ShortestPath(), episode))
            assert score["sr"] == 1.0
            assert score["spl"] > 0.95
            assert score["steps"] < 500


class TestOracleInHouses(PolicySuite):
    @pytest.fixture
    def env(self, folder: Path) -> HouseEnv:
        return HouseEnv("val_unseen", str(folder), size=16)

    @pytest.fixture
    def policy(self) -> ShortestPath:
        return ShortestPath()


def test_success_needs_stop(env: HouseEnv) -> None:
    episode = env.episodes[0]
    observation = env.reset(episode)
    while not isinstance(action := env.oracle_action(), Stop):
        observation = env.step(action)
    assert not observation.done
    assert RULES["r2r_ce"].score(env.trajectory())["sr"] == 0.0
    assert RULES["r2r_ce"].score(env.trajectory())["osr"] == 1.0
    assert env.step(Stop()).done
    assert RULES["r2r_ce"].score(env.trajectory())["sr"] == 1.0


def test_walking_into_a_wall_is_told(env: HouseEnv) -> None:
    env.reset(env.episodes[0])
    collisions = [env.step(Forward()).collided for _ in range(120)]
    assert any(collisions)
    trajectory = env.trajectory()
    assert trajectory.distances is not None
    assert max(trajectory.distances.between) <= 0.25 + 1e-9


def test_a_turn_changes_the_picture_and_24_of_them_give_it_back(env: HouseEnv) -> None:
    first = env.reset(env.episodes[0])
    turned = [env.step(TurnLeft()) for _ in range(24)]
    assert first.rgb is not None
    assert turned[0].rgb is not None
    assert turned[-1].rgb is not None
    assert not np.array_equal(first.rgb, turned[0].rgb)
    assert np.array_equal(first.rgb, turned[-1].rgb)


def test_a_panorama_begins_where_the_agent_faces(env: HouseEnv) -> None:
    """View 13 of an agent is view 12 of one that has turned right twice."""
    env.reset(env.episodes[0])
    before = env.panorama()
    for _ in range(2):
        env.step(TurnRight())
    after = env.panorama()
    assert before[12].heading == after[12].heading == 0
    assert before[13].heading == pytest.approx(np.radians(30))
    assert before[13].depth is not None
    assert after[12].depth is not None
    assert np.abs(before[13].depth - after[12].depth).max() < 1e-3


def test_distances_to_the_goal_are_those_that_are_scored(env: HouseEnv) -> None:
    episode = env.episodes[0]
    env.reset(episode)
    distances = env.trajectory().distances
    assert distances is not None
    assert env.distance_to_goal(episode.start.position) == pytest.approx(distances.shortest, abs=1e-5)
    env.reset(episode.public())
    with pytest.raises(ValueError, match="no goals"):
        env.distance_to_goal(episode.start.position)


def test_bad_options_are_one_sentence(folder: Path) -> None:
    for size in (0, -3, 8193):
        with pytest.raises(ConfigError, match=rf"^size must be from 1 to 8192 pixels, not {size}\.$"):
            HouseEnv("val_unseen", str(folder), size=size)
    with pytest.raises(ConfigError, match=r"^max_steps must be at least 1, not 0\.$"):
        HouseEnv("val_unseen", str(folder), max_steps=0)
    with pytest.raises(ConfigError, match=r"^panorama_height must be from 1 to 6144 pixels, not 0\.$"):
        HouseEnv("val_unseen", str(folder), panorama_height=0)
    with pytest.raises(ConfigError, match=r"no split 'val_unsen'.*Did you mean 'val_unseen'"):
        HouseEnv("val_unsen", str(folder))


def test_half_a_download_is_named(folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "r2r_ce" / "R2R_VLNCE_v1-3" / "val_unseen"
    place.mkdir(parents=True)
    whole = (folder / "r2r_ce" / "R2R_VLNCE_v1-3" / "val_unseen" / "val_unseen.json.gz").read_bytes()
    (place / "val_unseen.json.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"val_unseen\.json\.gz .*maybe cut short"):
        HouseEnv("val_unseen", str(tmp_path))


def test_a_start_or_goal_off_the_floor_is_named(env: HouseEnv) -> None:
    episode = env.episodes[0]
    assert episode.goal is not None
    nowhere = (100.0, 100.0, 0.0)
    begins = replace(episode, start=replace(episode.start, position=nowhere))
    ends = replace(episode, goal=replace(episode.goal, position=nowhere))
    for moved, said in ((begins, "begins"), (ends, "ends")):
        with pytest.raises(
            DataError, match=rf"^Episode \S+ {said} where nobody can stand \(.*off the floor.*make it anew"
        ):
            env.reset(moved)


def test_another_house_costs_less_than_5_mb(env: HouseEnv) -> None:
    first_of = {episode.scene: episode for episode in reversed(env.episodes)}
    one, *others = first_of.values()
    env.reset(one)
    tracemalloc.start()
    try:
        for episode in others:
            before, _ = tracemalloc.get_traced_memory()
            env.reset(episode)
            env.oracle_action()
            assert tracemalloc.get_traced_memory()[0] - before < 5_000_000
    finally:
        tracemalloc.stop()
    assert others
