"""The vision-language policy: steps with a cache and whole stretches give the same numbers."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("transformers", reason='needs transformers: pip install "navagent[vision]"')

from navagent.train.precision import MixedPrecision
from policies.vlm.architecture import History
from tests.policies.vlm.made_up import ACTIONS, GPT2, LLAMA, SPACE, build, by_steps, observed

FOUR_VIEWS: dict[str, Any] = {
    "tower__kind": "vit",
    "tower__patch": 10,
    "tower__layers": 1,
    "tower__views": 4,
    "connector__tokens": 0,
}
"""40 pixels are four views of 10, each of which is four patches, one above the other."""

VARIANTS: dict[str, dict[str, Any]] = {
    "llarp": {},
    "actions": {"see_actions": True},
    "patches": {"tower__features": "patches", "connector__kind": "perceiver", "connector__tokens": 2},
    "vit": {"tower__kind": "vit", "tower__patch": 8, "tower__layers": 1, "connector__kind": "qformer"},
    "attention": {"history__kind": "attention", "context": 1},
    "mean": {"history__kind": "mean"},
    "plan": {"connector__kind": "qformer", "connector__layers": 2, "plan__tokens": 3},
    "gpt2": {"language__config": GPT2},
    "views": {"actions": 9, "act_from": "views", **FOUR_VIEWS},
}


@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)
@settings(deadline=None, max_examples=4)
@given(data=st.data())
def test_a_stretch_gives_what_single_steps_give(changes: dict[str, Any], data: st.DataObject) -> None:
    """Episodes begin anywhere, and the stretch anywhere in them."""
    length, agents = data.draw(st.integers(1, 8)), data.draw(st.integers(1, 3))
    flags = data.draw(st.lists(st.booleans(), min_size=length * agents, max_size=length * agents))
    begins = torch.tensor(flags).view(length, agents)
    begins[0] = True
    network = build(**changes).double()
    seen, last = observed(begins), torch.randint(0, ACTIONS + 1, begins.shape)
    probabilities, values, states = by_steps(network, seen, last, network.new_state(agents), begins)
    first = data.draw(st.integers(0, length - 1))
    rest = {name: part[first:] for name, part in seen.items()}
    logits, valued = network(rest, last[first:], states[first], begins[first:])
    assert torch.allclose(torch.log_softmax(logits, dim=-1), probabilities[first:], atol=1e-9)
    assert torch.allclose(valued, values[first:], atol=1e-9)


@pytest.mark.parametrize(
    "config",
    [
        {**LLAMA, "model_type": "mistral", "sliding_window": None},
        {**LLAMA, "model_type": "qwen2"},
        {**LLAMA, "model_type": "qwen3", "head_dim": 8},
        {**LLAMA, "model_type": "gemma", "head_dim": 8},
        {"model_type": "opt", "hidden_size": 16, "ffn_dim": 32, "num_hidden_layers": 2, "num_attention_heads": 2},
        {"model_type": "gpt_neox", "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2}
        | {"num_attention_heads": 2},
    ],
    ids=lambda config: str(config["model_type"]),
)
def test_other_language_models_keep_their_promise_too(config: dict[str, Any]) -> None:
    ends = {name: 1 for name in ("bos_token_id", "eos_token_id")}
    network = build(language__config={**config, **ends})
    begins = torch.zeros(6, 2, dtype=torch.bool)
    begins[0], begins[3, 1] = True, True
    seen, last = observed(begins), torch.zeros(begins.shape, dtype=torch.int64)
    probabilities, _, states = by_steps(network, seen, last, network.new_state(2), begins)
    rest = {name: part[2:] for name, part in seen.items()}
    logits, _ = network(rest, last[2:], states[2], begins[2:])
    assert torch.allclose(torch.log_softmax(logits, dim=-1), probabilities[2:], atol=1e-5)


def test_batched_and_cached_inference_acts_as_one_agent_that_reads_everything_anew() -> None:
    """The agents' episodes begin at different steps and their instructions differ in length."""
    network = build(context=8)
    begins = torch.zeros(8, 3, dtype=torch.bool)
    begins[0], begins[3, 0], begins[5, 2] = True, True, True
    seen, last = observed(begins), torch.zeros(begins.shape, dtype=torch.int64)
    probabilities, _, _ = by_steps(network, seen, last, network.new_state(3), begins)
    for agent in range(3):
        for step in range(8):
            first = int(torch.nonzero(begins[: step + 1, agent]).max())
            whole = {name: part[first : step + 1, agent : agent + 1] for name, part in seen.items()}
            start = begins[first : step + 1, agent : agent + 1]
            logits, _ = network(whole, last[first : step + 1, agent : agent + 1], network.new_state(1), start)
            alone = torch.log_softmax(logits[-1, 0], dim=-1)
            assert torch.allclose(alone, probabilities[step, agent], atol=1e-5)
            assert int(alone.argmax()) == int(probabilities[step, agent].argmax())


