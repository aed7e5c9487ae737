from __future__ import annotations

from itertools import pairwise
from typing import Any, Literal

import gymnasium
import pytest
import torch

import envs  # noqa: F401 (registers the environments' ids)
from navagent.networks.architecture import SensorNetwork
from navagent.networks.policy_network import PolicyNetwork
from navagent.train.rollouts import Collector, Rollout

AGENTS = 4
CPU = torch.device("cpu")


def environment(**changes: Any) -> Any:
    """Episodes of up to 40 steps, so that many begin in one rollout of 16 steps and end in another."""
    options: dict[str, Any] = {"seed": 0, "sensors": (), "houses": 3, "residents": 2, "max_steps": 40, **changes}
    return gymnasium.make_vec("navagent/HousePointNav-v0", AGENTS, vectorization_mode="vector_entry_point", **options)


def network(env: Any, memory: Literal["gru", "lstm", "transformer"], stop: float = -3.0) -> PolicyNetwork:
    """One that seldom stops (`stop` is that action's logit), so that episodes of all lengths happen."""
    torch.manual_seed(0)
    built = SensorNetwork(hidden_size=16, memory=memory, layers=2, heads=2, context=24)
    net = built.build(env.single_observation_space, 4)
    with torch.no_grad():
        net.get_parameter("policy.bias")[0] = stop
    return net


@torch.no_grad()
def difference(net: PolicyNetwork, rollout: Rollout, agents: torch.Tensor) -> float:
    """The largest between the log-probabilities (values, too) of rollout and learner, of valid steps."""
    seen = {name: values[:, agents] for name, values in rollout.observations.items()}
    logits, values = net(seen, rollout.last_actions[:, agents], rollout.state[agents], rollout.begins[:, agents])
    chosen = torch.log_softmax(logits, dim=-1).gather(-1, rollout.actions[:, agents, None])[..., 0]
    both = torch.stack([chosen - rollout.log_probabilities[:, agents], values - rollout.values[:, agents]])
    return float(both[:, rollout.valid[:, agents]].abs().max())


def test_an_environment_that_writes_into_the_same_arrays_loses_nothing() -> None:
    found = []
    for copy in (True, False):
        env = environment(copy=copy)
        collector = Collector(env, network(env, "gru"), CPU, seed=0)
        torch.manual_seed(3)
        found.append(collector.collect(8).observations)
    for name, value in found[0].items():
        assert torch.equal(value, found[1][name]), name
    assert not torch.equal(*found[0]["pointgoal_with_gps_compass"][[0, -1]])


@pytest.mark.parametrize("memory", ["gru", "lstm", "transformer"])
def test_the_learner_sees_the_probabilities_that_the_agents_acted_on(
    memory: Literal["gru", "lstm", "transformer"],
) -> None:
    """In every rollout, for mini-batches of agents, and in one that goes on from a saved state."""
    env = environment()
    net = network(env, memory)
    collector = Collector(env, net, CPU, seed=0)
    rollouts = [collector.collect(16) for _ in range(5)]
    kept = collector.state()
    rollouts.append(collector.collect(16))
    other = Collector(environment(), net, CPU, seed=5)
    other.restore(kept)
    rollouts.append(other.collect(16))
    assert sum(len(rollout.episodes) for rollout in rollouts) >= 4
    for rollout in rollouts:
        for part in torch.randperm(AGENTS).chunk(2):
            assert difference(net, rollout, part) < 1e-5


def test_a_collector_goes_on_from_a_saved_state_with_the_same_steps() -> None:
    """The state that was saved is not the one that the collector goes on with and writes over."""
    env = environment()
    net = network(env, "transformer")
    collector = Collector(env, net, CPU, seed=0)
    collector.collect(30)
    kept = collector.state()
    torch.manual_seed(3)
    first = collector.collect(30)
    torch.manual_seed(3)
    other = Collector(environment(), net, CPU, seed=5)
    other.restore(kept)
    second = other.collect(30)
    assert torch.equal(first.actions, second.actions)
    assert torch.equal(first.log_probabilities, second.log_probabilities)


@pytest.mark.parametrize("memory", ["gru", "transformer"])
def test_updates_can_go_through_whole_episodes(memory: Literal["gru", "lstm", "transformer"]) -> None:
    """Rollouts begin with their episodes' earlier steps, and with what today's weights make of these."""
    env = environment()
    net = network(env, memory)
    collector = Collector(env, net, CPU, seed=0, past_steps=40)
    pasts, lasting = [], []
    for number in range(6):
        rollout = collector.collect(16)
        pasts.append(rollout.past)
        assert len(rollout.actions) == 16 + rollout.past
        assert rollout.steps == 16 * AGENTS
        assert not rollout.valid[: rollout.past].any()
        assert torch.equal(rollout.begins[0], torch.ones(AGENTS, dtype=torch.bool))
        for part in torch.randperm(AGENTS).chunk(2):
            assert difference(net, rollout, part) < 1e-5
        lasting += [length for length in _lengths(rollout.begins) if length > 16]
        with torch.no_grad():
            for parameter in net.parameters():
                parameter.add_(torch.randn_like(parameter), alpha=0.03 * (number < 3))
    assert pasts[0] == 0
    assert 16 <= max(pasts) <= 40
    assert max(lasting) == 41  # an episode of 40 actions and the observation after the last, all in one stretch


def _lengths(begins: torch.Tensor) -> list[int]:
    """Of episodes' parts."""
    found = []
    for agent in begins.T:
        starts = [*torch.nonzero(agent).flatten().tolist(), len(agent)]
        found += [after - first for first, after in pairwise(starts)]
    return found


def test_gradients_reach_steps_of_earlier_rollouts() -> None:
    env = environment()
    net = network(env, "transformer", stop=-30.0)
    collector = Collector(env, net, CPU, seed=0, past_steps=40)
    collector.collect(5)
    rollout = collector.collect(5)
    goal = rollout.observations["pointgoal_with_gps_compass"].requires_grad_()
    _, values = net(rollout.observations, rollout.last_actions, rollout.state, rollout.begins)
    (slope,) = torch.autograd.grad(values[rollout.past :].sum(), goal)
    assert rollout.past == 5
    assert (slope[:5].abs().sum(dim=2) > 0).all()
