"""An encoder, a memory, and heads for actions and value."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from navagent.networks.cores import Core
from navagent.networks.encoders import Encoder
from navagent.networks.policy_network import Observations, PolicyNetwork, decide


class ActorCritic(PolicyNetwork):
    """A policy with a memory and a value.

    Args:
        encoder: Makes a vector of an observation.
        core: Remembers.
        actions: Number of actions.
    """

    def __init__(self, encoder: Encoder, core: Core, actions: int) -> None:
        super().__init__()
        self.encoder, self.core = encoder, core
        self.picture_size, self.thought_size = encoder.picture_size, core.output_size
        self.policy, self.value = nn.Linear(core.output_size, actions), nn.Linear(core.output_size, 1)
        nn.init.orthogonal_(self.policy.weight, 0.01)  # habitat-baselines' `CategoricalNet`: all actions alike at first
        nn.init.orthogonal_(self.value.weight)
        nn.init.zeros_(self.policy.bias)
        nn.init.zeros_(self.value.bias)

    def new_state(self, agents: int) -> Tensor:
        """Return zeros."""
        weight = self.policy.weight
        return torch.zeros(agents, self.core.state_size, dtype=weight.dtype, device=weight.device)

    def step(
        self, observations: Observations, last_actions: Tensor, state: Tensor, begins: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return log-probabilities, values and the next state."""
        features, state = self.core.step(self.encoder(observations, last_actions), state, begins)
        logits, values = decide(self.policy, self.value, features)
        return torch.log_softmax(logits, dim=-1), values, state

    def forward(
        self, observations: Observations, last_actions: Tensor, state: Tensor, begins: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return logits and values of a stretch."""
        logits, values, _ = self.with_thoughts(observations, last_actions, state, begins)
        return logits, values

    def with_thoughts(
        self, observations: Observations, last_actions: Tensor, state: Tensor, begins: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits, values and the memory's features."""
        length, agents = begins.shape
        flat = {name: values.flatten(0, 1) for name, values in observations.items()}
        features = self.encoder(flat, last_actions.flatten()).view(length, agents, -1)
        features = self.core.stretch(features, state, begins)
        return *decide(self.policy, self.value, features), features[:, :, None]

    def picture_features(self, observations: Observations) -> Tensor:
        """Return the pictures' part of what the encoder finds."""
        assert self.encoder.pictures is not None
        found: Tensor = self.encoder.pictures(observations)
        return found[:, None]
