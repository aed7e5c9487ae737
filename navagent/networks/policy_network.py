"""What trainers and trained policies ask of a network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor, nn

Observations = Mapping[str, Tensor]
"""What agents observe, by the sensor's name."""


class PolicyNetwork(nn.Module, ABC):
    """A policy with a value and a memory.

    A rollout asks for one step at a time, the learner for whole stretches; both give the same numbers. A memory's state
    is one tensor of (N, S), so that storage, mini-batches and checkpoints need to know nothing of what is inside.

    Attributes:
        picture_size: Features of `picture_features`; 0 where there are no pictures, or what sees them does not learn.
        picture_views: Pictures side by side that it sees one by one.
        thought_size: Features of `with_thoughts`' thoughts; 0 where there is no such method.
    """

    picture_size: int = 0
    picture_views: int = 1
    thought_size: int = 0

    @abstractmethod
    def new_state(self, agents: int) -> Tensor:
        """Return (N, S) states of agents that remember nothing."""

    @abstractmethod
    def step(
        self, observations: Observations, last_actions: Tensor, state: Tensor, begins: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the actions' (N, actions) log-probabilities, (N,) values and the next state.

        Args:
            observations: Each (N, ...).
            last_actions: (N,) int64, the action before, counted from 1; 0 at an episode's beginning.
            state: (N, S); it may be written over and returned, so who needs it later keeps a copy.
            begins: (N,) bool, whether an episode begins with this step: nothing before it is remembered.
        """

    @abstractmethod
    def forward(
        self, observations: Observations, last_actions: Tensor, state: Tensor, begins: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return (T, N, actions) logits and (T, N) values of a stretch of T steps.

        Args:
            observations: Each (T, N, ...).
            last_actions: (T, N) int64.
            state: (N, S), before the first step.
            begins: (T, N) bool.
        """

    def with_thoughts(
        self, observations: Observations, last_actions: Tensor, state: Tensor, begins: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return what `forward` does, and the (T, N, K, `thought_size`) features that it is made of, K to a step."""
        raise NotImplementedError

    def picture_features(self, observations: Observations) -> Tensor:
        """Return features of what pictures of (B, ...) observations show now, before any memory.

        Their shape is (B, `picture_views`, `picture_size`).
        """
        raise NotImplementedError

    def written(self, state: Tensor) -> str:
        """Return the text that the network wrote for itself when an episode began, of an (S,) state; mostly none."""
        return ""


def decide(policy: nn.Linear, value: nn.Linear, features: Tensor) -> tuple[Tensor, Tensor]:
    """Return logits and values in the heads' precision, under autocast too: probabilities' ratios need it."""
    with torch.autocast(features.device.type, enabled=False):
        features = features.to(policy.weight.dtype)
        return policy(features), value(features)[..., 0]


def beside(network: nn.Module, layer: nn.Linear) -> nn.Linear:
    """Return a layer that learns beside a network: where that is, and in its precision or, if that is less, float32."""
    weight = next(network.parameters())
    return layer.to(weight.device, torch.promote_types(weight.dtype, torch.float32))
