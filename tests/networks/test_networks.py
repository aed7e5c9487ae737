from __future__ import annotations

import numpy as np
import pytest
import torch
from gymnasium import spaces

from navagent.networks.architecture import Architecture, CrossModalNetwork, SensorNetwork

WORDS = 9
SPACE = spaces.Dict(
    {
        "depth": spaces.Box(0, 10, (36, 36, 1), np.float32),
        "rgb": spaces.Box(0, 255, (36, 36, 3), np.uint8),
        "gps": spaces.Box(-9, 9, (2,), np.float32),
        "instruction": spaces.Box(0, WORDS - 1, (7,), np.int32),
    }
)
KINDS = [
    SensorNetwork(hidden_size=8),
    SensorNetwork(hidden_size=8, memory="lstm", layers=2, channels=(2, 3, 4)),
    CrossModalNetwork(hidden_size=8, channels=(4, 4, 4)),
]


def observed(length: int, agents: int) -> dict[str, torch.Tensor]:
    """What agents might see, each with an instruction of its own length."""
    generator = torch.Generator().manual_seed(2)
    real = torch.rand(length, agents, 36, 36, 4, generator=generator, dtype=torch.float64)
    tokens = torch.randint(1, WORDS, (length, agents, 7), generator=generator)
    ends = torch.randint(1, 8, (length, agents, 1), generator=generator)
    return {
        "depth": 10 * real[..., :1],
        "rgb": (255 * real[..., 1:]).to(torch.uint8),
        "gps": real[:, :, 0, 0, :2],
        "instruction": torch.where(torch.arange(7) < ends, tokens, 0).int(),
    }


@pytest.mark.parametrize("kind", KINDS, ids=repr)
def test_steps_and_stretches_give_the_same(kind: Architecture) -> None:
    torch.manual_seed(0)
    network = kind.build(SPACE, 4).double()
    length, agents = 5, 3
    seen = observed(length, agents)
    last = torch.randint(0, 5, (length, agents))
    begins = torch.rand(length, agents) < 0.3
    state = before = torch.randn_like(network.new_state(agents))
    logits, values = network(seen, last, before, begins)
    for t in range(length):
        now = {name: part[t] for name, part in seen.items()}
        found, value, state = network.step(now, last[t], state, begins[t])
        assert torch.allclose(found, torch.log_softmax(logits[t], dim=-1), atol=1e-9)
        assert torch.allclose(value, values[t], atol=1e-9)


@pytest.mark.parametrize("kind", KINDS, ids=repr)
def test_decisions_are_not_rounded_in_bf16(kind: Architecture) -> None:
    """PPO compares probabilities, so only what is thought before may be rounded."""
    network = kind.build(SPACE, 4)
    seen = {name: part.float() if part.is_floating_point() else part for name, part in observed(5, 3).items()}
    begins, last, state = (
        torch.zeros(5, 3, dtype=torch.bool),
        torch.zeros(5, 3, dtype=torch.int64),
        network.new_state(3),
    )
    with torch.autocast("cpu", torch.bfloat16):
        found = [*network(seen, last, state, begins)]
        found += network.step({name: part[0] for name, part in seen.items()}, last[0], state, begins[0])[:2]
    for values in found:
        assert not torch.equal(values, values.bfloat16().float())


@pytest.mark.parametrize("kind", KINDS, ids=repr)
@pytest.mark.parametrize("name", list(SPACE))
def test_every_sensor_matters(kind: Architecture, name: str) -> None:
    torch.manual_seed(0)
    network = kind.build(SPACE, 4).double()
    seen = {key: part[0] for key, part in observed(1, 2).items()}
    other = {**seen, name: seen[name].flip(0)}
    arguments = (torch.zeros(2, dtype=torch.int64), network.new_state(2), torch.ones(2, dtype=torch.bool))
    assert not torch.equal(network.step(seen, *arguments)[1], network.step(other, *arguments)[1])


def test_padding_is_not_read() -> None:
    torch.manual_seed(0)
    network = CrossModalNetwork(hidden_size=8).build(SPACE, 4).double()
    seen = {key: part[0] for key, part in observed(1, 2).items()}
    seen["instruction"] = torch.tensor([[3, 4, 0, 0, 0, 0, 0], [1, 2, 3, 4, 5, 6, 7]], dtype=torch.int32)
    alone = {key: part[:1] for key, part in seen.items()}
    begin = torch.ones(2, dtype=torch.bool)
    together = network.step(seen, torch.zeros(2, dtype=torch.int64), network.new_state(2), begin)[0][0]
    single = network.step(alone, torch.zeros(1, dtype=torch.int64), network.new_state(1), begin[:1])[0][0]
    assert torch.allclose(together, single, atol=1e-12)


@pytest.mark.parametrize(
    ("kind", "space", "said"),
    [
        (SensorNetwork(memory="mind"), SPACE, "there is no memory 'mind'"),  # type: ignore[arg-type]
        (SensorNetwork(hidden_size=0), SPACE, "hidden_size must be at least 1"),
        (CrossModalNetwork(hidden_size=7), SPACE, "hidden_size must be even"),
        (CrossModalNetwork(), spaces.Dict({"depth": SPACE["depth"]}), "needs pictures and an instruction"),
        (SensorNetwork(), spaces.Dict({"smell": SPACE["gps"]}), "does not know the observation 'smell'"),
    ],
)
def test_what_does_not_suit_is_one_sentence(kind: Architecture, space: spaces.Dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        kind.build(space, 4)
