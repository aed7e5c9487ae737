"""Memories: what a policy carries from step to step, with the promises of `PolicyNetwork`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence


class Core(nn.Module, ABC):
    """A memory.

    Attributes:
        state_size: S.
        output_size: Features per step.
    """

    state_size: int
    output_size: int

    @abstractmethod
    def step(self, features: Tensor, state: Tensor, begins: Tensor) -> tuple[Tensor, Tensor]:
        """Return (N, `output_size`) and the next state.

        Args:
            features: (N, F).
            state: (N, S); it may be written over and returned.
            begins: (N,) bool, whether an episode begins with this step: nothing before it is remembered.
        """

    @abstractmethod
    def stretch(self, features: Tensor, state: Tensor, begins: Tensor) -> Tensor:
        """Return (T, N, `output_size`) of T steps from the state before the first.

        Args:
            features: (T, N, F).
            state: (N, S).
            begins: (T, N) bool.
        """


class Recurrent(Core):
    """A GRU or an LSTM.

    Args:
        input_size: F.
        hidden_size: Features per step and layer.
        kind: gru or lstm.
        layers: Layers.
    """

    def __init__(
        self, input_size: int, hidden_size: int = 512, kind: Literal["gru", "lstm"] = "gru", layers: int = 1
    ) -> None:
        super().__init__()
        self.kind, self.layers, self.output_size = kind, layers, hidden_size
        self.state_size = layers * hidden_size * (2 if kind == "lstm" else 1)
        self.net = (nn.LSTM if kind == "lstm" else nn.GRU)(input_size, hidden_size, layers)
        for name, parameter in self.net.named_parameters():
            if "weight" in name:
                nn.init.orthogonal_(parameter)
            else:
                nn.init.zeros_(parameter)

    def step(self, features: Tensor, state: Tensor, begins: Tensor) -> tuple[Tensor, Tensor]:
        """Return output and state after one step."""
        hidden = self._hidden(state * (~begins)[:, None])
        output, after = self.net(features[None].to(state.dtype), hidden)
        return output[0], self._flat(after).to(state.dtype)

    def stretch(self, features: Tensor, state: Tensor, begins: Tensor) -> Tensor:
        """Run all episodes' pieces side by side, the longest first, without padding."""
        length, agents = begins.shape
        first, agent, count = pieces(begins)
        order = torch.argsort(count, descending=True, stable=True)
        first, agent, count = first[order], agent[order], count[order]
        sizes = torch.stack([(count > k).sum() for k in range(int(count[0]))])
        rows = torch.cat([(first[:size] + k) * agents + agent[:size] for k, size in enumerate(sizes.tolist())])
        fresh = (first > 0) | begins[0, agent]
        hidden = self._hidden(state[agent] * (~fresh)[:, None])
        flat = features.reshape(length * agents, -1).to(state.dtype)
        output, _ = self.net(PackedSequence(flat[rows], sizes.cpu()), hidden)
        result = torch.empty(length * agents, self.output_size, dtype=output.data.dtype, device=flat.device)
        return result.index_copy(0, rows, output.data).view(length, agents, -1)

    def _hidden(self, state: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Return what torch's modules take: (layers, N, hidden), for an LSTM twice."""
        parts = state.view(len(state), -1, self.layers, self.output_size).permute(1, 2, 0, 3).contiguous()
        return (parts[0], parts[1]) if self.kind == "lstm" else parts[0]

    def _flat(self, hidden: Tensor | tuple[Tensor, Tensor]) -> Tensor:
        parts = torch.stack(hidden) if isinstance(hidden, tuple) else hidden[None]
        return parts.permute(2, 0, 1, 3).reshape(parts.shape[2], -1)


def pieces(begins: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return first step, agent and number of steps of each piece of an episode in a stretch of (T, N) steps."""
    length = len(begins)
    starts = begins.clone()
    starts[0] = True
    agent, first = torch.nonzero(starts.T, as_tuple=True)  # agent by agent, in order of time
    after = torch.full_like(first, length)
    same = agent[1:] == agent[:-1]
    after[:-1][same] = first[1:][same]
    return first, agent, after - first
