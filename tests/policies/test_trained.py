from __future__ import annotations

import copy
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

from envs.houses.goal_env import HouseObjectNav, HousePointNav
from navagent.contracts import Policy
from navagent.errors import ConfigError
from navagent.rollout import check_needs, rollout
from navagent.types import Action, Candidate, Decision, Forward, Observation
from tests.conformance.policy_suite import PolicySuite

pytest.importorskip("torch", reason="needs torch: pip install torch==2.13.0")
pytest.importorskip("safetensors", reason="needs safetensors: pip install safetensors")

import torch

from navagent.networks.architecture import SensorNetwork
from navagent.networks.weights import ModelCard, load, save
from policies import trained
from policies.trained import Trained

OPTIONS: dict[str, Any] = {"houses": 1, "size": 36, "sensors": ["depth"], "max_steps": 25}
SPACE = spaces.Dict(
    {
        "depth": spaces.Box(0, 100, (36, 36, 1), np.float32),
        "gps": spaces.Box(-100, 100, (2,), np.float32),
        "compass": spaces.Box(-np.pi, np.pi, (1,), np.float32),
        "pointgoal_with_gps_compass": spaces.Box(-100, 100, (2,), np.float32),
    }
)
CARD = ModelCard(SensorNetwork(hidden_size=16), SPACE, 4, "navagent/HousePointNav-v0", hfov=np.pi / 2)


def write(file: Path, card: ModelCard = CARD, lively: float = 30.0) -> str:
    """Random weights; `lively` makes the actions differ, which a fresh network finds all alike."""
    torch.manual_seed(0)
    network = card.architecture.build(card.space, card.actions)
    weights = network.state_dict()
    weights["policy.weight"] *= lively
    save(file, network, card)
    return str(file)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write(tmp_path_factory.mktemp("weights") / "best.safetensors")


@pytest.fixture
def env() -> HousePointNav:
    return HousePointNav(**OPTIONS)


class TestTrained(PolicySuite):
    @pytest.fixture
    def env(self) -> HousePointNav:
        return HousePointNav(**OPTIONS)

    @pytest.fixture
    def policy(self, weights: str) -> Trained:
        return Trained(weights)


class TestSampled(TestTrained):
    @pytest.fixture
    def policy(self, weights: str) -> Trained:
        return Trained(weights, sample=True, seed=5)


def actions_of(env: HousePointNav, policy: Policy, index: int) -> list[Action]:
    taken: list[Action] = []
    rollout(env, policy, env.episodes[index], lambda _, decision: taken.append(decision.action))
    return taken


def test_it_does_what_the_network_says_step_by_step(env: HousePointNav, weights: str) -> None:
    """Against the network's pass over the whole episode at once."""
    seen: list[Observation] = []
    taken: list[Decision] = []

    def keep(observation: Observation, decision: Decision) -> None:
        seen.append(observation)
        taken.append(decision)

    rollout(env, Trained(weights, sample=True), env.episodes[2], keep)
    network, _ = load(Path(weights))
    stacked = {"depth": np.stack([o.depth[..., None] for o in seen if o.depth is not None])}
    stacked |= {name: np.stack([(o.readings or {})[name] for o in seen]) for name in SPACE if name != "depth"}
    codes = torch.tensor([trained._CODES[type(decision.action)] for decision in taken])
    begins = torch.zeros(len(codes), 1, dtype=torch.bool)
    begins[0] = True
    last = torch.cat([torch.zeros(1, dtype=torch.int64), codes[:-1] + 1])[:, None]
    observations = {name: torch.as_tensor(values)[:, None] for name, values in stacked.items()}
    with torch.no_grad():
        logits, _ = network(observations, last, network.new_state(1), begins)
    assert len(set(codes.tolist())) > 1
    for decision, shares in zip(taken, torch.softmax(logits[:, 0], dim=-1).tolist(), strict=True):
        told = [float(part.split()[1]) for part in decision.thought.split(", ")]
        assert told == pytest.approx(shares, abs=0.0051)


def test_concurrent_episodes_are_played_as_they_are_alone(env: HousePointNav, weights: str) -> None:
    policy = Trained(weights)
    alone = [actions_of(env, policy, index) for index in range(8)]

    def play(index: int) -> list[Action]:
        return actions_of(copy.deepcopy(env), copy.deepcopy(policy), index)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(play, range(8))) == alone


