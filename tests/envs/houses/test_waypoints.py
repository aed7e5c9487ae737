"""Waypoint actions in houses: what they stand for, what is seen all around, and the oracle."""

from __future__ import annotations

import math
from typing import Any

import gymnasium
import numpy as np
import pytest

from envs.houses.around import headings_around
from envs.houses.env import HouseEnv
from envs.houses.in_view import KINDS, THIRDS
from envs.houses.lockstep import METRICS
from envs.houses.motion import FORWARD, LEFT, RIGHT, STOP
from envs.houses.vector import HouseVectorEnv
from envs.houses.waypoints import HouseWaypointVectorEnv
from eval.rules import RULES
from navagent.errors import ConfigError
from navagent.waypoint_actions import HEADINGS, HFOV, STEPS, VIEWS, turns

AHEAD = 11


def batch(agents: int = 6, **options: Any) -> HouseWaypointVectorEnv:
    return HouseWaypointVectorEnv("r2r", agents, **{"houses": 2, "size": 12, **options})


def primitives(action: int) -> list[int]:
    turning = turns(action)
    return [RIGHT if turning > 0 else LEFT] * abs(turning) + [FORWARD] * STEPS if action else [STOP]


def test_gymnasium_makes_it() -> None:
    name = "navagent/HouseR2RWaypoints-v0"
    env = gymnasium.make_vec(name, 3, vectorization_mode="vector_entry_point", houses=1, size=12)
    observations, _ = env.reset(seed=0)
    assert env.observation_space.contains(observations)
    assert observations["rgb"].shape == (3, 12, 96, 3)
    assert env.single_action_space == gymnasium.spaces.Discrete(1 + HEADINGS)
    observations, rewards, *_ = env.step(env.action_space.sample())
    assert env.observation_space.contains(observations)
    assert rewards.shape == (3,)
    env.close()


def test_headings_are_those_of_the_strip_from_left_to_right() -> None:
    degrees = [15 * turns(action) for action in range(1, 1 + HEADINGS)]
    assert degrees[0] == -150
    assert degrees[AHEAD - 1] == 0
    assert sorted(degrees) == list(range(-165, 181, 15))
    assert np.allclose(np.degrees(headings_around(4, math.pi / 2)), [-90, 0, 90, 180])
    middles = np.degrees(headings_around(VIEWS, HFOV))
    shown = np.array(degrees).reshape(VIEWS, 3)
    assert np.allclose(shown[:, 1] % 360, middles % 360)


def test_a_waypoint_action_does_what_its_primitive_actions_do() -> None:
    """Both environments' agents begin the same episodes and end at the same bytes with the same rewards and metrics."""
    agents, ended = 8, 0
    way, plain = (
        batch(agents, sensors=(), seed=4, max_steps=90, collision_reward=-0.05),
        HouseVectorEnv("r2r", agents, houses=2, sensors=(), seed=4, max_steps=90, collision_reward=-0.05),
    )
    way.reset()
    plain.reset()
    chosen = np.random.default_rng(0)
    for _ in range(12):
        actions = np.where(chosen.random(agents) < 0.06, STOP, chosen.integers(1, 1 + HEADINGS, agents))
        begun = way.over
        _, rewards, terminated, truncated, infos = way.step(actions)
        sums, metrics = np.zeros(agents), {name: np.zeros(agents) for name in METRICS}
        # One agent after the other: the others' episodes of the plain environment are put back.
        final = plain.state()
        for agent in range(agents):
            before = plain.state()
            for count, action in enumerate([STOP] if begun[agent] else primitives(int(actions[agent]))):
                if count and plain.over[agent]:
                    break
                codes = np.full(agents, RIGHT)
                codes[agent] = action
                _, reward, *_, told = plain.step(codes)
                sums[agent] += reward[agent]
            for name in METRICS:
                metrics[name][agent] = told[name][agent] if plain.over[agent] else 0.0
            after = plain.state()
            for name, array in final["agents"].items():
                array[agent] = after["agents"][name][agent]
            plain.restore(before)
        plain.restore(final)
        for name, array in way.state()["agents"].items():
            assert array.tobytes() == final["agents"][name].tobytes(), name
        assert rewards == pytest.approx(sums, abs=1e-9)
        over = terminated | truncated
        assert (over == plain.over).all()
        for name in METRICS if over.any() else ():
            assert infos[name][over] == pytest.approx(metrics[name][over])
        ended += int(over.sum())
    assert ended > 4


def test_pictures_show_what_a_camera_turned_there_sees() -> None:
    wide = batch(3, sensors=("rgb", "depth", "semantic"), seed=2, views=4, hfov=math.pi / 2)
    narrow = HouseVectorEnv("r2r", 3, houses=2, size=12, sensors=("rgb", "depth", "semantic"), seed=2)
    around, _ = wide.reset()
    narrow.reset()
    state = narrow.state()
    ahead = state["agents"]["heading"].copy()
    for side in range(4):
        state["agents"]["heading"] = ahead + headings_around(4, math.pi / 2)[side]
        seen = narrow.restore(state)
        for name, picture in seen.items():
            if name != "instruction":
                assert (around[name][:, :, 12 * side : 12 * (side + 1)] == picture).all(), (name, side)
    assert wide.in_view().shape == (3, wide.labels_in_view) == (3, 4 * THIRDS * len(KINDS))


def test_the_oracles_costs_are_the_distances_after_each_action() -> None:
    env = batch(4, sensors=(), seed=1)
    env.reset()
    for action in np.random.default_rng(1).integers(1, 1 + HEADINGS, 12):
        costs, before = env.oracle_costs(), env.state()
        over, distance = env.over, before["agents"]["distance"]
        near = ~over & (distance < STEPS * 0.25)
        assert np.isinf(costs[over]).all()
        assert np.isinf(costs[near, 1:]).all()
        assert (costs[near, STOP] == 0).all()
        env.step(np.full(4, action))
        walks = ~over & ~near
        after = env.state()["agents"]["distance"] + 1e-3 * abs(turns(int(action)))
        assert costs[walks, action] == pytest.approx(after[walks], abs=1e-9)


def test_who_does_what_the_oracle_says_succeeds_and_its_walk_is_scored() -> None:
    env = batch(15, sensors=(), split="val_unseen", trajectories=True)
    env.reset(seed=0)
    told: list[tuple[dict[str, float], float, float]] = []
    while len(told) < 60:
        _, _, terminated, truncated, infos = env.step(np.maximum(env.oracle_actions(), STOP))
        assert not truncated.any()
        for agent in np.flatnonzero(terminated):
            score = RULES[env.rules].score(infos["trajectory"][agent])
            told.append((dict(score), infos["spl"][agent], infos["path_length"][agent]))
    assert min(score["sr"] for score, *_ in told) == 1.0
    assert np.mean([score["spl"] for score, *_ in told]) > 0.9
    for score, spl, metres in told:
        assert score["spl"] == pytest.approx(spl)
        assert score["tl"] == pytest.approx(metres)


def test_views_that_show_something_twice_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"views must be from 1 to 4 with an hfov of 1\.5708 radians, not 5"):
        batch(views=5, hfov=math.pi / 2)
    with pytest.raises(ConfigError, match="views must be from 1 to 4"):
        HouseEnv(views=0)
    env = batch(sensors=())
    env.reset()
    with pytest.raises(ValueError, match="actions must be 6 integers from 0 to 24"):
        env.step(np.full(6, 25))