def test_what_lies_before_the_context_is_not_seen_and_the_instruction_always_is() -> None:
    """One layer of attention, so that nothing is passed on from step to step."""
    network = build(language__config={**LLAMA, "num_hidden_layers": 1}, context=2).double()
    begins = torch.zeros(5, 1, dtype=torch.bool)
    begins[0] = True
    seen, last = observed(begins), torch.zeros(begins.shape, dtype=torch.int64)
    state = network.new_state(1)
    usual = network(seen, last, state, begins)[0][-1]
    for name, step, changed in [("rgb", 2, False), ("rgb", 3, True), ("instruction", 0, True)]:
        other = {key: part.clone() for key, part in seen.items()}
        other[name][step] = 255 - other[name][step] if name == "rgb" else torch.tensor([3, 4, 5, 6, 7, 0, 0])
        assert torch.equal(network(other, last, state, begins)[0][-1], usual) != changed


def test_states_hold_steps_exactly_in_half_precision() -> None:
    network = build(language__dtype="bfloat16", language__tuning="frozen")
    begins = torch.tensor([[True]])
    seen = {name: part[0] for name, part in observed(begins).items()}
    state, last = network.new_state(1), torch.zeros(1, dtype=torch.int64)
    assert state.dtype == torch.bfloat16
    for step in range(600):
        state[:, -2], state[:, -1] = step // 256, step % 256
    _, _, state = network.step(seen, last, state, torch.tensor([False]))
    assert state[0, -2:].tolist() == [2, 600 - 512]


def test_half_precision_gives_nearly_the_same() -> None:
    begins = torch.zeros(4, 2, dtype=torch.bool)
    begins[0] = True
    seen, last = observed(begins), torch.zeros(begins.shape, dtype=torch.int64)
    network = build(language__dtype="bfloat16", language__tuning="frozen")
    probabilities, values, states = by_steps(network, seen, last, network.new_state(2), begins)
    logits, valued = network(seen, last, states[0], begins)
    assert logits.dtype == probabilities.dtype == torch.float32
    assert torch.allclose(torch.log_softmax(logits, dim=-1), probabilities, atol=0.3)
    assert torch.allclose(valued, values, atol=0.1)


def test_autocast_gives_nearly_the_same() -> None:
    begins = torch.zeros(4, 2, dtype=torch.bool)
    begins[0] = True
    seen, last = observed(begins), torch.zeros(begins.shape, dtype=torch.int64)
    network = build()
    wanted, _, _ = by_steps(network, seen, last, network.new_state(2), begins)
    mixed = MixedPrecision(network)
    probabilities, _, states = by_steps(mixed, seen, last, mixed.new_state(2), begins)
    rest = {name: values[2:] for name, values in seen.items()}
    logits, _ = mixed(rest, last[2:], states[2], begins[2:])
    assert torch.allclose(probabilities, wanted, atol=0.3)
    assert torch.allclose(torch.log_softmax(logits, dim=-1), wanted[2:], atol=0.3)


def test_it_needs_no_instruction_and_no_pictures_size_of_ours() -> None:
    space = spaces.Dict({name: part for name, part in SPACE.items() if name != "instruction"})
    network = build(space)
    begins = torch.tensor([[True, True]])
    logits, _ = network(observed(begins, space), torch.zeros(1, 2, dtype=torch.int64), network.new_state(2), begins)
    assert logits.shape == (1, 2, ACTIONS)


