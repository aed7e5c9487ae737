"""Workers that step together, with the stand-in simulator."""

from __future__ import annotations

import math
import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from envs.continuous import read_r2r_ce
from envs.habitat.agent import METRICS
from envs.habitat.env import HabitatR2RCE
from envs.habitat.order import Order
from envs.habitat.vector import HabitatVectorEnv
from envs.houses.lockstep import METRICS as HOUSE_METRICS
from envs.houses.vector import HouseVectorEnv
from eval.rules import RULES
from navagent.errors import ConfigError
from navagent.types import Forward, TurnLeft, TurnRight
from tests.envs.habitat import stand_in
from tests.envs.habitat.test_link import pid_of
from tests.tiny_ce import make_ce_world

STOP, FORWARD, LEFT, RIGHT = range(4)


class StandInVector(HabitatVectorEnv):
    simulator: ClassVar[tuple[Path, str]] = (Path(stand_in.__file__), "StandIn")


class StandInCE(HabitatR2RCE):
    simulator: ClassVar[tuple[Path, str]] = (Path(stand_in.__file__), "StandIn")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_ce_world(tmp_path_factory.mktemp("ce"))


def make(folder: Path, task: str = "pointnav", agents: int = 3, **options: Any) -> StandInVector:
    given = {"split": "val_unseen", "python": sys.executable, "size": 8, **options}
    return StandInVector(task, agents, data_dir=str(folder), **given)


@pytest.fixture
def env(folder: Path) -> Iterator[StandInVector]:
    made = make(folder)
    yield made
    made.close()


@pytest.mark.parametrize("task", ["pointnav", "r2r"])
def test_a_trainer_cannot_tell_it_from_houses(task: str, folder: Path) -> None:
    env, house = make(folder, task), HouseVectorEnv(task, 3, "val_unseen", size=8, houses=1)
    try:
        ours, theirs = env.single_observation_space, house.single_observation_space
        assert isinstance(ours, spaces.Dict)
        assert isinstance(theirs, spaces.Dict)
        assert list(ours) == list(theirs)
        for name in ours:
            if name != "instruction":  # other words, another length
                assert ours[name] == theirs[name], name
        assert ours.get("instruction", ours).dtype == theirs.get("instruction", theirs).dtype
        assert env.action_space == house.action_space
        assert env.metadata["autoreset_mode"] == house.metadata["autoreset_mode"]
        assert METRICS == HOUSE_METRICS
        observation, info = env.reset(seed=1)
        other, other_info = house.reset(seed=1)
        assert env.observation_space.contains(observation)
        assert {name: (a.shape, a.dtype) for name, a in observation.items() if name != "instruction"} == {
            name: (a.shape, a.dtype) for name, a in other.items() if name != "instruction"
        }
        assert set(info) == set(other_info)
        stepped, house_stepped = env.step(np.full(3, STOP)), house.step(np.full(3, STOP))
        assert [part.dtype for part in stepped[1:4]] == [part.dtype for part in house_stepped[1:4]]
        assert set(stepped[4]) == set(house_stepped[4])
    finally:
        env.close()
        house.close()


def test_gymnasium_makes_it_by_its_id(folder: Path) -> None:
    options: dict[str, Any] = {"data_dir": str(folder), "split": "val_unseen", "python": sys.executable}
    env = gymnasium.make_vec("navagent/HabitatR2RCE-v0", 2, vectorization_mode="vector_entry_point", **options)
    assert isinstance(env.single_observation_space, spaces.Dict)
    assert env.single_observation_space["instruction"].shape == (200,)
    env.close()


