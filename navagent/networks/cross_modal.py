"""Cross-modal attention: what is seen and what is read look for each other (VLN-CE's CMA).

Krantz et al. 2020 (arXiv 2004.02857), section 4: a first memory follows what is seen, and what it holds looks for the
words that matter now; these look for the parts of the picture that matter; a second memory decides. Their baseline
without attention, Seq2Seq, is an `ActorCritic` whose encoder reads the instruction.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from gymnasium import spaces
from torch import Tensor, nn

from navagent.networks.cores import Recurrent
from navagent.networks.encoders import Encoder, PictureEncoder
from navagent.networks.instruction_encoder import InstructionEncoder
from navagent.networks.policy_network import Observations, PolicyNetwork, decide


class CrossModal(PolicyNetwork):
    """CMA over colour, depth and an instruction.

    Args:
        space: What is observed: pictures and an instruction, other sensors as they come.
        actions: Number of actions.
        hidden_size: Features of the memories and of what is attended.
        channels: Features of the pictures' convolutions.
        convolutions: Their kind (`PictureEncoder`).

    Raises:
        ValueError: There are no pictures or no instruction.
    """

    def __init__(
        self,
        space: spaces.Dict,
        actions: int,
        hidden_size: int,
        channels: tuple[int, int, int],
        convolutions: Literal["simple", "normed"],
    ) -> None:
        super().__init__()
        rest = {name: part for name, part in space.items() if name not in ("rgb", "depth", "instruction")}
        if len(rest) == len(space.spaces) or "instruction" not in space.spaces:
            raise ValueError("cross-modal attention needs pictures and an instruction")
        self.pictures = PictureEncoder(space, hidden_size, channels, convolutions)
        self.picture_size = self.thought_size = hidden_size
        self.rest = Encoder(spaces.Dict(rest), actions)
        self.instruction = InstructionEncoder(space["instruction"], hidden_size)
        sensed = hidden_size + self.rest.output_size
        self.first = Recurrent(sensed, hidden_size)
        self.words = Attention(hidden_size, self.instruction.output_size, hidden_size)
        self.places = Attention(hidden_size, channels[-1], hidden_size)
        self.second = Recurrent(3 * hidden_size + sensed, hidden_size)
        self.policy, self.value = nn.Linear(hidden_size, actions), nn.Linear(hidden_size, 1)
        nn.init.orthogonal_(self.policy.weight, 0.01)  # as `ActorCritic`
        nn.init.zeros_(self.policy.bias)

    def new_state(self, agents: int) -> Tensor:
        """Return zeros, for both memories."""
        weight = self.policy.weight
        size = self.first.state_size + self.second.state_size
        return torch.zeros(agents, size, dtype=weight.dtype, device=weight.device)

    def step(
        self, observations: Observations, last_actions: Tensor, state: Tensor, begins: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return log-probabilities, values and the next state."""
        seen, maps = self._seen(observations, last_actions)
        before_first, before_second = self._parted(state)
        followed, after_first = self.first.step(seen, before_first, begins)
        features, after_second = self.second.step(
            self._fused(observations, seen, maps, followed), before_second, begins
        )
        logits, values = decide(self.policy, self.value, features)
        return torch.log_softmax(logits, dim=-1), values, torch.cat([after_first, after_second], dim=1)

    def forward(
        self, observations: Observations, last_actions: Tensor, state: Tensor, begins: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return logits and values of a stretch."""
        logits, values, _ = self.with_thoughts(observations, last_actions, state, begins)
        return logits, values

    def with_thoughts(
        self, observations: Observations, last_actions: Tensor, state: Tensor, begins: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits, values and the second memory's features."""
        length, agents = begins.shape
        flat = {name: values.flatten(0, 1) for name, values in observations.items()}
        seen, maps = self._seen(flat, last_actions.flatten())
        before_first, before_second = self._parted(state)
        followed = self.first.stretch(seen.view(length, agents, -1), before_first, begins).flatten(0, 1)
        fused = self._fused(flat, seen, maps, followed).view(length, agents, -1)
        features = self.second.stretch(fused, before_second, begins)
        return *decide(self.policy, self.value, features), features[:, :, None]

    def picture_features(self, observations: Observations) -> Tensor:
        """Return the pictures' summary."""
        found: Tensor = self.pictures(observations)
        return found[:, None]

    def _parted(self, state: Tensor) -> tuple[Tensor, Tensor]:
        """Return the states of both memories."""
        return state[:, : self.first.state_size], state[:, self.first.state_size :]

    def _seen(self, observations: Observations, last_actions: Tensor) -> tuple[Tensor, Tensor]:
        """Return (B, features) of what is sensed, and the pictures' (B, places, channels)."""
        maps = self.pictures.maps(observations)
        seen = torch.cat([self.pictures.summary(maps), self.rest(observations, last_actions)], dim=-1)
        return seen, maps.flatten(2).transpose(1, 2)

    def _fused(self, observations: Observations, seen: Tensor, maps: Tensor, followed: Tensor) -> Tensor:
        """Return what the second memory takes: what is followed, read, looked at and sensed, each (B, ...)."""
        words, there = self.instruction.words(observations["instruction"].long())
        read = self.words(followed, words, there)
        looked = self.places(read, maps)
        return torch.cat([followed, read, looked, seen], dim=-1)


class Attention(nn.Module):
    """Scaled dot-product attention of one query to many keys (Vaswani et al. 2017, arXiv 1706.03762, section 3.2.1).

    Args:
        query_size: Features of the query.
        key_size: Features of what is looked at.
        size: Features of the result.
    """

    def __init__(self, query_size: int, key_size: int, size: int) -> None:
        super().__init__()
        self.query, self.result = nn.Linear(query_size, size), nn.Linear(key_size, size)
        self.key = nn.Linear(key_size, size, bias=False)  # a bias would move all of a query's scores alike

    def forward(self, query: Tensor, keys: Tensor, there: Tensor | None = None) -> Tensor:
        """Return (B, size) for queries (B, query_size) to keys (B, K, key_size), of which `there` (B, K) bool count."""
        # The query is moved to the keys' space and the sum back from it: K times less work than moving the keys.
        asked = self.query(query)
        scores = (keys @ (asked @ self.key.weight)[..., None])[..., 0] / math.sqrt(asked.shape[-1])
        if there is not None:
            scores = scores.masked_fill(~there, -math.inf)
        found: Tensor = self.result((torch.softmax(scores, dim=-1)[:, None] @ keys)[:, 0])
        return found
