"""Running episodes' steps from before a rollout, for updates that go through whole episodes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from navagent.networks.policy_network import PolicyNetwork


@dataclass
class Past:
    """The newest steps of all agents, back to where the longest running episode began.

    A memory's state holds what older weights made of an episode's earlier steps, and no gradient flows through it.
    With this, a rollout begins with a state that today's weights make of those steps, and the learner goes through them
    again, with gradients, before the rollout's (LLaRP: Szot et al. 2023, arXiv 2310.17722: whole episodes are its
    transformer's input). Of an episode that began earlier than `steps` ago, what was before them is forgotten there.

    Attributes:
        steps: The most that are kept.
        observations: Each (P, N, ...).
        last_actions: (P, N) int64.
        begins: (P, N) bool; all begin with the first.
    """

    steps: int
    observations: dict[str, Tensor] = field(default_factory=dict)
    last_actions: Tensor = field(default_factory=lambda: torch.zeros(0, 0, dtype=torch.int64))
    begins: Tensor = field(default_factory=lambda: torch.zeros(0, 0, dtype=torch.bool))

    def __len__(self) -> int:
        """Return P."""
        return len(self.begins)

    @torch.no_grad()
    def state(self, network: PolicyNetwork, state: Tensor) -> Tensor:
        """Return the memory after the past; the one given if there is none."""
        for t in range(len(self)):
            seen = {name: values[t] for name, values in self.observations.items()}
            state = network.step(seen, self.last_actions[t], state, self.begins[t])[2]
        return state

    def then(self, observations: Mapping[str, Tensor], last_actions: Tensor, begins: Tensor) -> Past:
        """Return this past and steps after it, none of them forgotten yet."""
        if not len(self):
            return Past(self.steps, dict(observations), last_actions, begins)
        return Past(
            self.steps,
            {name: torch.cat([self.observations[name], values]) for name, values in observations.items()},
            torch.cat([self.last_actions, last_actions]),
            torch.cat([self.begins, begins]),
        )

    def newest(self) -> Past:
        """Return what the next rollout needs."""
        length = len(self)
        step = torch.arange(length, device=self.begins.device)[:, None]
        began = int(torch.where(self.begins, step, 0).amax(dim=0).min())  # where the longest running episode did
        first = max(began, length - self.steps)
        begins = self.begins[first:].clone()
        begins[0] = True
        kept = {name: values[first:].clone() for name, values in self.observations.items()}
        return Past(self.steps, kept, self.last_actions[first:].clone(), begins)
