from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from envs.r2r.vector import GraphVectorEnv
from navagent.networks.architecture import CandidateNetwork
from navagent.networks.candidate_network import CandidatePolicy
from navagent.networks.map_reader import ILLEGAL
from navagent.networks.policy_network import PolicyNetwork
from navagent.networks.weights import ModelCard, load, save

SMALL = CandidateNetwork(hidden_size=12, word_size=10)
MAP = replace(SMALL, memory="map")
AGENTS = 5
KINDS: dict[str, tuple[CandidateNetwork, dict[str, Any]]] = {
    "plain": (SMALL, {}),
    "rooms": (SMALL, {"rooms": True}),
    "map": (MAP, {"map_nodes": 7}),
    "rooms and map": (MAP, {"rooms": True, "map_nodes": 12}),
}


@pytest.fixture(scope="module")
def env(tiny_data: Path) -> GraphVectorEnv:
    return GraphVectorEnv(AGENTS, "train", str(tiny_data), max_steps=6, words=4)


@pytest.fixture(params=list(KINDS))
def kind(request: pytest.FixtureRequest, tiny_data: Path) -> tuple[CandidatePolicy, Walk]:
    """A network of each kind, and what its agents have seen."""
    architecture, options = KINDS[request.param]
    made = GraphVectorEnv(AGENTS, "train", str(tiny_data), max_steps=6, words=4, **options)
    return build(made, architecture), Walk(made, 17)


def build(env: GraphVectorEnv, architecture: CandidateNetwork = SMALL) -> CandidatePolicy:
    torch.manual_seed(0)
    network = architecture.build(env.single_observation_space, int(env.single_action_space.n)).double().eval()
    assert isinstance(network, CandidatePolicy)
    return network


