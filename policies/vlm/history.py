"""Temporal pooling: the pictures of an episode so far as a fixed number of tokens."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from policies.vlm.architecture import History
from policies.vlm.connectors import LatentLayer


class TemporalPooling(nn.Module):
    """Makes tokens of the newest frames' visual tokens, as BLIP-3-Video's temporal encoders do.

    Ryoo et al. 2024, arXiv 2410.16267, section 2.2: `mean` is its pooling over time, `attention` its learnable
    spatio-temporal pooling, by learned queries that attend to all tokens of all frames.

    Args:
        options: Which, and of how many frames.
        tokens: K, of a frame.
        width: D, of a token.
    """

    def __init__(self, options: History, tokens: int, width: int) -> None:
        super().__init__()
        self.frames, self.shape = options.frames, (options.frames, tokens, width)
        self.mean = options.kind == "mean"
        self.tokens = tokens if self.mean else options.tokens
        if not self.mean:
            self.ages = nn.Parameter(torch.randn(options.frames, 1, width) * 0.02)
            self.queries = nn.Parameter(torch.randn(1, options.tokens, width) * 0.02)
            self.layer, self.norm = LatentLayer(width, options.heads), nn.LayerNorm(width)

    def forward(self, tokens: Tensor, ring: Tensor, position: Tensor) -> Tensor:
        """Return (T, N, `tokens`, D) of a stretch.

        Args:
            tokens: (T, N, K, D), of the stretch's frames.
            ring: (N, frames, K, D), of frames before it: step p of an episode lies at p modulo `frames`.
            position: (T, N) int64, which step of its episode a frame is, from 0.
        """
        length, agents = position.shape
        age = torch.arange(self.frames, device=position.device)
        wanted = position[..., None] - age  # the step of the episode that is so many steps old
        row = torch.arange(length, device=position.device)[:, None, None] - age
        index = torch.where(row >= 0, self.frames + row, wanted % self.frames)
        frames = torch.cat([ring.to(tokens.dtype), tokens.transpose(0, 1)], dim=1)
        agent = torch.arange(agents, device=position.device)[:, None]
        found = frames[agent, index].flatten(0, 1)  # (T N, frames, K, D)
        seen = (wanted >= 0).flatten(0, 1)
        return self._pooled(found, seen).view(length, agents, self.tokens, -1)

    def _pooled(self, frames: Tensor, seen: Tensor) -> Tensor:
        if self.mean:
            weights = seen.to(frames.dtype) / seen.sum(dim=1, keepdim=True)
            return torch.einsum("bf,bfkd->bkd", weights, frames)
        tokens = (frames + self.ages).flatten(1, 2)
        found = self.queries.expand(len(frames), -1, -1)
        pooled: Tensor = self.norm(self.layer(found, tokens, seen.repeat_interleave(self.shape[1], dim=1)))
        return pooled
