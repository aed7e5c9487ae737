from __future__ import annotations

from typing import Literal

import pytest
import torch

from navagent.errors import ConfigError
from navagent.networks.architecture import SensorNetwork
from navagent.networks.policy_network import PolicyNetwork
from navagent.train.config import Learning
from navagent.train.group import Alone
from navagent.train.ppo import PPO
from navagent.train.precision import in_precision
from tests.train.test_ppo import SPACE, rollout

CPU = torch.device("cpu")


def network(memory: Literal["gru", "lstm", "transformer"]) -> PolicyNetwork:
    torch.manual_seed(0)
    return SensorNetwork(hidden_size=64, memory=memory).build(SPACE, 3)


@pytest.mark.parametrize("memory", ["gru", "lstm", "transformer"])
def test_steps_and_stretches_in_bf16_differ_by_rounding_only(memory: Literal["gru", "lstm", "transformer"]) -> None:
    exact = network(memory)
    with torch.no_grad():
        exact.get_parameter("policy.weight").mul_(100)  # as decided as late in a training
    rough = in_precision(exact, "bf16", CPU)
    experience = rollout(4, length=40)
    seen = {name: value.float() for name, value in experience.observations.items()}
    start = rough.new_state(4)
    with torch.no_grad():
        logits, values = rough(seen, experience.last_actions, start, experience.begins)
        unrounded = torch.log_softmax(exact(seen, experience.last_actions, start, experience.begins)[0], dim=-1)
        state, found = start, []
        for t in range(40):
            now = {name: value[t] for name, value in seen.items()}
            log_probabilities, value, state = rough.step(now, experience.last_actions[t], state, experience.begins[t])
            assert (value - values[t]).abs().max() < 0.05
            found.append(log_probabilities)
    learned = torch.log_softmax(logits, dim=-1)
    assert {state.dtype, learned.dtype, values.dtype, found[0].dtype} == {torch.float32}
    assert (torch.stack(found) - learned).abs().max() < 0.05
    assert 1e-5 < (learned - unrounded).abs().max() < 0.1  # products were rounded, and only rounded


@pytest.mark.parametrize("memory", ["gru", "lstm", "transformer"])
def test_what_is_learned_stays_in_single_precision(memory: Literal["gru", "lstm", "transformer"]) -> None:
    net = network(memory)
    experience = rollout(4)
    for name, value in vars(experience).items():
        if isinstance(value, torch.Tensor) and value.is_floating_point():
            setattr(experience, name, value.float())
    experience.observations = {name: value.float() for name, value in experience.observations.items()}
    experience.state = net.new_state(4)
    before = {name: value.clone() for name, value in net.named_parameters()}
    learner = PPO(in_precision(net, "bf16", CPU), Learning(), Alone())
    learner.update(experience)
    for name, value in net.named_parameters():
        assert value.dtype == torch.float32
        assert value.grad is not None
        assert value.grad.dtype == torch.float32
        assert not torch.equal(value, before[name])
    kept = [value for state in learner.optimizer.state.values() for value in state.values() if value.dim()]
    assert {value.dtype for value in kept} == {torch.float32}


def test_full_precision_is_the_network_itself() -> None:
    net = network("gru")
    assert in_precision(net, "full", CPU) is net


def test_a_device_without_bf16_is_named() -> None:
    with pytest.raises(ConfigError, match="The device 'meta' does not calculate in bf16: set precision to full"):
        in_precision(network("gru"), "bf16", torch.device("meta"))