class Walk:
    """Random steps of some agents, with what they saw."""

    def __init__(self, env: GraphVectorEnv, length: int, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        rows, begins = [], []
        now, _ = env.reset(seed=seed)
        begin, over = np.ones(AGENTS, np.bool_), np.zeros(AGENTS, np.bool_)
        for _ in range(length):
            rows.append({name: torch.as_tensor(values.copy()) for name, values in now.items()})
            begins.append(torch.as_tensor(begin))
            moves = [now[name] for name in ("candidates", "map_frontier") if name in now]
            drawn = 1 + np.argmax(
                np.concatenate(moves, axis=1) * rng.random((AGENTS, env.single_action_space.n - 1)), 1
            )
            actions = np.where(rng.random(AGENTS) < 0.2, 0, drawn)
            now, _, terminated, truncated, _ = env.step(actions)
            begin, over = over, terminated | truncated
        self.rows, self.begins = rows, torch.stack(begins)
        self.seen = {name: torch.stack([row[name] for row in rows]) for name in rows[0]}
        self.last = torch.zeros(length, AGENTS, dtype=torch.int64)


def steps(network: PolicyNetwork, walk: Walk, state: Tensor) -> tuple[Tensor, Tensor]:
    """What single steps give."""
    found = []
    for t, row in enumerate(walk.rows):
        log_probabilities, values, state = network.step(row, walk.last[t], state, walk.begins[t])
        found.append((log_probabilities, values))
    return torch.stack([one for one, _ in found]), torch.stack([value for _, value in found])


@pytest.mark.parametrize("learning", [True, False])
def test_a_stretch_gives_what_single_steps_give(kind: tuple[CandidatePolicy, Walk], learning: bool) -> None:
    """With gradients every step reads its instruction; without, the reading of the step before is used again."""
    network, walk = kind
    state = torch.randn(AGENTS, 24, dtype=torch.float64)
    logits, values = network(walk.seen, walk.last, state, walk.begins)
    with torch.set_grad_enabled(learning):
        one_by_one, others = steps(network, walk, state)
    assert torch.allclose(torch.log_softmax(logits, dim=-1), one_by_one, atol=1e-9)
    assert torch.allclose(values, others, atol=1e-9)


def test_decisions_are_not_rounded_in_bf16(kind: tuple[CandidatePolicy, Walk]) -> None:
    """PPO compares probabilities, so only what is thought before may be rounded."""
    network, walk = kind[0].float(), kind[1]
    seen = {name: part.float() if part.is_floating_point() else part for name, part in walk.seen.items()}
    with torch.autocast("cpu", torch.bfloat16):
        for found in network(seen, walk.last, network.new_state(AGENTS), walk.begins):
            legal = found[found > ILLEGAL / 2]
            assert not torch.equal(legal, legal.bfloat16().float())


def test_what_was_read_with_other_weights_is_read_again(env: GraphVectorEnv) -> None:
    network, walk = build(env), Walk(env, 3)
    with torch.no_grad():
        before, _ = steps(network, walk, network.new_state(AGENTS))
        network.embed.weight.mul_(2)
        after, _ = steps(network, walk, network.new_state(AGENTS))
        fresh = build(env)
        fresh.load_state_dict(network.state_dict())
        expected, _ = steps(fresh, walk, fresh.new_state(AGENTS))
    assert torch.equal(after, expected)
    assert not torch.allclose(after, before)


def test_illegal_actions_have_no_probability_and_entropies_are_numbers(kind: tuple[CandidatePolicy, Walk]) -> None:
    network, walk = kind
    logits, _ = network(walk.seen, walk.last, network.new_state(AGENTS), walk.begins)
    log_all = torch.log_softmax(logits, dim=-1)
    legal = torch.cat([walk.seen[name] for name in ("candidates", "map_frontier") if name in walk.seen], dim=-1)
    assert (log_all[..., 1:][~legal] < ILLEGAL / 2).all()
    assert (log_all.exp()[..., 1:][legal] > 0).all()
    assert torch.isfinite((log_all.exp() * log_all).sum(dim=-1)).all()


def test_nothing_from_before_an_episode_is_remembered(env: GraphVectorEnv) -> None:
    network, walk = build(env), Walk(env, 1)
    outputs = [
        network.step(walk.rows[0], walk.last[0], torch.randn(AGENTS, 24).double(), walk.begins[0])[0] for _ in range(2)
    ]
    assert torch.equal(*outputs)


def test_the_order_of_candidates_is_of_no_account(env: GraphVectorEnv) -> None:
    network, walk = build(env), Walk(env, 1)
    row = dict(walk.rows[0])
    most = row["candidates"].shape[1]
    order = torch.randperm(most)
    for name in ("candidates", "geometry", "sectors"):
        row[name] = row[name][:, order]
    before = network.step(walk.rows[0], walk.last[0], network.new_state(AGENTS), walk.begins[0])[0]
    after = network.step(row, walk.last[0], network.new_state(AGENTS), walk.begins[0])[0]
    assert torch.allclose(after[:, 1:], before[:, 1:][:, order])
    assert torch.allclose(after[:, 0], before[:, 0])


@pytest.mark.parametrize("name", ["instruction", "place", "geometry", "around", "move", "sectors"])
def test_everything_observed_matters(env: GraphVectorEnv, name: str) -> None:
    """Places are given other words in every direction, which the made-up scans have not."""
    network, walk = build(env), Walk(env, 8)
    state, generator = network.new_state(AGENTS), torch.Generator().manual_seed(0)
    words = torch.randint(2, 12, walk.seen["place"].shape, generator=generator, dtype=torch.int32)
    seen = walk.seen | {"place": words}
    other = (seen[name] + 3) % 8 if name == "sectors" else seen[name].flip(-2 if seen[name].ndim > 3 else -1)
    before = network(seen, walk.last, state, walk.begins)[0]
    after = network(seen | {name: other}, walk.last, state, walk.begins)[0]
    assert not torch.allclose(after, before)


@pytest.mark.parametrize("name", ["rooms", "map_words", "map_geometry", "map_candidates"])
def test_rooms_and_map_matter_where_they_are_read(name: str, tiny_data: Path) -> None:
    architecture, options = KINDS["rooms and map"]
    env = GraphVectorEnv(AGENTS, "train", str(tiny_data), max_steps=6, words=4, **options)
    network, walk = build(env, architecture), Walk(env, 8)
    seen = walk.seen[name]
    shown = walk.seen["map"][..., None]
    other = {"rooms": seen.roll(1, 2), "map_candidates": seen.flip(-1)}.get(name)
    if other is None:
        other = torch.where(shown, seen + 1, seen)
    before, after = (
        network(walk.seen | {name: values}, walk.last, network.new_state(AGENTS), walk.begins)[0]
        for values in (seen, other)
    )
    assert not torch.allclose(after, before)


def test_the_order_of_a_map_is_of_no_account(tiny_data: Path) -> None:
    """Beyond what the map shows there is nothing, so what it shows stays in front."""
    env = GraphVectorEnv(AGENTS, "train", str(tiny_data), max_steps=6, words=4, map_nodes=12)
    network, walk = build(env, MAP), Walk(env, 5)
    row = dict(walk.rows[4])
    count = int(row["map"].sum(dim=1).min())
    assert count > 3
    order = torch.cat([torch.randperm(count), torch.arange(count, 12)])
    for name in ("map_words", "map_geometry", "map_frontier"):
        row[name] = row[name][:, order]
    row["map_candidates"] = torch.argsort(order)[row["map_candidates"].long()]
    state, begins = network.new_state(AGENTS), torch.ones(AGENTS, dtype=torch.bool)
    before = network.step(walk.rows[4], walk.last[4], state, begins)[0]
    after = network.step(row, walk.last[4], state, begins)[0]
    assert torch.allclose(after[:, :5], before[:, :5])
    assert torch.allclose(after[:, 5:], before[:, 5:][:, order])


def test_everything_of_a_map_learns(tiny_data: Path) -> None:
    architecture, options = KINDS["rooms and map"]
    env = GraphVectorEnv(AGENTS, "train", str(tiny_data), max_steps=6, words=4, **options)
    network, walk = build(env, architecture), Walk(env, 17)
    logits, values = network(walk.seen, walk.last, network.new_state(AGENTS), walk.begins)
    shares = torch.log_softmax(logits, dim=-1)
    torch.autograd.backward(shares[..., 0].sum() + shares[shares > ILLEGAL / 2].square().sum() + values.sum())
    unmoved = [name for name, weight in network.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert unmoved == []


def test_weights_of_before_the_options_still_load(env: GraphVectorEnv, tmp_path: Path) -> None:
    """Their cards name neither; the layers are the same."""
    network, file = build(env).float(), tmp_path / "old.safetensors"
    space, actions = env.single_observation_space, int(env.single_action_space.n)
    save(file, network, ModelCard(SMALL, space, actions, "navagent/R2R-v0"))
    with safe_open(file, "pt") as content:
        tensors = {name: content.get_tensor(name) for name in content.keys()}  # noqa: SIM118 (it is no mapping)
        card = json.loads(content.metadata()["navagent"])
    del card["architecture"]["init_args"]["memory"]
    save_file(tensors, file, {"navagent": json.dumps(card)})
    loaded, _ = load(file)
    assert not [name for name in tensors if name.startswith("map.")]
    assert all(torch.equal(loaded.state_dict()[name], values) for name, values in tensors.items())


def test_dropout_is_for_learning_only(kind: tuple[CandidatePolicy, Walk]) -> None:
    network, walk = kind
    state = network.new_state(AGENTS)
    quiet = [network(walk.seen, walk.last, state, walk.begins)[0] for _ in range(2)]
    network.train()
    noisy = [network(walk.seen, walk.last, state, walk.begins)[0] for _ in range(2)]
    assert torch.equal(*quiet)
    assert not torch.allclose(*noisy)


@pytest.mark.parametrize(
    ("architecture", "said"),
    [
        (CandidateNetwork(hidden_size=7), "hidden_size must be even"),
        (CandidateNetwork(dropout=1.0), "dropout must be at least 0 and less than 1, not 1"),
        (CandidateNetwork(place_dropout=-0.5), "place_dropout must be at least 0"),
        (CandidateNetwork(memory="maps"), "there is no memory 'maps': choose recurrent or map"),  # type: ignore[arg-type]
        (MAP, "needs the observation 'map', as navagent/R2R-v0 gives it with map_nodes"),
    ],
)
def test_bad_options_are_one_sentence(env: GraphVectorEnv, architecture: CandidateNetwork, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        build(env, architecture)


def test_an_observation_that_is_missing_is_named(env: GraphVectorEnv) -> None:
    space = spaces.Dict({name: box for name, box in env.single_observation_space.items() if name != "place"})
    with pytest.raises(ValueError, match="needs the observation 'place'"):
        SMALL.build(space, 5)


def test_a_network_without_a_map_is_refused_where_there_is_one(tiny_data: Path) -> None:
    env = GraphVectorEnv(1, "train", str(tiny_data), words=4, map_nodes=7)
    with pytest.raises(ValueError, match="a network with memory 'recurrent' has 5 actions here, and there are 12"):
        build(env)
