"""Connectors: from a vision tower's features to visual tokens of a language model."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from policies.vlm.architecture import Connector
from policies.vlm.attention import Attention, feed_forward

_ACTIVATIONS: dict[str, type[nn.Module]] = {"gelu": nn.GELU, "relu": nn.ReLU}


class VisualTokens(nn.Module, ABC):
    """Makes tokens of a picture's features.

    Attributes:
        tokens: Visual tokens of a picture.
    """

    tokens: int

    @abstractmethod
    def forward(self, features: Tensor) -> Tensor:
        """Return (B, `tokens`, D) of features (B, patches, V)."""


def connector(
    options: Connector, grid: tuple[int, int], features: int, width: int, reads: bool = False
) -> VisualTokens:
    """Return a connector.

    Args:
        options: Which.
        grid: Rows and columns of patches.
        features: V, of a patch.
        width: D, of a token.
        reads: Whether a Q-Former can read a text.

    Raises:
        ValueError: So many tokens cannot be made of so many patches.
    """
    if options.kind == "qformer":
        return QFormer(options, features, width, reads)
    if options.kind == "perceiver":
        return Resampler(options, features, width)
    return Projection(options, grid, features, width)


class Projection(VisualTokens):
    """Patches, averaged over so many fields of the picture as there are tokens, through linear layers.

    Prismatic's three (Karamcheti et al. 2024, arXiv 2402.07865; `prismatic/util/nn_utils.py`): linear V -> D; mlp
    V -> D -> D; fused_mlp V -> 4V -> D -> D. With `activation: relu` and one token, mlp is LLaRP's (apple/ml-llarp,
    `vis_bridge.py`).
    """

    def __init__(self, options: Connector, grid: tuple[int, int], features: int, width: int) -> None:
        super().__init__()
        self.grid, self.fields = grid, _fields(options.tokens, grid)
        self.tokens = math.prod(self.fields)
        sizes = {"linear": [], "mlp": [width], "fused_mlp": [4 * features, width]}[options.kind]
        layers: list[nn.Module] = []
        before = features
        for size in sizes:
            layers += [nn.Linear(before, size), _ACTIVATIONS[options.activation]()]
            before = size
        self.net = nn.Sequential(*layers, nn.Linear(before, width))

    def forward(self, features: Tensor) -> Tensor:
        """Return tokens."""
        if self.fields != self.grid:
            pooled = adaptive_avg_pool2d(features.transpose(1, 2).unflatten(2, self.grid), self.fields)
            features = pooled.flatten(2).transpose(1, 2)
        found: Tensor = self.net(features)
        return found


def _fields(tokens: int, grid: tuple[int, int]) -> tuple[int, int]:
    """Return rows and columns of fields, as near to a square as tokens and patches allow; 0 is every patch."""
    if tokens == 0:
        return grid
    shapes = [(rows, tokens // rows) for rows in range(1, grid[0] + 1) if tokens % rows == 0]
    fitting = [shape for shape in shapes if shape[1] <= grid[1]]
    if not fitting:
        raise ValueError(
            f"{tokens} visual tokens cannot be averaged from {grid[0]} x {grid[1]} patches: set connector.tokens to "
            "fewer, tower.features to patches, or connector.kind to qformer or perceiver"
        )
    return min(fitting, key=lambda shape: (abs(shape[0] - shape[1]), shape))


class QFormer(VisualTokens):
    """Learned queries that attend to each other, and to a text where there is one, and to the patches.

    BLIP-2's Q-Former (Li et al. 2023, arXiv 2301.12597, section 3.1) with cross-attention in every layer. A text goes
    through the same self-attention and through feed-forward layers of its own, so that queries read the picture under
    it (InstructBLIP: Dai et al. 2023, arXiv 2305.06500, section 2.3; EmbodiedGPT's Embodied-Former: Mu et al. 2023,
    arXiv 2305.15021, section 3.2).
    """

    def __init__(self, options: Connector, features: int, width: int, reads: bool = False) -> None:
        super().__init__()
        self.tokens, inner = options.tokens, options.width
        self.queries = nn.Parameter(torch.randn(1, options.tokens, inner) * 0.02)
        self.input, self.output = nn.Linear(features, inner), _output(inner, width)
        self.layers = nn.ModuleList(_QueryLayer(inner, options.heads) for _ in range(options.layers))
        self.words = nn.Linear(width, inner) if reads else None
        # What the last layer makes of words is not read.
        last = options.layers - 1 if reads else 0
        self.feed_words = nn.ModuleList(feed_forward(inner) for _ in range(last))

    def under(self, features: Tensor, text: Tensor, there: Tensor) -> Tensor:
        """Return (B, `tokens`, D) of features (B, patches, V), read under a text.

        Args:
            features: Of the vision tower.
            text: (B, L, D).
            there: (B, L) bool, which of the text's tokens there are.
        """
        assert self.words is not None
        patches, queries = self.input(features), self.queries.expand(len(features), -1, -1)
        words = self.words(text.to(patches.dtype))
        seen = torch.cat([there.new_ones(len(there), self.tokens), there], dim=1)
        for number, layer in enumerate(self.layers):
            assert isinstance(layer, _QueryLayer)
            together = layer.among(torch.cat([queries, words], dim=1), seen)
            queries = layer.looked(together[:, : self.tokens], patches)
            if number < len(self.feed_words):
                words = together[:, self.tokens :] + self.feed_words[number](together[:, self.tokens :])
        tokens: Tensor = self.output(queries)
        return tokens

    def forward(self, features: Tensor) -> Tensor:
        """Return tokens."""
        patches, found = self.input(features), self.queries.expand(len(features), -1, -1)
        for layer in self.layers:
            assert isinstance(layer, _QueryLayer)
            found = layer.looked(layer.among(found), patches)
        tokens: Tensor = self.output(found)
        return tokens


class _QueryLayer(nn.Module):
    """Self-attention, cross-attention, feed-forward layers."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.before_self, self.own = nn.LayerNorm(width), Attention(width, heads)
        self.before_cross, self.cross, self.patches = nn.LayerNorm(width), Attention(width, heads), nn.LayerNorm(width)
        self.feed = feed_forward(width)

    def among(self, together: Tensor, seen: Tensor | None = None) -> Tensor:
        """Return queries and words after attention among them, of which those that are `seen` are there."""
        normed = self.before_self(together)
        found: Tensor = together + self.own(normed, normed, seen)
        return found

    def looked(self, queries: Tensor, patches: Tensor) -> Tensor:
        """Return queries after attention to the patches."""
        queries = queries + self.cross(self.before_cross(queries), self.patches(patches))
        found: Tensor = queries + self.feed(queries)
        return found


