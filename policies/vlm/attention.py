"""Attention between two sets of vectors, and the layer after it: what resamplers are made of."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention


class Attention(nn.Module):
    """Attention with heads.

    Args:
        width: Features, a multiple of `heads`.
        heads: Of attention.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.keys, self.join = nn.Linear(width, width), nn.Linear(width, 2 * width), nn.Linear(width, width)

    def forward(self, asking: Tensor, asked: Tensor, seen: Tensor | None = None) -> Tensor:
        """Return what `asking`, (B, Q, width), finds in `asked`, (B, K, width).

        Args:
            asking: The queries.
            asked: Keys and values.
            seen: (B, K) bool, which of them may be looked at; by default all.
        """
        query = self._split(self.query(asking))
        key, value = (self._split(part) for part in self.keys(asked).chunk(2, dim=-1))
        mask = None if seen is None else seen[:, None, None]
        found = scaled_dot_product_attention(query, key, value, mask)
        joined: Tensor = self.join(found.transpose(1, 2).flatten(2))
        return joined

    def _split(self, values: Tensor) -> Tensor:
        return values.view(*values.shape[:2], self.heads, -1).transpose(1, 2)


def feed_forward(width: int) -> nn.Sequential:
    """Return a layer normalisation and two linear layers, four times as wide between them."""
    return nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
