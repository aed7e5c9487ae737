"""Reading an instruction: a vector for all of it, or one for every word."""

from __future__ import annotations

import torch
from gymnasium import spaces
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

_WORD_SIZE = 64
"""Features of a word."""

_KEPT = 4096
"""Instructions whose reading is kept."""


class InstructionEncoder(nn.Module):
    """A bidirectional GRU over an instruction's tokens, 0 being padding. Each different instruction is read once.

    Where no gradient is asked for, what was read is kept until a weight changes: an agent asks for the same
    instruction at every step of an episode.

    Args:
        space: The instruction's tokens.
        output_size: Features, an even number.
    """

    def __init__(self, space: spaces.Space[object], output_size: int = 256) -> None:
        super().__init__()
        assert isinstance(space, spaces.Box)
        self.output_size = output_size
        self.embed = nn.Embedding(int(space.high.max()) + 1, _WORD_SIZE, padding_idx=0)
        self.net = nn.GRU(_WORD_SIZE, output_size // 2, bidirectional=True, batch_first=True)
        self._kept: dict[bytes, tuple[Tensor, Tensor]] = {}
        self._weights: tuple[tuple[int, int], ...] = ()

    def forward(self, tokens: Tensor) -> Tensor:
        """Return (B, `output_size`), the last states, of (B, L) tokens."""
        if torch.is_grad_enabled():
            _, last, inverse, _ = self._read(tokens)
            return last[inverse]
        return torch.stack([last for _, last in self._remembered(tokens)])

    def words(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Return (B, W, `output_size`), the states at each word, and (B, W) whether there is one; W is the longest."""
        if torch.is_grad_enabled():
            states, _, inverse, lengths = self._read(tokens)
            return states[inverse], _there(states, lengths)[inverse]
        rows = [states for states, _ in self._remembered(tokens)]
        states = pad_sequence(rows, batch_first=True)
        return states, _there(states, torch.tensor([len(row) for row in rows]))

    def _read(self, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return (U, W, size) and (U, size) states of different instructions, which one each row is, their lengths."""
        unique, inverse = torch.unique(tokens, dim=0, return_inverse=True)
        lengths = (unique != 0).sum(dim=1).clamp(min=1).cpu()
        packed = pack_padded_sequence(self.embed(unique), lengths, batch_first=True, enforce_sorted=False)
        states, last = self.net(packed)
        padded, _ = pad_packed_sequence(states, batch_first=True)
        return padded, torch.cat([last[0], last[1]], dim=-1), inverse, lengths

    def _remembered(self, tokens: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return (W, size) and (size,) states of each row, as they are kept."""
        weights = tuple((part.data_ptr(), part._version) for part in self.parameters())
        if weights != self._weights or len(self._kept) > _KEPT:
            self._kept, self._weights = {}, weights
        names = [row.tobytes() for row in tokens.cpu().numpy()]
        news = {name: i for i, name in enumerate(names) if name not in self._kept}
        if news:
            states, last, inverse, lengths = self._read(tokens[list(news.values())])
            for name, row in zip(news, inverse.tolist(), strict=True):
                self._kept[name] = states[row, : int(lengths[row])], last[row]
        return [self._kept[name] for name in names]


def _there(states: Tensor, lengths: Tensor) -> Tensor:
    """Return (U, W) whether there is a word, for (U, W, size) states."""
    return (torch.arange(states.shape[1]) < lengths[:, None]).to(states.device)