def test_a_batch_walks_as_single_agents_do(env: StandInVector, folder: Path) -> None:
    single = StandInCE("val_unseen", str(folder), python=sys.executable, rgb=8, depth=8)
    rng = np.random.default_rng(0)
    actions = rng.choice([FORWARD, FORWARD, LEFT, RIGHT], (12, 3))
    observations, infos = env.reset()
    steps = [env.step(row) for row in actions]
    playing = [agent.episode for agent in env._agents]
    assert infos["text"].tolist() == [episode.instruction for episode in playing if episode is not None]
    for i, episode in enumerate(playing):
        assert episode is not None
        assert episode.goal is not None
        assert np.array_equal(single.reset(episode).rgb, observations["rgb"][i])  # type: ignore[arg-type]
        for row, (observed, *_, info) in zip(actions, steps, strict=True):
            seen = single.step((Forward(), TurnLeft(), TurnRight())[row[i] - 1])
            assert seen.pose is not None
            assert np.array_equal(seen.rgb, observed["rgb"][i])  # type: ignore[arg-type]
            assert np.array_equal(seen.depth, observed["depth"][i, ..., 0])  # type: ignore[arg-type]
            assert seen.collided == info["collided"][i]
            rho, phi = observed["pointgoal_with_gps_compass"][i]
            dx, dy = (g - p for g, p in zip(episode.goal.position[:2], seen.pose.position[:2], strict=True))
            assert rho == pytest.approx(math.hypot(dx, dy), abs=1e-5)
            # Turning left by phi and going rho ahead leads to the goal.
            heading = seen.pose.heading - float(phi)
            assert (rho * math.sin(heading), rho * math.cos(heading)) == pytest.approx((dx, dy), abs=1e-4)
    single.close()


def test_an_oracle_by_its_sensors_succeeds_and_is_rewarded(env: StandInVector) -> None:
    """Turn towards the goal, walk, stop within 0.2 m: signs and metrics in one."""
    observation, _ = env.reset()
    total = np.zeros(3)
    ended: dict[int, dict[str, float]] = {}
    start = observation["pointgoal_with_gps_compass"][:, 0].copy()
    for _ in range(120):
        rho, phi = observation["pointgoal_with_gps_compass"].T
        turn = np.where(phi > 0, LEFT, RIGHT)
        actions = np.where(rho < 0.2, STOP, np.where(np.abs(phi) > math.radians(7.6), turn, FORWARD))
        observation, reward, terminated, truncated, info = env.step(actions)
        for i in np.flatnonzero(terminated | truncated):
            ended.setdefault(int(i), {name: float(info[name][i]) for name in METRICS})
        total += np.where([i in ended and not terminated[i] for i in range(3)], 0.0, reward)
        if len(ended) == 3:
            break
    assert [ended[i]["success"] for i in range(3)] == [1.0] * 3
    assert all(row["spl"] > 0.9 and row["distance_to_goal"] < 0.2 for row in ended.values())
    assert (total > 2.5 + start - 1.5).all()


def test_the_step_after_an_end_begins_the_next_episode(env: StandInVector) -> None:
    env.reset()
    first = [agent.episode for agent in env._agents]
    _, _, terminated, truncated, info = env.step(np.array([STOP, FORWARD, FORWARD]))
    assert terminated.tolist() == [True, False, False]
    assert not truncated.any()
    assert info["_success"].tolist() == [True, False, False]
    _, reward, terminated, _, info = env.step(np.array([STOP, FORWARD, FORWARD]))
    assert reward[0] == 0.0
    assert not terminated.any()
    assert info["_text"].tolist() == [True, False, False]
    assert env._agents[0].episode != first[0]
    assert env._agents[1].episode == first[1]


def test_long_episodes_are_cut(folder: Path) -> None:
    env = make(folder, max_steps=4)
    env.reset()
    ends = [env.step(np.full(3, LEFT))[2:4] for _ in range(4)]
    assert not any(part.any() for end in ends[:3] for part in end)
    assert not ends[3][0].any()
    assert ends[3][1].all()
    env.close()


def test_observations_stay_as_they_are_and_are_not_copied(env: StandInVector) -> None:
    env.reset()
    kept = [env.step(np.full(3, LEFT))[0]["rgb"] for _ in range(10)]
    assert [int(picture[0, 0, 0, 1]) for picture in kept] == list(range(1, 11))
    del kept
    addresses = {env.step(np.full(3, LEFT))[0]["rgb"].ctypes.data for _ in range(10)}
    assert len(addresses) <= 3


