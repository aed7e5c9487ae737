from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from envs.r2r.env import R2R
from envs.r2r.vector import STOP, GraphVectorEnv
from navagent.errors import ConfigError, DataError
from navagent.rollout import rollout
from navagent.types import MoveTo, Trajectory
from navagent.vocabulary import Vocabulary
from tests.conformance.policy_suite import PolicySuite
from tests.tiny import scramble_rooms

pytest.importorskip("torch", reason="needs torch: pip install torch==2.13.0")
pytest.importorskip("safetensors", reason="needs safetensors: pip install safetensors")

import torch

from navagent.networks.architecture import CandidateNetwork
from navagent.networks.weights import ModelCard, load, save
from navagent.perception.navgpt_texts import NavGPTTexts
from navagent.perception.room_labels import RoomLabels
from navagent.train.evaluation import play_split
from policies.graph_senses import GraphSenses
from policies.trained_on_graph import TrainedOnGraph

OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "rooms": {"rooms": True},
    "map": {"map_nodes": 8},
    "rooms and map": {"rooms": True, "map_nodes": 12},
}


def batch(data: Path, split: str = "val_unseen", agents: int = 4, **options: Any) -> GraphVectorEnv:
    return GraphVectorEnv(agents, split, str(data), words=5, trajectories=True, **options)


def write(file: Path, data: Path, env: str = "navagent/R2R-v0", **options: Any) -> str:
    """Random weights; the last layers are made lively, or all actions would be alike."""
    torch.manual_seed(3)
    made = batch(data, "train", **options)
    architecture = CandidateNetwork(
        hidden_size=16, word_size=8, memory="map" if "map_nodes" in options else "recurrent"
    )
    space, actions = made.single_observation_space, int(made.single_action_space.n)
    network = architecture.build(space, actions)
    for name, weight in network.state_dict().items():
        if name.endswith("choose.weight"):
            weight *= 30
    card = ModelCard(architecture, space, actions, env, {"words": 5, **options}, vocabulary=made.vocabulary)
    save(file, network, card)
    return str(file)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory, tiny_data: Path) -> str:
    return write(tmp_path_factory.mktemp("weights") / "best.safetensors", tiny_data)


@pytest.fixture(params=list(OPTIONS))
def options(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Options of the environment that a network was trained in."""
    return OPTIONS[request.param]


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


class TestWithMap(TestTrainedOnGraph):
    @pytest.fixture
    def policy(self, tmp_path: Path, tiny_data: Path) -> TrainedOnGraph:
        file = write(tmp_path / "map.safetensors", tiny_data, rooms=True, map_nodes=12)
        return TrainedOnGraph(file, data_dir=str(tiny_data))


def test_a_policy_observes_what_the_vector_environment_shows(tiny_data: Path, options: dict[str, Any]) -> None:
    vector, rng = batch(tiny_data, agents=3, **options), np.random.default_rng(1)
    observations, _ = vector.reset(seed=0)
    env = R2R("val_unseen", str(tiny_data))
    one = env.reset(env.episodes[0])
    senses = GraphSenses(
        vector.single_observation_space,
        Vocabulary(vector.vocabulary),
        NavGPTTexts(str(tiny_data), captions=True),
        RoomLabels(str(tiny_data)) if "rooms" in options else None,
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


def test_it_plays_what_a_training_evaluates(tmp_path: Path, tiny_data: Path, options: dict[str, Any]) -> None:
    """Every episode of the split by `navagent eval`'s loop, and all at once by the trainer's."""
    weights = write(tmp_path / "best.safetensors", tiny_data, **options)
    env, policy = R2R("val_unseen", str(tiny_data), 20), TrainedOnGraph(weights, data_dir=str(tiny_data))
    thoughts: list[str] = []
    one_by_one = [
        rollout(env, policy, episode, lambda _, decision: thoughts.append(decision.thought)) for episode in env.episodes
    ]
    assert any(thought.startswith("on the way to ") for thought in thoughts) == ("map_nodes" in options)
    told: list[Trajectory] = []
    vector = batch(tiny_data, max_steps=20, **options)
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


def test_it_does_not_see_the_goal(tmp_path: Path, own_tiny_data: Path, options: dict[str, Any]) -> None:
    """Goals and reference paths are scrambled, and nothing that it does changes."""
    weights, walks = write(tmp_path / "best.safetensors", own_tiny_data, **options), []
    for _ in range(2):
        env = R2R("val_unseen", str(own_tiny_data))
        policy = TrainedOnGraph(weights, data_dir=str(own_tiny_data))
        walks.append([rollout(env, policy, episode).viewpoints for episode in env.episodes[::3]])
        file = own_tiny_data / "r2r" / "R2R_val_unseen.json"
        paths = json.loads(file.read_text())
        for path in paths:
            path["path"] = [path["path"][0], *reversed(path["path"][1:])]
        file.write_text(json.dumps(paths))
    assert walks[0] == walks[1]


@pytest.mark.parametrize("kind", list(OPTIONS))
def test_room_labels_reach_privileged_policies_only(kind: str, tmp_path: Path, own_tiny_data: Path) -> None:
    """Room labels are scrambled: what is not privileged does the same."""
    weights, thoughts = write(tmp_path / "best.safetensors", own_tiny_data, **OPTIONS[kind]), []
    for _ in range(2):
        env, told = R2R("val_unseen", str(own_tiny_data)), list[str]()
        policy = TrainedOnGraph(weights, data_dir=str(own_tiny_data))
        for episode in env.episodes[:6]:
            rollout(env, policy, episode, lambda _, decision, told=told: told.append(decision.thought))  # type: ignore[misc]
        thoughts.append(told)
        scramble_rooms(own_tiny_data)
    assert policy.privileged == ("rooms" in kind)
    assert (thoughts[0] != thoughts[1]) == policy.privileged
    assert ("rooms" in policy.fingerprints()) == policy.privileged


def test_room_labels_that_are_absent_are_named(tmp_path: Path, own_tiny_data: Path) -> None:
    weights = write(tmp_path / "best.safetensors", own_tiny_data, rooms=True)
    (own_tiny_data / "rooms" / "vp2room_label.json").unlink()
    with pytest.raises(DataError, match=r"vp2room_label.json is missing: .*navagent doctor"):
        TrainedOnGraph(weights, data_dir=str(own_tiny_data))


def test_its_data_have_fingerprints(weights: str, tiny_data: Path) -> None:
    policy = TrainedOnGraph(weights, data_dir=str(tiny_data))
    assert set(policy.fingerprints()) == {"weights", "navgpt"}
    assert not policy.privileged


def test_weights_of_another_task_are_refused(tiny_data: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "other.safetensors", tiny_data, "navagent/HousePointNav-v0")
    with pytest.raises(ConfigError, match="was trained in navagent/HousePointNav-v0, and this policy"):
        TrainedOnGraph(file, data_dir=str(tiny_data))


def test_a_describer_that_needs_pictures_is_refused(weights: str, tiny_data: Path) -> None:
    class Seeing(NavGPTTexts):
        needs = NavGPTTexts.needs | {"panorama"}

    with pytest.raises(ConfigError, match="Seeing needs panorama, and this policy has whole places described"):
        TrainedOnGraph(weights, describer=Seeing(str(tiny_data)))


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
