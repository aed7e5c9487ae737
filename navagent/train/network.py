"""The policy that is trained: encoder, memory, and heads for actions and value."""

from __future__ import annotations

import torch
from gymnasium import spaces
from torch import Tensor, nn

from navagent.train.cores import Core, Recurrent
from navagent.train.encoders import Encoder, Observations


class ActorCritic(nn.Module):
    """A recurrent policy with a value.

    Args:
        encoder: Makes a vector of an observation.
        core: Remembers.
        actions: Number of actions.
    """

    def __init__(self, encoder: Encoder, core: Core, actions: int) -> None:
        super().__init__()
        self.encoder, self.core = encoder, core
        self.policy, self.value = nn.Linear(core.output_size, actions), nn.Linear(core.output_size, 1)
        nn.init.orthogonal_(self.policy.weight, 0.01)  # habitat-baselines' `CategoricalNet`: all actions alike at first
        nn.init.orthogonal_(self.value.weight)
        nn.init.zeros_(self.policy.bias)
        nn.init.zeros_(self.value.bias)

    def new_state(self, agents: int) -> Tensor:
        """Return (N, S) states of agents that remember nothing."""
        weight = self.policy.weight
        return torch.zeros(agents, self.core.state_size, dtype=weight.dtype, device=weight.device)

    def step(
        self, observations: Observations, last_actions: Tensor, state: Tensor, begins: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the actions' (N, actions) log-probabilities, (N,) values and the next state.

        Shapes of what is given are those of `Encoder` and `Core.step`.
        """
        features, state = self.core.step(self.encoder(observations, last_actions), state, begins)
        return torch.log_softmax(self.policy(features), dim=-1), self.value(features)[:, 0], state

    def forward(
        self, observations: Observations, last_actions: Tensor, state: Tensor, begins: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return (T, N, actions) logits and (T, N) values of a stretch; observations are (T, N, ...)."""
        length, agents = begins.shape
        flat = {name: values.flatten(0, 1) for name, values in observations.items()}
        features = self.encoder(flat, last_actions.flatten()).view(length, agents, -1)
        remembered = self.core.stretch(features, state, begins)
        return self.policy(remembered), self.value(remembered)[..., 0]


def make_network(
    observation_space: spaces.Dict, actions: int, hidden_size: int = 512, kind: str = "gru", layers: int = 1
) -> ActorCritic:
    """Return the network for a task.

    Raises:
        ValueError: An observation is unknown to it, or `kind` is.
    """
    if kind not in ("gru", "lstm"):
        raise ValueError(f"there is no memory '{kind}': choose gru or lstm")
    encoder = Encoder(observation_space, actions, hidden_size)
    core = Recurrent(encoder.output_size, hidden_size, "lstm" if kind == "lstm" else "gru", layers)
    return ActorCritic(encoder, core, actions)