def test_a_crash_cuts_one_episode_and_the_others_go_on(env: StandInVector) -> None:
    env.reset()
    env.step(np.full(3, FORWARD))
    os.kill(pid_of(env._agents[1].link), signal.SIGKILL)
    observation, _, terminated, truncated, info = env.step(np.full(3, FORWARD))
    assert truncated.tolist() == [False, True, False]
    assert not terminated.any()
    assert "SIGKILL" in info["error"][1]
    assert info["_error"].tolist() == [False, True, False]
    assert "success" not in info
    assert not observation["rgb"][1].any()
    assert observation["rgb"][0].any()
    observation, *_, info = env.step(np.full(3, FORWARD))
    assert "error" not in info
    assert info["_text"].tolist() == [False, True, False]
    assert int(observation["rgb"][0, 0, 0, 1]) == 3
    assert int(observation["rgb"][1, 0, 0, 1]) == 0


def test_a_state_begins_the_episodes_in_flight_again(env: StandInVector, folder: Path) -> None:
    env.reset()
    env.step(np.array([STOP, FORWARD, FORWARD]))
    env.step(np.full(3, FORWARD))
    playing = [agent.episode for agent in env._agents]
    other = make(folder)
    other.restore(env.state())
    assert [agent.episode for agent in other._agents] == playing
    other.close()


def test_order_covers_each_episode_once_and_training_stays_in_a_building(folder: Path) -> None:
    episodes = read_r2r_ce("val_unseen", str(folder)).episodes
    order = Order(episodes, 4, shuffle=False, seed=0, stay=1)
    seen = Counter(order.next(agent).episode_id for _ in range(3) for agent in range(4))
    assert set(seen) == {episode.episode_id for episode in episodes}
    assert set(seen.values()) == {2}
    order, again = (Order(episodes, 4, shuffle=True, seed=5, stay=3) for _ in range(2))
    drawn = [order.next(2).episode_id for _ in range(9)]
    assert drawn == [again.next(2).episode_id for _ in range(9)]
    assert len(set(drawn)) > 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "objectnav"}, "no task 'objectnav': choose pointnav, r2r"),
        ({"agents": 0}, "num_envs must be at least 1, not 0"),
        ({"sensors": ("lidar",)}, "sensors must be some of rgb, depth"),
        ({"split": "test", "version": "v1-3"}, "Split test has no goals"),
    ],
)
def test_bad_options_are_one_sentence(options: dict[str, Any], message: str, folder: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        make(folder, **options)


def test_bad_actions_are_refused(env: StandInVector) -> None:
    with pytest.raises(ValueError, match="call reset"):
        env.step(np.zeros(3, np.int64))
    env.reset()
    with pytest.raises(ValueError, match="3 integers from 0 to 3"):
        env.step(np.array([0, 1, 4]))


def test_trajectories_are_scored_as_the_metrics_that_are_told(folder: Path) -> None:
    env = make(folder, "r2r", agents=2, trajectories=True, max_steps=30)
    single = StandInCE("val_unseen", str(folder), "v1-3_preprocessed", python=sys.executable, rgb=8, depth=8)
    observations, _ = env.reset(seed=0)
    first = single.reset(single.episodes[0])
    assert first.readings is not None
    assert first.readings["instruction"].tobytes() == observations["instruction"][0].tobytes()
    rng, ended = np.random.default_rng(0), 0
    while ended < 6:
        *_, infos = env.step(rng.choice(4, 2, p=(0.05, 0.65, 0.15, 0.15)))
        for i in np.flatnonzero(infos["_trajectory"]):
            scores = RULES[env.rules].score(infos["trajectory"][i])
            names = {
                "success": "sr",
                "spl": "spl",
                "oracle_success": "osr",
                "distance_to_goal": "ne",
                "path_length": "tl",
            }
            for told, name in names.items():
                assert infos[told][i] == pytest.approx(scores[name], abs=1e-9)
            assert 0 < scores["ndtw"] <= 1
            ended += 1
    env.close()
    single.close()
