from __future__ import annotations

from typing import Literal

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from navagent.networks.cores import Recurrent


@pytest.mark.parametrize("kind", ["gru", "lstm"])
@pytest.mark.parametrize("layers", [1, 2])
@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_a_stretch_gives_what_single_steps_give(kind: Literal["gru", "lstm"], layers: int, data: st.DataObject) -> None:
    length, agents = data.draw(st.integers(1, 9)), data.draw(st.integers(1, 4))
    flags = data.draw(st.lists(st.booleans(), min_size=length * agents, max_size=length * agents))
    begins = torch.tensor(flags).view(length, agents)
    torch.manual_seed(0)
    core = Recurrent(3, 5, kind, layers).double()
    features = torch.randn(length, agents, 3, dtype=torch.float64)
    state = before = torch.randn(agents, core.state_size, dtype=torch.float64)
    outputs = []
    for t in range(length):
        output, state = core.step(features[t], state, begins[t])
        outputs.append(output)
    assert torch.allclose(core.stretch(features, before, begins), torch.stack(outputs), atol=1e-12)


def test_nothing_from_before_an_episode_is_remembered() -> None:
    core = Recurrent(3, 4)
    features = torch.randn(1, 3)
    outputs = [core.step(features, torch.randn(1, core.state_size), torch.tensor([True]))[0] for _ in range(2)]
    assert torch.equal(*outputs)
