from __future__ import annotations

import pytest
import torch
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from navagent.networks.architecture import SensorNetwork
from navagent.networks.transformer import Transformer


def flags(data: st.DataObject, length: int, agents: int) -> Tensor:
    """Where episodes begin."""
    drawn = data.draw(st.lists(st.integers(0, 3), min_size=length * agents, max_size=length * agents))
    return torch.tensor(drawn).view(length, agents) == 0


def stepped(core: Transformer, features: Tensor, state: Tensor, begins: Tensor) -> tuple[Tensor, Tensor]:
    outputs = []
    with torch.no_grad():
        for now, begin in zip(features, begins, strict=True):
            output, state = core.step(now, state, begin)
            outputs.append(output)
    return torch.stack(outputs), state


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-9)])
@pytest.mark.parametrize("layers", [1, 2])
@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_stretches_give_what_single_steps_give(
    dtype: torch.dtype, tolerance: float, layers: int, data: st.DataObject
) -> None:
    """Rollout after rollout, for any part of the agents, in episodes shorter and longer than what is attended to."""
    agents, context = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 6))
    part = torch.tensor(data.draw(st.lists(st.integers(0, agents - 1), min_size=1, unique=True)))
    torch.manual_seed(0)
    core = Transformer(3, 8, layers, heads=2, context=context).to(dtype)
    state = torch.zeros(agents, core.state_size, dtype=dtype)
    for length in data.draw(st.lists(st.integers(1, 9), min_size=1, max_size=3)):
        begins, features = flags(data, length, agents), torch.randn(length, agents, 3, dtype=dtype)
        before = state.clone()
        outputs, state = stepped(core, features, state, begins)
        found = core.stretch(features[:, part], before[part], begins[:, part])
        assert torch.allclose(found, outputs[:, part], rtol=0, atol=tolerance)


def test_a_step_attends_to_its_episode_and_no_further_than_its_context() -> None:
    """What an output changes with, said by gradients: the window of one layer's steps in the same episode."""
    core = Transformer(2, 8, heads=2, context=3).double()
    features = torch.randn(9, 1, 2, dtype=torch.float64, requires_grad=True)
    begins = torch.zeros(9, 1, dtype=torch.bool)
    begins[5] = True
    outputs = core.stretch(features, torch.zeros(1, core.state_size, dtype=torch.float64), begins)
    for step, seen in ((0, {0}), (1, {0, 1}), (4, {2, 3, 4}), (5, {5}), (6, {5, 6}), (8, {6, 7, 8})):
        (slope,) = torch.autograd.grad(outputs[step].sum() + outputs[step, 0, 0], features, retain_graph=True)
        assert set(torch.nonzero(slope.abs().sum(dim=(1, 2)) > 1e-12).flatten().tolist()) == seen


def test_an_episode_from_before_the_stretch_is_remembered_until_another_begins() -> None:
    torch.manual_seed(0)
    core = Transformer(2, 8, heads=2, context=8)
    one, other = torch.randn(2, 3, 1, 2)
    never = torch.zeros(3, 1, dtype=torch.bool)
    states = [stepped(core, past, torch.zeros(1, core.state_size), never)[1] for past in (one, other)]
    features, begins = torch.randn(4, 1, 2), torch.tensor([[False], [False], [True], [False]])
    first, second = (core.stretch(features, state, begins) for state in states)
    assert (first[:2] - second[:2]).abs().min() > 1e-6
    assert torch.equal(first[2:], second[2:])


def test_order_matters() -> None:
    """Rotary positions tell steps apart: a turn left, then right is not a turn right, then left."""
    torch.manual_seed(0)
    core = Transformer(2, 8, heads=2)
    features, begins = torch.randn(3, 1, 2), torch.tensor([[True], [False], [False]])
    swapped = features[[1, 0, 2]]
    state = torch.zeros(1, core.state_size)
    assert (core.stretch(features, state, begins)[2] - core.stretch(swapped, state, begins)[2]).abs().max() > 1e-4


@pytest.mark.parametrize(
    ("network", "said"),
    [
        (SensorNetwork(memory="transformer", hidden_size=12, heads=4), r"heads \(4\) must share hidden_size \(12\)"),
        (SensorNetwork(memory="transformer", context=0), "context must be at least 1, not 0"),
        (SensorNetwork(memory="transformer", heads=0), "heads must be at least 1, not 0"),
        (SensorNetwork(memory="xl"), "no memory 'xl': choose gru, lstm or transformer"),  # type: ignore[arg-type]
    ],
)
def test_impossible_options_are_named(network: SensorNetwork, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        network.build(spaces.Dict({"gps": spaces.Box(-1, 1, (2,))}), 3)