class Resampler(VisualTokens):
    """Flamingo's Perceiver resampler: learned latents attend to the patches and to themselves.

    Alayrac et al. 2022, arXiv 2204.14198, appendix A.1.1.
    """

    def __init__(self, options: Connector, features: int, width: int) -> None:
        super().__init__()
        self.tokens, inner = options.tokens, options.width
        self.latents = nn.Parameter(torch.randn(1, options.tokens, inner) * 0.02)
        self.input, self.output = nn.Linear(features, inner), _output(inner, width)
        self.layers = nn.ModuleList(LatentLayer(inner, options.heads) for _ in range(options.layers))

    def forward(self, features: Tensor) -> Tensor:
        """Return tokens."""
        patches, found = self.input(features), self.latents.expand(len(features), -1, -1)
        for layer in self.layers:
            found = layer(found, patches)
        tokens: Tensor = self.output(found)
        return tokens


class LatentLayer(nn.Module):
    """Latents attend to what is given and to themselves, then a feed-forward layer."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.before, self.given, self.attend = nn.LayerNorm(width), nn.LayerNorm(width), Attention(width, heads)
        self.feed = feed_forward(width)

    def forward(self, latents: Tensor, given: Tensor, seen: Tensor | None = None) -> Tensor:
        """Return the latents after this layer.

        Args:
            latents: (B, tokens, width).
            given: (B, K, width).
            seen: (B, K) bool, which of `given` there are; by default all.
        """
        normed = self.before(latents)
        if seen is not None:
            seen = torch.cat([seen, seen.new_ones(len(seen), latents.shape[1])], dim=1)
        latents = latents + self.attend(normed, torch.cat([self.given(given), normed], dim=1), seen)
        found: Tensor = latents + self.feed(latents)
        return found


def _output(inner: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.LayerNorm(inner), nn.Linear(inner, width))
