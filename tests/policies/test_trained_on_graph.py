from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from envs.r2r.env import R2R
from envs.r2r.vector import STOP, GraphVectorEnv
from navagent.errors import ConfigError, DataError
from navagent.rollout import rollout
from navagent.types import MoveTo, Trajectory
from navagent.vocabulary import Vocabulary
from tests.conformance.policy_suite import PolicySuite

pytest.importorskip("torch", reason="needs torch: pip install torch==2.13.0")
pytest.importorskip("safetensors", reason="needs safetensors: pip install safetensors")

import torch

from navagent.networks.architecture import CandidateNetwork
from navagent.networks.weights import ModelCard, load, save
from navagent.perception.navgpt_texts import NavGPTTexts
from navagent.train.evaluation import play_split
from policies.graph_senses import GraphSenses
from policies.trained_on_graph import TrainedOnGraph


def batch(data: Path, split: str = "val_unseen", agents: int = 4) -> GraphVectorEnv:
    return GraphVectorEnv(agents, split, str(data), words=5, trajectories=True)


def write(file: Path, data: Path, env: str = "navagent/R2R-v0") -> str:
    """Random weights; the last layer is made lively, or all actions would be alike."""
    torch.manual_seed(3)
    made = batch(data, "train")
    architecture = CandidateNetwork(hidden_size=16, word_size=8)
    space, actions = made.single_observation_space, int(made.single_action_space.n)
    network = architecture.build(space, actions)
    network.state_dict()["choose.weight"] *= 30
    save(file, network, ModelCard(architecture, space, actions, env, {"words": 5}, vocabulary=made.vocabulary))
    return str(file)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory, tiny_data: Path) -> str:
    return write(tmp_path_factory.mktemp("weights") / "best.safetensors", tiny_data)


class TestTrainedOnGraph(PolicySuite):
    @pytest.fixture
    def env(self, tiny_data: Path) -> R2R:
        return R2R("val_unseen", str(tiny_data))

    @pytest.fixture
    def policy(self, weights: str, tiny_data: Path) -> TrainedOnGraph:
        return TrainedOnGraph(weights, data_dir=str(tiny_data))


class TestSampled(TestTrainedOnGraph):
    @pytest.fixture
    def policy(self, weights: str, tiny_data: Path) -> TrainedOnGraph:
        return TrainedOnGraph(weights, data_dir=str(tiny_data), sample=True, seed=5)


def test_a_policy_observes_what_the_vector_environment_shows(tiny_data: Path) -> None:
    vector, rng = batch(tiny_data, agents=3), np.random.default_rng(1)
    observations, _ = vector.reset(seed=0)
    env = R2R("val_unseen", str(tiny_data))
    one = env.reset(env.episodes[0])
    senses = GraphSenses(
        vector.single_observation_space, Vocabulary(vector.vocabulary), NavGPTTexts(str(tiny_data), captions=True)
    )
    for _ in range(12):
        mine = senses.see(one)
        assert set(mine) == set(observations)
        for name, values in observations.items():
            assert mine[name].dtype == values.dtype, name
            assert mine[name].shape == values[0].shape, name
            off = np.abs(mine[name].astype(np.float64) - values[0])
            assert (np.minimum(off, np.abs(off - 2 * math.pi)) if name == "heading" else off).max() < 1e-5, name
        ways = one.candidates or ()
        chosen = int(rng.integers(len(ways)))
        senses.moved(ways[chosen])
        one = env.step(MoveTo(ways[chosen].id))
        observations, *_ = vector.step(np.array([1 + chosen, STOP, STOP]))


def test_it_plays_what_a_training_evaluates(weights: str, tiny_data: Path) -> None:
    """Every episode of the split by `navagent eval`'s loop, and all at once by the trainer's."""
    env, policy = R2R("val_unseen", str(tiny_data)), TrainedOnGraph(weights, data_dir=str(tiny_data))
    one_by_one = [rollout(env, policy, episode) for episode in env.episodes]
    told: list[Trajectory] = []
    vector = batch(tiny_data)
    step = vector.step

    def listen(actions: np.ndarray[tuple[int], np.dtype[np.int64]]) -> tuple[object, ...]:
        found = step(actions)
        told.extend(found[-1]["trajectory"][found[-1]["_trajectory"]] if "trajectory" in found[-1] else ())
        return found

    vector.step = listen  # type: ignore[method-assign, assignment]
    network, _ = load(Path(weights))
    play_split(vector, network, torch.device("cpu"))
    ends = {trajectory.episode_id: trajectory.viewpoints for trajectory in told}
    assert {walk.episode_id: walk.viewpoints for walk in one_by_one} == ends
    assert len({walk.viewpoints for walk in one_by_one}) > 10


def test_it_does_not_see_the_goal(weights: str, own_tiny_data: Path) -> None:
    """Goals and reference paths are scrambled, and nothing that it does changes."""
    walks = []
    for _ in range(2):
        env = R2R("val_unseen", str(own_tiny_data))
        policy = TrainedOnGraph(weights, data_dir=str(own_tiny_data))
        walks.append([rollout(env, policy, episode).viewpoints for episode in env.episodes])
        file = own_tiny_data / "r2r" / "R2R_val_unseen.json"
        paths = json.loads(file.read_text())
        for path in paths:
            path["path"] = [path["path"][0], *reversed(path["path"][1:])]
        file.write_text(json.dumps(paths))
    assert walks[0] == walks[1]


def test_its_data_have_fingerprints(weights: str, tiny_data: Path) -> None:
    policy = TrainedOnGraph(weights, data_dir=str(tiny_data))
    assert set(policy.fingerprints()) == {"weights", "navgpt"}
    assert not policy.privileged


def test_weights_of_another_task_are_refused(tiny_data: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "other.safetensors", tiny_data, "navagent/HousePointNav-v0")
    with pytest.raises(ConfigError, match="was trained in navagent/HousePointNav-v0, and this policy"):
        TrainedOnGraph(file, data_dir=str(tiny_data))


def test_texts_that_are_absent_are_named(weights: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="navgpt is missing"):
        TrainedOnGraph(weights, data_dir=str(tmp_path))


def test_more_candidates_than_known_are_refused(weights: str, tiny_data: Path) -> None:
    env, policy = R2R("val_unseen", str(tiny_data)), TrainedOnGraph(weights, data_dir=str(tiny_data))
    observation = env.reset(env.episodes[0])
    policy.reset(env.episodes[0].public())
    assert observation.candidates is not None
    crowd = type(observation)(
        **{name: getattr(observation, name) for name in ("instruction", "scene", "step", "pose", "viewpoint")},
        candidates=observation.candidates * 4,
    )
    with pytest.raises(ConfigError, match="candidates, and the network was trained on at most 4"):
        policy.act(crowd)
