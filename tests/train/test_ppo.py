from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from gymnasium import spaces
from torch.multiprocessing.spawn import spawn

from navagent.networks.architecture import SensorNetwork
from navagent.networks.policy_network import PolicyNetwork
from navagent.train.config import Learning
from navagent.train.descent import DivergedError
from navagent.train.group import Alone, Group, Together
from navagent.train.ppo import PPO
from navagent.train.rollouts import Rollout

SPACE = spaces.Dict({"gps": spaces.Box(-1, 1, (2,)), "compass": spaces.Box(-1, 1, (1,))})
LEARNING = Learning(epochs=1, mini_batches=1, normalise_advantages=True, max_gradient_norm=1e9)
"""One step: after it, weights differ by what Adam makes of rounding where gradients are nearly 0."""


def network() -> PolicyNetwork:
    torch.set_num_threads(1)  # weights are drawn in single precision, whose rounding depends on the threads
    torch.manual_seed(0)
    return SensorNetwork(hidden_size=8).build(SPACE, 3).double()


def rollout(agents: int, seed: int = 1, length: int = 7) -> Rollout:
    """What agents might have done, with steps that do not count."""
    generator = torch.Generator().manual_seed(seed)

    def real(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    def flags(share: float) -> torch.Tensor:
        return torch.rand(length, agents, generator=generator) < share

    ended, valid = flags(0.2), flags(0.8)
    return Rollout(
        observations={"gps": real(length, agents, 2), "compass": real(length, agents, 1)},
        last_actions=torch.randint(0, 4, (length, agents), generator=generator),
        begins=flags(0.2),
        valid=valid,
        actions=torch.randint(0, 3, (length, agents), generator=generator),
        log_probabilities=-1.1 + 0.1 * real(length, agents),
        values=real(length, agents),
        rewards=real(length, agents),
        ended=ended,
        state=real(agents, 8),
        last_values=real(agents),
        episodes=[],
        simulation_seconds=0.0,
        inference_seconds=0.0,
    )


def part(whole: Rollout, agents: slice) -> Rollout:
    """The share of one worker."""
    rows: dict[str, Any] = {"state": whole.state[agents], "last_values": whole.last_values[agents]}
    columns: dict[str, Any] = {
        name: value[:, agents]
        for name, value in vars(whole).items()
        if isinstance(value, torch.Tensor) and name not in rows
    }
    columns["observations"] = {name: value[:, agents] for name, value in whole.observations.items()}
    return replace(whole, **rows, **columns)


def learned(group: Group, experience: Rollout, folder: Path | None = None) -> dict[str, torch.Tensor]:
    """The gradients after an update."""
    net = network()
    PPO(net, LEARNING, group).update(experience)
    found = {name: parameter.grad for name, parameter in net.named_parameters() if parameter.grad is not None}
    if folder is not None:
        torch.save(found, folder / f"{group.rank}.pt")
    return found


def work(rank: int, folder: Path) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    # Unequal shares, so that a mean of means would be another number.
    learned(Together(), part(rollout(6), slice(0, 2) if rank == 0 else slice(2, 6)), folder)
    dist.destroy_process_group()


def test_two_workers_learn_what_one_learns_from_both_shares(tmp_path: Path) -> None:
    spawn(work, (tmp_path,), nprocs=2)
    alone = learned(Alone(), rollout(6))
    for rank in (0, 1):
        together = torch.load(tmp_path / f"{rank}.pt")
        assert set(together) == set(alone)
        for name, value in alone.items():
            assert torch.allclose(together[name], value, atol=1e-9), name


def test_rollouts_and_learner_agree_on_probabilities() -> None:
    """An update from a fresh rollout begins with ratios of 1: no divergence, nothing clipped."""
    net, experience = network(), rollout(4)
    logits, values = net(experience.observations, experience.last_actions, experience.state, experience.begins)
    state, rows = experience.state, []
    for t in range(len(experience.actions)):
        seen = {name: value[t] for name, value in experience.observations.items()}
        log_probabilities, value, state = net.step(seen, experience.last_actions[t], state, experience.begins[t])
        assert torch.allclose(value, values[t], atol=1e-9)
        rows.append(log_probabilities)
    assert torch.allclose(torch.stack(rows), torch.log_softmax(logits, dim=-1), atol=1e-9)


def test_steps_that_do_not_count_change_nothing() -> None:
    first = rollout(4)
    other = replace(
        first,
        actions=torch.where(first.valid, first.actions, (first.actions + 1) % 3),
        log_probabilities=torch.where(first.valid, first.log_probabilities, -5.0),
    )
    for name, value in learned(Alone(), first).items():
        assert torch.equal(learned(Alone(), other)[name], value)


def test_a_good_action_becomes_likelier() -> None:
    net = network()
    experience = rollout(4)
    liked = replace(experience, rewards=(experience.actions == 2).double(), valid=torch.ones_like(experience.valid))
    learner = PPO(net, Learning(mini_batches=2, learning_rate=0.01, max_gradient_norm=1.0), Alone())

    @torch.no_grad()
    def probability() -> float:
        logits, _ = net(liked.observations, liked.last_actions, liked.state, liked.begins)
        return float(torch.softmax(logits, dim=-1)[..., 2].mean())

    before = probability()
    for _ in range(5):
        learner.update(replace(liked, values=torch.zeros_like(liked.values), last_values=torch.zeros(4).double()))
    assert probability() > before + 0.02


def test_a_loss_that_is_no_number_stops_before_the_weights_change() -> None:
    net = network()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    broken = replace(rollout(4), rewards=torch.full((7, 4), float("nan"), dtype=torch.float64))
    with pytest.raises(DivergedError, match="not finite"):
        PPO(net, Learning(mini_batches=2), Alone()).update(broken)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
