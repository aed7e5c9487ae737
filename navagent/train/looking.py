"""Learning to see before learning to act: which kinds of objects and rooms are in view.

VLN-CE's policies begin with pictures' networks that were trained on ImageNet and PointNav (Krantz et al. 2020, arXiv
2004.02857, section 4.1). Where there is no such network, as in houses, this makes one of the environment's own views:
an oracle leads the agents, and the policy's layers for pictures learn to tell what is there. A vector environment needs

    oracle_actions() -> (num_envs,) int64: the best action of each agent now, -1 where there is none
    in_view() -> (num_envs, labels_in_view) bool: what is in view

The answers train the layers and are seen by nobody else.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor, nn

from navagent.errors import ConfigError
from navagent.networks.policy_network import Observations, PolicyNetwork, beside
from navagent.train.config import Imitation, Learning
from navagent.train.descent import Descent
from navagent.train.group import Group
from navagent.train.imitation import Guide
from navagent.train.rollouts import Collector, Rollout
from navagent.train.trainer import Trainer

_EVALUATED = 64
"""Observations of each agent that an evaluation looks at."""


class Led(PolicyNetwork):
    """Stands where a network would while an oracle leads the agents: it decides nothing and costs nothing.

    Args:
        actions: Number of actions.
        device: Where the others are.
    """

    def __init__(self, actions: int, device: torch.device) -> None:
        super().__init__()
        self._actions, self._device = actions, device

    def new_state(self, agents: int) -> Tensor:
        """Return nothing, for each agent."""
        return torch.zeros(agents, 0, device=self._device)

    def step(
        self, observations: Observations, last_actions: Tensor, state: Tensor, begins: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the same log-probability for every action, and values of 0."""
        agents = len(state)
        even = torch.full((agents, self._actions), -math.log(self._actions), device=self._device)
        return even, torch.zeros(agents, device=self._device), state

    def forward(
        self, observations: Observations, last_actions: Tensor, state: Tensor, begins: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Nothing is learned."""
        raise NotImplementedError


class Watcher(Guide):
    """Leads all agents, and tells what is in view.

    Args:
        env: The vector environment.

    Raises:
        ConfigError: The environment has no oracle, or does not know what is in view.
    """

    def __init__(self, env: Any) -> None:
        super().__init__(env, Imitation())
        if not hasattr(env.unwrapped, "in_view"):
            raise ConfigError(
                f"{type(env.unwrapped).__name__} does not know what is in view: leave training.looking out."
            )

    def advise(self, chosen: Tensor, begins: Tensor) -> dict[str, Tensor]:
        """Return what `Guide` does, and `in_view`."""
        return super().advise(chosen, begins) | {"in_view": torch.as_tensor(self._env.in_view(), device=chosen.device)}


class Teller(nn.Module):
    """A network's layers for pictures, and one that tells what they show.

    Args:
        network: The network.
        labels: What there is to tell; each of the views that the network sees one by one tells its share.

    Raises:
        ConfigError: The labels cannot be shared.
    """

    def __init__(self, network: PolicyNetwork, labels: int) -> None:
        super().__init__()
        share, rest = divmod(labels, network.picture_views)
        if rest:
            raise ConfigError(
                f"The network sees {network.picture_views} views one by one, which the environment's pictures are not "
                "made of: set the network's tower.views to the environment's views."
            )
        self.network, self.last = network, beside(network, nn.Linear(network.picture_size, share))

    def forward(self, observations: Observations) -> Tensor:
        """Return (B, labels) logits of (B, ...) observations."""
        told: Tensor = self.last(self.network.picture_features(observations).to(self.last.weight.dtype))
        return told.flatten(1)


class Looker:
    """Learns from rollouts what is in view.

    Args:
        teller: What learns.
        learning: How: epochs, mini_batches, learning_rate, decay, max_gradient_norm.
        group: The workers.
        seeing: The weights that have a part in it.
        apart: Steps between observations that are learned from.

    Attributes:
        optimizer: What makes steps.
        beside: What learns besides the network.
    """

    def __init__(
        self, teller: Teller, learning: Learning, group: Group, seeing: Sequence[nn.Parameter], apart: int
    ) -> None:
        self._learning, self._group, self._apart = learning, group, apart
        self.beside: nn.Module = teller.last
        self._descent = Descent(seeing, learning)
        self.optimizer = self._descent.optimizer
        self._shared = group.share(teller)

    def update(self, rollout: Rollout, left: float = 1.0) -> dict[str, float]:
        """Learn from a rollout's pictures and return means over all workers'.

        Args:
            rollout: The experience, with what was in view.
            left: Share of the training that is left, from 1 to 0, for `decay`.

        Raises:
            DivergedError: The loss is not finite; the network has not learned from it.
        """
        learning = self._learning
        self._descent.set_rate(left)
        seen, shown = pictures(rollout, self._apart)
        losses, norms = [], []
        self._shared.train()
        for _ in range(learning.epochs):
            for part in torch.randperm(len(shown)).to(shown.device).tensor_split(learning.mini_batches):
                told = self._shared({name: values[part] for name, values in seen.items()})
                missed = nn.functional.binary_cross_entropy_with_logits(
                    told, shown[part].to(told.dtype), reduction="sum"
                )
                # Workers' gradients are averaged; dividing by their mean count makes that the mean over all pictures.
                loss = missed / (self._group.total(torch.tensor(float(told.numel()))) / self._group.size).clamp(min=1)
                losses.append(float(loss.detach()))
                norms.append(self._descent.step(loss))
        self._shared.eval()
        means = self._group.total(torch.tensor([sum(losses) / len(losses), sum(norms) / len(norms)])) / self._group.size
        return {"view_loss": float(means[0]), "gradient_norm": float(means[1])}


class LookingTrainer(Trainer):
    """A training of the layers that see; what it saves is the whole network, for `start_from`.

    Args:
        config: The training; `looking` must be true.
        group: The workers.
        folder: Where logs, checkpoints and weights go.
        command: What was typed, for the cards of weights files.

    Raises:
        ConfigError: The training is not possible.
        DataError: A checkpoint in the folder is damaged.
    """

    def _learner(self) -> Looker:
        if not self.network.picture_size:
            raise ConfigError("training.looking needs a network whose layers for pictures learn.")
        self._watcher = Watcher(self._env)
        self._teller = Teller(self._acting, self._env.unwrapped.labels_in_view)
        seeing = _seeing(self._teller, self._env.single_observation_space)
        return Looker(self._teller, self._config.learning, self._group, seeing, self._config.look_every)

    def _new_collector(self, seed: int) -> Collector:
        led = Led(int(self._env.single_action_space.n), self._device)
        return Collector(self._env, led, self._device, seed, adviser=self._watcher)

    @torch.no_grad()
    def _evaluate(self) -> None:
        """Tell on the first worker how well the validation split's views are told, and keep the best network."""
        if self._group.rank == 0:
            env = self._evaluation_env()
            led = Led(int(env.single_action_space.n), self._device)
            apart = self._config.look_every
            rollout = Collector(env, led, self._device, 0, adviser=Watcher(env)).collect(_EVALUATED * apart)
            seen, shown = pictures(rollout, apart)
            env.close()
            told = self._teller(seen)
            right = ((told > 0) & shown).sum()
            loss = nn.functional.binary_cross_entropy_with_logits(told, shown.to(told.dtype))
            row = {"loss": loss, "recall": right / shown.sum(), "precision": right / (told > 0).sum().clamp(min=1)}
            assert self._log is not None
            self._log.write({"steps": self._steps} | {f"evaluation_view_{name}": float(v) for name, v in row.items()})
            if -float(loss) > self._best:
                self._best = -float(loss)
                self._keep("best")
        self._any(False)  # the others wait


def pictures(rollout: Rollout, apart: int) -> tuple[dict[str, Tensor], Tensor]:
    """Return every `apart`-th of a rollout's observations, each (B, ...), and what is in view, (B, labels)."""
    assert rollout.in_view is not None
    counts = rollout.valid[::apart].flatten()
    seen = {name: values[::apart].flatten(0, 1)[counts] for name, values in rollout.observations.items()}
    return seen, rollout.in_view[::apart].flatten(0, 1)[counts]


def _seeing(teller: Teller, space: spaces.Dict) -> list[nn.Parameter]:
    """Return the weights that have a part in telling. The others learn nothing, so torch's workers must not wait."""
    weights = [weight for weight in teller.parameters() if weight.requires_grad]  # some towers and readers are frozen
    none = {name: torch.as_tensor(np.zeros((1, *(box.shape or ())), box.dtype)) for name, box in space.items()}
    none = {name: part.to(weights[0].device) for name, part in none.items()}
    found = torch.autograd.grad(teller(none).sum(), weights, allow_unused=True)
    for weight, slope in zip(weights, found, strict=True):
        weight.requires_grad_(slope is not None)
    return [weight for weight in weights if weight.requires_grad]
