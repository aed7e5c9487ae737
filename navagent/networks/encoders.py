"""From an observation to one vector per step. Observations are told apart by their names, as in habitat-lab."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from gymnasium import spaces
from torch import Tensor, nn

from navagent.networks.instruction_encoder import InstructionEncoder
from navagent.networks.policy_network import Observations

DEPTH_RANGE = 10.0
"""Metres that depth is divided by (R2R-CE's sensors end there)."""

CHANNELS = (32, 64, 32)
"""Features of the pictures' three convolutions (habitat-baselines' `simple_cnn.py`)."""

_CONVOLUTIONS = 5
"""Layers of `PictureEncoder.net` up to the last convolution."""

_WIDTH = 32
"""Features of what is no picture (habitat-baselines' `resnet_policy.py`)."""

_PICTURES = {"rgb": 3, "depth": 1}

_SCALES = {"rgb": 1 / 255.0, "depth": 1 / DEPTH_RANGE}

_AT_ONCE = 512
"""Pictures that a processor takes at once: what lies between the convolutions then stays in its cache, which doubles
the speed (`python -m tests.benchmarks.train_steps`)."""


def _orthogonal(layer: nn.Module) -> nn.Module:
    """Initialise weights orthogonally and biases with 0, as PPO's implementations do."""
    for name, parameter in layer.named_parameters():
        nn.init.orthogonal_(parameter, math.sqrt(2)) if "weight" in name else nn.init.zeros_(parameter)
    return layer


class PictureEncoder(nn.Module):
    """Mnih et al.'s three convolutions over colour and depth (habitat-baselines' `simple_cnn.py`).

    Args:
        space: What is seen.
        output_size: Features.
        channels: Features of each convolution.

    Raises:
        ValueError: The pictures are too small.
    """

    def __init__(self, space: spaces.Dict, output_size: int, channels: Sequence[int] = CHANNELS) -> None:
        super().__init__()
        self.names = [name for name in _PICTURES if name in space.spaces]
        shapes = {name: space[name].shape for name in self.names}
        sizes = {shape[:2] for shape in shapes.values() if shape is not None}
        if len(sizes) != 1:
            raise ValueError(f"colour and depth need one size, not {shapes}")
        (height, width) = sizes.pop()
        inputs, (first, second, third) = sum(_PICTURES[name] for name in self.names), channels
        side = [((((n - 8) // 4 + 1) - 4) // 2 + 1) - 2 for n in (height, width)]
        if min(side) < 1:
            raise ValueError(f"pictures must be at least 36 pixels wide and high for this network, not {height, width}")
        self.net = nn.Sequential(
            _orthogonal(nn.Conv2d(inputs, first, 8, stride=4)),
            nn.ReLU(inplace=True),
            _orthogonal(nn.Conv2d(first, second, 4, stride=2)),
            nn.ReLU(inplace=True),
            _orthogonal(nn.Conv2d(second, third, 3)),
            nn.Flatten(),
            _orthogonal(nn.Linear(third * side[0] * side[1], output_size)),
            nn.ReLU(inplace=True),
        )

    def forward(self, observations: Observations) -> Tensor:
        """Return (B, `output_size`) of pictures (B, H, W, channels)."""
        return self.summary(self.maps(observations))

    def summary(self, maps: Tensor) -> Tensor:
        """Return (B, `output_size`) of what `maps` gave."""
        found: Tensor = self.net[_CONVOLUTIONS:](maps)
        return found

    def maps(self, observations: Observations) -> Tensor:
        """Return (B, channels, h, w), the last convolution's features, of pictures (B, H, W, channels)."""
        pictures = [observations[name] for name in self.names]
        if pictures[0].is_cuda:
            return self._convolved(pictures)
        parts = zip(*(torch.split(picture, _AT_ONCE) for picture in pictures), strict=True)
        return torch.cat([self._convolved(part) for part in parts])

    def _convolved(self, pictures: Sequence[Tensor]) -> Tensor:
        dtype = next(self.net.parameters()).dtype
        scaled = [picture.to(dtype) * _SCALES[name] for name, picture in zip(self.names, pictures, strict=True)]
        together = torch.cat(scaled, dim=-1) if len(scaled) > 1 else scaled[0]
        found: Tensor = self.net[:_CONVOLUTIONS](together.permute(0, 3, 1, 2))
        return found


def _turned(angles: Tensor) -> Tensor:
    """Return angles as cosine and sine, which have no jump."""
    return torch.cat([torch.cos(angles), torch.sin(angles)], dim=-1)


class Encoder(nn.Module):
    """Everything that an agent observes, and its last action, as one vector.

    Args:
        space: What is observed: any of rgb, depth, gps, compass, pointgoal_with_gps_compass, objectgoal, instruction.
        actions: Number of actions.
        picture_size: Features of the pictures.
        channels: Features of each of the pictures' convolutions.

    Raises:
        ValueError: Something is observed that this network does not know.
    """

    def __init__(
        self, space: spaces.Dict, actions: int, picture_size: int = 512, channels: Sequence[int] = CHANNELS
    ) -> None:
        super().__init__()
        known = {*_PICTURES, *_PARTS, "instruction", "objectgoal", "semantic"}
        strange = sorted(set(space.spaces) - known)
        if strange:
            raise ValueError(f"this network does not know the observation '{strange[0]}'")
        self.pictures = PictureEncoder(space, picture_size, channels) if set(_PICTURES) & set(space.spaces) else None
        self.parts = nn.ModuleDict(
            {name: nn.Linear(size, _WIDTH) for name, size in _PARTS.items() if name in space.spaces}
        )
        self.output_size = (picture_size if self.pictures else 0) + _WIDTH * (len(self.parts) + 1)
        self.action = nn.Embedding(actions + 1, _WIDTH)
        self.instruction: InstructionEncoder | None = None
        self.category: nn.Embedding | None = None
        if "instruction" in space.spaces:
            self.instruction = InstructionEncoder(space["instruction"])
            self.output_size += 256
        if "objectgoal" in space.spaces:
            self.category = nn.Embedding(_largest(space["objectgoal"]) + 1, _WIDTH)
            self.output_size += _WIDTH

    def forward(self, observations: Observations, last_actions: Tensor) -> Tensor:
        """Return (B, `output_size`).

        Args:
            observations: Each (B, ...).
            last_actions: (B,) int64, the action before, counted from 1; 0 at an episode's beginning.
        """
        found = [self.action(last_actions)]
        dtype = self.action.weight.dtype
        if self.pictures is not None:
            found.append(self.pictures(observations))
        for name, layer in self.parts.items():
            found.append(layer(_vector(name, observations[name].to(dtype))))
        if self.instruction is not None:
            found.append(self.instruction(observations["instruction"].long()))
        if self.category is not None:
            found.append(self.category(observations["objectgoal"][:, 0]))
        return torch.cat(found, dim=-1)


_PARTS = {"gps": 2, "compass": 2, "pointgoal_with_gps_compass": 3}
"""Inputs of what is a few numbers."""


def _vector(name: str, values: Tensor) -> Tensor:
    if name == "compass":
        return _turned(values)
    if name == "pointgoal_with_gps_compass":
        return torch.cat([values[:, :1], _turned(values[:, 1:])], dim=-1)
    return values


def _largest(space: spaces.Space[object]) -> int:
    assert isinstance(space, spaces.Box)
    return int(space.high.max())
