from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from envs.houses.goal_env import HouseGoalWalk, HouseObjectNav, HousePointNav
from envs.houses.lockstep import METRICS
from envs.houses.motion import FORWARD, LEFT, RIGHT, STOP
from envs.houses.tasks import TASKS
from envs.houses.vector import HouseVectorEnv
from eval.rules import RULES, Rules
from navagent.errors import ConfigError
from navagent.rollout import rollout
from navagent.types import Action, Distances, Forward, Observation, Pose, Stop, Trajectory, TurnLeft, TurnRight
from policies.baselines import ShortestPath
from tests.conformance.env_suite import EnvSuite

KINDS = {"pointnav": HousePointNav, "objectnav": HouseObjectNav}
ACTIONS: dict[int, Action] = {STOP: Stop(), FORWARD: Forward(), LEFT: TurnLeft(), RIGHT: TurnRight()}
CODES = {type(action): code for code, action in ACTIONS.items()}
NAMES = {"success": "sr", "spl": "spl", "oracle_success": "osr", "distance_to_goal": "ne", "path_length": "tl"}
"""eval's names of what the vector environment tells."""


def make(task: str, **options: Any) -> HouseGoalWalk:
    return KINDS[task](**{"houses": 2, "size": (10, 14), "hfov": 1.2, **options})


class _OnHouses(EnvSuite):
    task: str

    @pytest.fixture
    def env(self) -> HouseGoalWalk:
        return make(self.task, max_steps=60)

    def test_the_oracle_reaches_the_goal_by_the_shortest_path(self) -> None:  # type: ignore[override]
        """With the rules' 500 actions; the mean, because a start a metre away may face the wall."""
        env = make(self.task, sensors=())
        scores = [RULES[env.rules].score(rollout(env, ShortestPath(), episode)) for episode in env.episodes[::7]]
        assert min(score["sr"] for score in scores) == 1.0
        assert np.mean([score["spl"] for score in scores]) > 0.95


class TestHousePointNav(_OnHouses):
    task = "pointnav"


class TestHouseObjectNav(_OnHouses):
    task = "objectnav"


# ------------------------------------------------------------------- one agent at a time against many at once
Ended = tuple[Trajectory, Trajectory, dict[str, float], list[float]]


def seen_by(observation: Observation) -> dict[str, bytes]:
    assert observation.rgb is not None
    assert observation.depth is not None
    told: dict[str, NDArray[Any]] = dict(observation.readings or {})
    told |= {"rgb": observation.rgb, "depth": observation.depth[..., None]}
    return {name: array.tobytes() for name, array in told.items()}


def play(task: str, oracle: bool, agents: int = 3, episodes: int = 9) -> Iterator[Ended]:
    """Play whole episodes in both, compare every observation; yield both trajectories, metrics told and rewards."""
    twins = [make(task, max_steps=80) for _ in range(agents)]
    known = twins[0].episodes
    batch = HouseVectorEnv(
        task, agents, "val_unseen", (10, 14), houses=2, hfov=1.2, max_steps=80, spl_reward=0.5, trajectories=True
    )
    rng, played = np.random.default_rng(1), list(range(agents))
    rewards: list[list[float]] = [[] for _ in range(agents)]
    observations, _ = batch.reset(seed=0)
    seen = [twin.reset(known[i]) for i, twin in enumerate(twins)]
    assert batch.episode_count == len(known)
    while max(played) < episodes:
        for i in range(agents):
            assert seen_by(seen[i]) == {name: array[i].tobytes() for name, array in observations.items()}
        at_random = rng.choice(4, agents, p=(0.03, 0.6, 0.2, 0.17))
        actions = [
            twin.oracle_action() if oracle else ACTIONS[code] for twin, code in zip(twins, at_random, strict=True)
        ]
        over = batch.over
        observations, reward, _, _, infos = batch.step(np.array([CODES[type(action)] for action in actions]))
        for i, twin in enumerate(twins):
            if over[i]:
                played[i] += agents
                seen[i], rewards[i] = twin.reset(known[played[i]]), []
                continue
            seen[i] = twin.step(actions[i])
            rewards[i].append(float(reward[i]))
            assert seen[i].done == batch.over[i]
            if batch.over[i]:
                told = {NAMES[name]: float(infos[name][i]) for name in METRICS}
                yield twin.trajectory(), infos["trajectory"][i], told, rewards[i]


