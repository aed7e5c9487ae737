"""Vision towers that learn from scratch: from pictures to features."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor, nn

from navagent.networks.encoders import convolutions, planes
from navagent.networks.policy_network import Observations
from policies.vlm.architecture import Tower
from policies.vlm.pictures import CHANNELS, resized, stacked


class VisionTower(nn.Module, ABC):
    """Makes features of pictures.

    Attributes:
        names: The observations that it sees.
        grid: Rows and columns of patches; (1, 1) where it gives one vector for the whole picture.
        output_size: Features of a patch.
        views: Pictures side by side.
    """

    views = 1
    names: tuple[str, ...]
    grid: tuple[int, int]
    output_size: int

    @abstractmethod
    def forward(self, observations: Observations) -> Tensor:
        """Return (B, rows x columns, `output_size`) of pictures (B, H, W, channels), row by row."""


class ScratchTower(VisionTower):
    """What towers from scratch share: colour and depth, stacked and resized.

    Args:
        options: The tower.
        space: What one agent observes.

    Raises:
        ValueError: There are no pictures, or they differ in size.
    """

    def __init__(self, options: Tower, space: spaces.Dict) -> None:
        super().__init__()
        self.names = tuple(name for name in CHANNELS if name in space.spaces)
        self.channels = sum(CHANNELS[name] for name in self.names)
        self.resize, self.side = options.resize, options.image_size
        self.size = (self.side, self.side) if self.side else picture_size(space, self.names)
        self.output_size = options.width

    def pictures(self, observations: Observations) -> Tensor:
        """Return (B, channels, height, width)."""
        weight = next(self.parameters())
        found = stacked(observations, self.names, weight.dtype)
        return resized(found, self.side, self.resize, found.new_zeros(self.channels)) if self.side else found


def picture_size(space: spaces.Dict, names: Sequence[str]) -> tuple[int, int]:
    """Return height and width of pictures.

    Raises:
        ValueError: There are none, or they differ in size.
    """
    sizes = {shape[:2] for name in names if (shape := space[name].shape) is not None}
    if len(sizes) != 1:
        raise ValueError(f"the vision tower needs pictures of one size, and the environment shows {sizes or 'none'}")
    height, width = sizes.pop()
    return height, width


class ConvolutionTower(ScratchTower):
    """Convolutions; each patch knows where it is, or one layer sees all of them.

    Raises:
        ValueError: The pictures are too small, or the width cannot be normed.
    """

    def __init__(self, options: Tower, space: spaces.Dict) -> None:
        super().__init__(options, space)
        # Normed ones are five on larger maps: half the features of three cost as much.
        finer = (16, 32) if options.convolutions == "normed" else (32, 64)
        layers, self.grid = convolutions(self.channels, (*finer, options.width), self.size, options.convolutions)
        self.net = nn.Sequential(*layers, nn.ReLU())
        patches = self.grid[0] * self.grid[1]
        self.kind = options.convolutions
        self.whole: nn.Sequential | None = None
        self.places: nn.Parameter | None = None
        if options.features == "picture":
            last = nn.Linear(patches * options.width, options.width)
            nn.init.orthogonal_(last.weight, math.sqrt(2))
            nn.init.zeros_(last.bias)
            self.whole, self.grid = nn.Sequential(last, nn.ReLU()), (1, 1)
        else:
            self.places = nn.Parameter(torch.randn(patches, options.width) * 0.02)

    def forward(self, observations: Observations) -> Tensor:
        """Return features."""
        found: Tensor = self.net(planes(self.pictures(observations), self.kind)).flatten(2).transpose(1, 2)
        if self.whole is not None:
            whole: Tensor = self.whole(found.flatten(1))[:, None]
            return whole
        assert self.places is not None
        return found + self.places


class TransformerTower(ScratchTower):
    """A ViT (Dosovitskiy et al. 2021, arXiv 2010.11929): patches and a class token with learned places.

    Raises:
        ValueError: The pictures are not whole patches.
    """

    def __init__(self, options: Tower, space: spaces.Dict) -> None:
        super().__init__(options, space)
        height, width = self.size
        if height % options.patch or width % options.patch:
            raise ValueError(
                f"pictures of {height} x {width} pixels are not made of whole patches of {options.patch}: set "
                "tower.patch or tower.image_size"
            )
        if options.width % options.heads:
            raise ValueError(f"tower.width ({options.width}) must be a multiple of tower.heads ({options.heads})")
        grid = (height // options.patch, width // options.patch)
        self.cut = nn.Conv2d(self.channels, options.width, options.patch, options.patch)
        self.whole = nn.Parameter(torch.randn(1, 1, options.width) * 0.02)
        self.places = nn.Parameter(torch.randn(1 + grid[0] * grid[1], options.width) * 0.02)
        self.net = nn.ModuleList(
            nn.TransformerEncoderLayer(
                options.width,
                options.heads,
                4 * options.width,
                dropout=0.0,
                activation="gelu",
                batch_first=True,
                norm_first=True,
            )
            for _ in range(options.layers)
        )
        self.norm = nn.LayerNorm(options.width)
        self.picture = options.features == "picture"
        self.grid = (1, 1) if self.picture else grid

    def forward(self, observations: Observations) -> Tensor:
        """Return features."""
        patches = self.cut(self.pictures(observations)).flatten(2).transpose(1, 2)
        found = torch.cat([self.whole.expand(len(patches), -1, -1), patches], dim=1) + self.places
        for layer in self.net:
            found = layer(found)
        found = self.norm(found)
        kept: Tensor = found[:, :1] if self.picture else found[:, 1:]
        return kept


class Views(VisionTower):
    """Pictures side by side, each seen by itself; who sees them knows which of them it is.

    Args:
        views: How many.
        tower: Builds the tower of one of them from what that alone would be.
        space: What one agent observes.

    Raises:
        ValueError: A picture cannot be cut into so many.
    """

    def __init__(self, views: int, tower: Callable[[spaces.Dict], VisionTower], space: spaces.Dict) -> None:
        super().__init__()
        self.views = views
        self.one = tower(spaces.Dict({name: _cut(name, part, views) for name, part in space.items()}))
        rows, columns = self.one.grid
        self.names, self.output_size, self.grid = self.one.names, self.one.output_size, (rows, views * columns)
        self.sides = nn.Parameter(torch.randn(views, 1, self.output_size) * 0.5)

    def forward(self, observations: Observations) -> Tensor:
        """Return features."""
        cut = {name: self._apart(observations[name]) for name in self.names}
        found = self.one(cut).unflatten(0, (-1, self.views)) + self.sides
        rows, columns = self.one.grid
        joined: Tensor = found.unflatten(2, (rows, columns)).transpose(1, 2).flatten(1, 3)
        return joined

    def _apart(self, pictures: Tensor) -> Tensor:
        """Return (B x views, H, W, channels) of (B, H, views x W, channels)."""
        apart: Tensor = pictures.unflatten(2, (self.views, -1)).transpose(1, 2).flatten(0, 1)
        return apart


def _cut(name: str, part: spaces.Space[Any], views: int) -> spaces.Space[Any]:
    """Return the space of one of the pictures side by side; what is none stays."""
    if name not in CHANNELS or not isinstance(part, spaces.Box):
        return part
    if part.shape[1] % views:
        raise ValueError(f"{name} of {part.shape[1]} pixels cannot be cut into {views} views: set tower.views")
    low, high = (np.split(bound, views, axis=1)[0] for bound in (part.low, part.high))
    one: spaces.Space[Any] = spaces.Box(low, high, dtype=part.dtype.type)
    return one
