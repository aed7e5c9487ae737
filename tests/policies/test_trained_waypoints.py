"""Networks of waypoint actions play environments of primitive actions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from envs.houses.dataset import make_data
from envs.houses.env import HouseEnv
from envs.houses.splits import plan_splits
from envs.houses.waypoints import HouseWaypointVectorEnv
from navagent.errors import ConfigError
from navagent.rollout import rollout
from navagent.types import Action, Decision, Episode, Forward, Observation, Stop, Trajectory, TurnLeft, TurnRight
from navagent.waypoint_actions import HFOV, VIEWS

pytest.importorskip("torch", reason="needs torch: pip install torch==2.13.0")
pytest.importorskip("safetensors", reason="needs safetensors: pip install safetensors")

import torch

from navagent.networks.architecture import SensorNetwork
from navagent.networks.weights import ModelCard, load, save
from navagent.train.evaluation import _play
from policies.trained import PRIMITIVE, WAYPOINTS, Trained

SIZE = (16, 16)
SEEN: Mapping[str, Any] = {"size": SIZE, "max_steps": 120}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("houses")
    make_data(root, plan_splits(train=0, val_seen=0, val_unseen=2))
    return root


@pytest.fixture(scope="module")
def batch() -> HouseWaypointVectorEnv:
    return HouseWaypointVectorEnv("r2r", 9, split="val_unseen", houses=2, trajectories=True, **SEEN)


@pytest.fixture(scope="module")
def weights(batch: HouseWaypointVectorEnv, tmp_path_factory: pytest.TempPathFactory) -> str:
    space = batch.single_observation_space
    card = ModelCard(SensorNetwork(hidden_size=16, convolutions="normed"), space, 25, "waypoints", hfov=batch.hfov)  # type: ignore[arg-type]
    torch.manual_seed(0)
    network = card.architecture.build(card.space, card.actions)
    entries = network.state_dict()
    entries["policy.weight"] *= 300.0
    entries["policy.bias"][0] += 1.6  # some episodes end at once, some after a few moves, some never
    file = tmp_path_factory.mktemp("weights") / "waypoints.safetensors"
    save(file, network, card)
    return str(file)


def env_of(folder: Path, **changes: Any) -> HouseEnv:
    return HouseEnv("val_unseen", str(folder), **{**SEEN, "views": VIEWS, "hfov": HFOV, **changes})


def long_episode(env: HouseEnv, weights: str) -> Episode:
    """Return an episode in which the network moves more than twice."""
    return next(episode for episode in env.episodes if len(rollout(env, Trained(weights), episode).poses) > 60)


def ends(walks: list[Trajectory]) -> list[tuple[Any, ...]]:
    found = [
        (walk.scene, *np.round(walk.poses[0].position[:2], 2), walk.stopped, len(walk.poses), walk.poses[-1].position)
        for walk in walks
    ]
    return sorted(found, key=lambda end: end[:5])


def test_it_walks_as_in_the_environment_that_it_was_trained_in(
    folder: Path, batch: HouseWaypointVectorEnv, weights: str
) -> None:
    """Episode by episode. Files round a path's start to a millimetre: a random network may then go another way."""
    trained = ends(_play(batch, load(Path(weights))[0], torch.device("cpu")))
    env, policy = env_of(folder), Trained(weights)
    played = ends([rollout(env, policy, episode) for episode in env.episodes])
    assert len(trained) == len(played) == 90
    same = [a[:5] == b[:5] and np.allclose(a[5], b[5], atol=0.02) for a, b in zip(trained, played, strict=True)]
    assert np.mean(same) > 0.8
    assert len({walk[4] for walk in played}) > 5


def test_a_move_is_made_of_turns_and_six_steps_and_told_once(folder: Path, weights: str) -> None:
    env, taken = env_of(folder), list[Decision]()
    rollout(env, Trained(weights), long_episode(env, weights), lambda _, decision: taken.append(decision))
    thoughts = [decision.thought for decision in taken]
    began = [index for index, thought in enumerate(thoughts) if thought != "on the way"]
    assert len(began) > 2
    for first, end in pairwise(began):
        move = [type(decision.action) for decision in taken[first:end]]
        turned, walked = move[:-6], move[-6:]
        assert walked == [Forward] * 6
        assert len(set(turned)) <= 1
        assert set(turned) <= {TurnLeft, TurnRight}
        chances = {part.rsplit(" ", 1)[0]: float(part.rsplit(" ", 1)[1]) for part in thoughts[first].split(", ")}
        side = "right" if TurnRight in turned else "left"
        assert chances[f"{side} {15 * len(turned)}" if turned else "ahead"] == max(chances.values())


def test_who_is_overruled_on_the_way_thinks_again(folder: Path, weights: str) -> None:
    env, policy = env_of(folder), Trained(weights)
    episode = long_episode(env, weights)
    observation = env.reset(episode)
    policy.reset(episode.public())

    def act(observation: Observation) -> tuple[Action, str]:
        decision = policy.act(observation)
        return decision.action, decision.thought

    first, _ = act(observation)
    observation = env.step(first)
    assert act(observation)[1] == "on the way"
    policy.overruled(observation, TurnLeft())
    observation = env.step(TurnLeft())
    assert act(observation)[1] != "on the way"


def test_what_stands_for_what() -> None:
    assert [choice.name for choice in PRIMITIVE] == ["stop", "forward", "left", "right"]
    assert WAYPOINTS[0].actions == (Stop(),)
    assert WAYPOINTS[1].name == "left 150"
    assert WAYPOINTS[11] == replace(WAYPOINTS[11], name="ahead", actions=(Forward(),) * 6)
    assert WAYPOINTS[23].actions[:12] == (TurnRight(),) * 12
    assert len({choice.name for choice in WAYPOINTS}) == len(WAYPOINTS) == 25


def test_an_environment_that_looks_ahead_only_is_refused(folder: Path, weights: str) -> None:
    env = env_of(folder, views=1)
    with pytest.raises(
        ConfigError, match=r"trained on depth of \(16, 128, 1\) float32, and the environment gives \(16, 16, 1\)"
    ):
        rollout(env, Trained(weights), env.episodes[0])