def rewards_by_metrics(rules: Rules, whole: Trajectory) -> list[float]:
    """What the terms of `HouseVectorEnv` come to in eval's metrics: NE's decrease, and SR and SPL at the end."""
    distances = whole.distances
    assert distances is not None
    errors = []
    for count in range(1, len(whole.poses) + 1):
        walked = replace(distances, between=distances.between[: count - 1], to_goal=distances.to_goal[:count])
        errors.append(rules.metrics["ne"](replace(whole, poses=whole.poses[:count], distances=walked)))
    nearer = [before - after for before, after in pairwise(errors)] + [0.0] * bool(whole.stopped)
    score = rules.score(whole)
    return [reward - 0.01 for reward in [*nearer[:-1], nearer[-1] + 2.5 * score["sr"] + 0.5 * score["spl"]]]


@pytest.mark.parametrize("oracle", [False, True], ids=["random", "oracle"])
@pytest.mark.parametrize("task", sorted(KINDS))
def test_both_show_walk_score_and_reward_the_same(task: str, oracle: bool) -> None:
    rules, stops = RULES[task], 0
    for alone, together, told, rewards in play(task, oracle):
        assert (alone.episode_id, alone.poses, alone.stopped) == (together.episode_id, together.poses, together.stopped)
        scores = rules.score(alone)
        assert rules.score(together) == pytest.approx(scores, abs=1e-9)
        assert told == pytest.approx({name: scores[name] for name in told}, abs=1e-9)
        assert rewards == pytest.approx(rewards_by_metrics(rules, alone), abs=1e-9)
        stops += bool(alone.stopped)
    assert stops > 2


def test_success_distances_are_the_rules() -> None:
    """A step inside the distance succeeds by the rules, one outside fails."""
    for task in TASKS.values():
        for off, success in ((-1e-9, 1.0), (1e-9, 0.0)):
            distances = Distances((), (task.success_distance + off,), ((),), 5.0, 0.0)
            stays = Trajectory("1", "house", (Pose((0.0, 0.0, 0.0), 0.0),), None, True, distances)
            assert RULES[task.rules].score(stays)["sr"] == success


def test_objects_of_a_category_all_count() -> None:
    """The goal that is shown is the nearest; a walk that ends at another object succeeds too."""
    env = make("objectnav", sensors=())
    for episode in env.episodes:
        env.reset(episode)
        assert episode.goal is not None
        points = env._targets[episode.episode_id].points
        far = points[np.hypot(*(points - episode.goal.position[:2]).T).argmax()]
        assert episode.goal.position[:2] in [tuple(point) for point in points.tolist()]
        assert env.distance_to_goal((*far.tolist(), 0.0)) == pytest.approx(0, abs=1e-5)
        shortest = env.trajectory().distances
        assert shortest is not None
        alone = env._place.geodesic.distance(episode.start.position, episode.goal.position)
        assert shortest.shortest == pytest.approx(alone, abs=1e-9)


def test_a_policy_without_pictures_draws_none() -> None:
    env = make("pointnav", sensors=["depth"])
    observation = env.reset(env.episodes[0])
    assert observation.rgb is None
    assert observation.depth is not None
    assert "rgb" not in env.gives
    assert observation.depth.shape == (10, 14)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"split": "val"}, "There is no split 'val' of houses: there are train, val_seen, val_unseen"),
        ({"houses": 0}, "val_unseen has no houses: give at least one"),
        ({"size": (10, 0)}, "size must be from 1 to 8192 pixels, not 0"),
        ({"sensors": ["lidar"]}, "sensors must be some of rgb, depth, not"),
        ({"hfov": 4.0}, "hfov must be more than 0 and less than pi radians, not 4.0"),
        ({"max_steps": 0}, "max_steps must be at least 1, not 0"),
    ],
)
def test_bad_options_are_one_sentence(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        make("pointnav", **options)


def test_an_episode_of_another_split_is_refused() -> None:
    other = make("pointnav", split="val_seen").episodes[0]
    with pytest.raises(ValueError, match="is no episode of this split"):
        make("pointnav").reset(other)