def test_draws_follow_the_probabilities_and_the_seed(env: HousePointNav, tmp_path: Path) -> None:
    """A fresh network finds all actions alike: a quarter of the draws each."""
    weights = write(tmp_path / "fresh.safetensors", lively=0.0)
    first = [actions_of(env, Trained(weights, sample=True, seed=1), index) for index in range(40)]
    again = [actions_of(env, Trained(weights, sample=True, seed=1), index) for index in reversed(range(40))]
    other = [actions_of(env, Trained(weights, sample=True, seed=2), index) for index in range(40)]
    assert first == again[::-1]
    assert first != other
    every = [action for taken in first for action in taken]
    shares = [sum(action == which for action in every) / len(every) for which in trained.ACTIONS]
    assert shares == pytest.approx([0.25] * 4, abs=0.12)


def test_it_remembers_what_another_did(env: HousePointNav, weights: str) -> None:
    """Being told of an action counts like having taken it: the same thoughts afterwards."""

    def thoughts(ask: bool) -> list[str]:
        policy = Trained(weights)
        observation = env.reset(env.episodes[1])
        policy.reset(env.episodes[1].public())
        for _ in range(3):
            if ask:
                policy.act(observation)
            policy.overruled(observation, Forward())
            observation = env.step(Forward())
        return [policy.act(observation).thought]

    assert thoughts(ask=True) == thoughts(ask=False)


# --------------------------------------------------------------------------------------------- what is refused
def test_weights_that_are_not_there_name_those_that_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trained, "SHIPPED", tmp_path)
    with pytest.raises(ConfigError, match=r"There is no weights file pointnav, .*\(shipped are: none\)\.$"):
        Trained("pointnav")
    write(tmp_path / "houses_pointnav.safetensors")
    with pytest.raises(ConfigError, match=r"shipped are: houses_pointnav\)\. Did you mean 'houses_pointnav'\?$"):
        Trained("house_pointnav")
    assert Trained("houses_pointnav").needs == set(SPACE)


def test_an_environment_without_a_sensor_is_refused(weights: str) -> None:
    with pytest.raises(ConfigError, match=r"Trained needs pointgoal_with_gps_compass, which HouseObjectNav does not"):
        check_needs(HouseObjectNav(**OPTIONS), Trained(weights))
    with pytest.raises(ConfigError, match=r"Trained needs depth, which HousePointNav does not give"):
        check_needs(HousePointNav(**{**OPTIONS, "sensors": ["rgb"]}), Trained(weights))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"size": 40},
            r"was trained on depth of \(36, 36, 1\) float32, and the environment gives \(40, 40, 1\) float32",
        ),
        ({"hfov": 1.0}, r"was trained on pictures of 1\.5708 radians, and the environment gives 1\.0000"),
    ],
)
def test_an_environment_that_shows_something_else_is_refused(options: dict[str, Any], said: str, weights: str) -> None:
    env = HousePointNav(**{**OPTIONS, **options})
    with pytest.raises(ConfigError, match=said):
        rollout(env, Trained(weights), env.episodes[0])


def test_an_environment_that_moves_agents_to_candidates_is_refused(env: HousePointNav, weights: str) -> None:
    policy, episode = Trained(weights), env.episodes[0]
    policy.reset(episode.public())
    around = replace(env.reset(episode), candidates=(Candidate("p1", 0.0, 0.0, 1.0),))
    with pytest.raises(
        ConfigError, match="walks by primitive actions, and this environment moves agents to candidates"
    ):
        policy.act(around)


def test_bad_options_are_one_sentence(weights: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="A seed must be at least 0, not -1"):
        Trained(weights, seed=-1)
    with pytest.raises(ConfigError, match="The device 'cuda:99' cannot be used"):
        Trained(weights, device="cuda:99")
    three = replace(CARD, actions=3)
    with pytest.raises(
        ConfigError, match=r"has 3 actions, and this policy knows 4 \(stop, forward, left, right\) and 25"
    ):
        Trained(write(tmp_path / "three.safetensors", three))