def test_fresh_actions_are_nearly_alike() -> None:
    network = build()
    torch.nn.init.orthogonal_(network.policy.weight, 0.01)  # type: ignore[arg-type, union-attr]
    begins = torch.tensor([[True]])
    logits, _ = network(observed(begins), torch.zeros(1, 1, dtype=torch.int64), network.new_state(1), begins)
    assert torch.log_softmax(logits, dim=-1).exp().sub(1 / ACTIONS).abs().max() < 0.1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"context": 0}, "context must be at least 1"),
        ({"tower__kind": "pretrained"}, "belong together"),
        ({"connector__tokens": 4}, "cannot be averaged from 1 x 1 patches"),
        ({"connector__kind": "qformer", "connector__heads": 3}, "multiple of connector.heads"),
        ({"history": History("attention", heads=3)}, "history.heads"),
        ({"tower__kind": "vit", "tower__patch": 7}, "whole patches of 7"),
        ({"language__dtype": "bfloat16"}, "bfloat16 loses small changes"),
        ({"plan__tokens": 2}, "plans need connector.kind qformer"),
        ({"language__checkpoint": "x"}, "exclude each other"),
    ],
)
def test_what_does_not_fit_is_one_sentence(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        build(**changes)


def test_learned_positions_end_and_rotary_ones_do_not() -> None:
    begins = torch.zeros(6, 1, dtype=torch.bool)
    begins[0] = True
    seen, last = observed(begins), torch.zeros(begins.shape, dtype=torch.int64)
    for config in ({**GPT2, "n_positions": 8}, {**LLAMA, "max_position_embeddings": 8}):
        network = build(language__config=config)
        logits, _ = network(seen, last, network.new_state(1), begins)
        assert all(math.isfinite(value) for value in logits.flatten().tolist())


def test_a_view_scores_the_headings_that_it_shows() -> None:
    """Without attention between slots' tokens, what is changed in one view changes its own headings' logits alone."""
    network = build(actions=9, act_from="views", language__config={**LLAMA, "num_hidden_layers": 1}, **FOUR_VIEWS)
    begins = torch.ones(1, 1, dtype=torch.bool)
    seen, last = observed(begins), torch.zeros(1, 1, dtype=torch.int64)
    usual = network(seen, last, network.new_state(1), begins)[0][0, 0]
    assert usual.shape == (9,)
    other = {name: part.clone() for name, part in seen.items()}
    other["rgb"][:, :, :, 10:20] = 255 - other["rgb"][:, :, :, 10:20]
    change = (network(other, last, network.new_state(1), begins)[0][0, 0] - usual).abs()[1:]
    assert change[2:4].min() > 3 * max(change[:2].max(), change[4:].max())


def test_each_view_is_seen_by_itself_in_order() -> None:
    network = build(actions=9, act_from="views", **FOUR_VIEWS)
    seen = {name: part[0] for name, part in observed(torch.ones(1, 2, dtype=torch.bool)).items()}
    found = network.picture_features(seen)
    assert found.shape == (2, 4, network.picture_size)
    assert network.picture_views == 4
    for view in range(4):
        other = {name: part.clone() for name, part in seen.items()}
        other["depth"][:, :, 10 * view : 10 * (view + 1)] += 1
        changed = (network.picture_features(other) != found).any(dim=2).any(dim=0)
        assert changed.tolist() == [view == side for side in range(4)]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"tower__views": 3}, "40 pixels cannot be cut into 3 views"),
        ({"tower__views": 0}, "tower.views must be at least 1"),
        ({"actions": 8, "act_from": "views", **FOUR_VIEWS}, "shares 7 headings among the 4 visual tokens"),
        ({"actions": 4, "act_from": "views", **FOUR_VIEWS}, "shares 3 headings among the 4 visual tokens"),
    ],
)
def test_views_that_do_not_fit_are_refused(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        build(**changes)
