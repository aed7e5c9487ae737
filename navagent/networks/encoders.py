"""From an observation to one vector per step. Observations are told apart by their names, as in habitat-lab."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from gymnasium import spaces
from torch import Tensor, nn

from navagent.networks.instruction_encoder import InstructionEncoder
from navagent.networks.policy_network import Observations

DEPTH_RANGE = 10.0
"""Metres that depth is divided by (R2R-CE's sensors end there)."""

CHANNELS = (32, 64, 32)
"""Features of the pictures' three convolutions (habitat-baselines' `simple_cnn.py`)."""

_LEAST_SIDES = {"simple": 36, "normed": 16}
"""Pixels: what each kind of convolutions needs."""

_GROUPS = 4
"""Groups of channels that are normed together."""

_WIDTH = 32
"""Features of what is no picture (habitat-baselines' `resnet_policy.py`)."""

_PICTURES = {"rgb": 3, "depth": 1}

_SCALES = {"rgb": 1 / 255.0, "depth": 1 / DEPTH_RANGE}

_AT_ONCE = 512
"""Pictures that a processor takes at once: what lies between the convolutions then stays in its cache."""


def _orthogonal(layer: nn.Module) -> nn.Module:
    """Initialise weights orthogonally and biases with 0, as PPO's implementations do."""
    for name, parameter in layer.named_parameters():
        nn.init.orthogonal_(parameter, math.sqrt(2)) if "weight" in name else nn.init.zeros_(parameter)
    return layer


class PictureEncoder(nn.Module):
    """Convolutions over colour and depth.

    Args:
        space: What is seen.
        output_size: Features.
        channels: Features of the convolutions, from fine to coarse.
        kind: simple: Mnih et al.'s three (habitat-baselines' `simple_cnn.py`). normed: five with group normalisation,
            which DD-PPO's networks have, too (habitat-baselines' `resnet.py`); it learns to tell what is in view with
            fewer pictures, each of which takes longer.

    Raises:
        ValueError: The pictures are too small, or the channels cannot be normed.
    """

    def __init__(
        self,
        space: spaces.Dict,
        output_size: int,
        channels: Sequence[int] = CHANNELS,
        kind: Literal["simple", "normed"] = "simple",
    ) -> None:
        super().__init__()
        self.names = [name for name in _PICTURES if name in space.spaces]
        shapes = {name: space[name].shape for name in self.names}
        sizes = {shape[:2] for shape in shapes.values() if shape is not None}
        if len(sizes) != 1:
            raise ValueError(f"colour and depth need one size, not {shapes}")
        (height, width) = sizes.pop()
        inputs = sum(_PICTURES[name] for name in self.names)
        layers, sides = convolutions(inputs, channels, (height, width), kind)
        self._kind = kind
        self._convolutions = len(layers)
        last = _orthogonal(nn.Linear(channels[-1] * sides[0] * sides[1], output_size))
        self.net = nn.Sequential(*layers, nn.Flatten(), last, nn.ReLU(inplace=True))

    def forward(self, observations: Observations) -> Tensor:
        """Return (B, `output_size`) of pictures (B, H, W, channels)."""
        return self.summary(self.maps(observations))

    def summary(self, maps: Tensor) -> Tensor:
        """Return (B, `output_size`) of what `maps` gave."""
        found: Tensor = self.net[self._convolutions :](maps)
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
        found: Tensor = self.net[: self._convolutions](planes(together.permute(0, 3, 1, 2), self._kind))
        return found


def convolutions(
    inputs: int, channels: Sequence[int], size: tuple[int, int], kind: Literal["simple", "normed"]
) -> tuple[nn.Sequential, tuple[int, int]]:
    """Return convolutions of a kind of `PictureEncoder`, and the height and width of what they find.

    Args:
        inputs: Channels of pictures.
        channels: Features, from fine to coarse; three.
        size: Height and width of pictures, pixels.
        kind: simple or normed.

    Raises:
        ValueError: The pictures are too small, or the channels cannot be normed.
    """
    least = _LEAST_SIDES[kind]
    if min(size) < least:
        raise ValueError(f"pictures must be at least {least} pixels wide and high for {kind} convolutions, not {size}")
    net = nn.Sequential(*(_normed(inputs, channels) if kind == "normed" else _simple(inputs, channels)))
    height, width = net(torch.zeros(1, inputs, *size)).shape[2:]
    return net, (height, width)


def planes(pictures: Tensor, kind: str) -> Tensor:
    """Return (B, channels, H, W) pictures laid out in memory as `convolutions` of a kind take them fastest.

    Normalisation takes planes one by one twice as fast on a processor (54 against 122 microseconds for a picture of 64
    pixels in bf16); convolutions alone are a little faster with the channels side by side, as they come.
    """
    return pictures.contiguous() if kind == "normed" else pictures


def _simple(inputs: int, channels: Sequence[int]) -> list[nn.Module]:
    """Return Mnih et al.'s convolutions; the last one's activation is not among them."""
    first, second, third = channels
    return [
        _orthogonal(nn.Conv2d(inputs, first, 8, stride=4)),
        nn.ReLU(inplace=True),
        _orthogonal(nn.Conv2d(first, second, 4, stride=2)),
        nn.ReLU(inplace=True),
        _orthogonal(nn.Conv2d(second, third, 3)),
    ]


def _normed(inputs: int, channels: Sequence[int]) -> list[nn.Module]:
    first, second, third = channels
    if any(count % _GROUPS for count in channels):
        raise ValueError(f"channels {tuple(channels)} must be multiples of {_GROUPS} to be normed")
    layers: list[nn.Module] = [nn.Conv2d(inputs, first, 4, stride=4)]
    for before, after, stride in ((first, second, 1), (second, second, 2), (second, second, 1), (second, third, 2)):
        layers += [nn.GroupNorm(_GROUPS, before), nn.ReLU(inplace=True)]
        layers.append(nn.Conv2d(before, after, 3, stride=stride, padding=1))
    return [*layers, nn.GroupNorm(_GROUPS, third), nn.ReLU(inplace=True)]


def _turned(angles: Tensor) -> Tensor:
    """Return angles as cosine and sine, which have no jump."""
    return torch.cat([torch.cos(angles), torch.sin(angles)], dim=-1)


class Encoder(nn.Module):
    """Everything that an agent observes, and its last action, as one vector.

    Args:
        space: What is observed: any of rgb, depth, gps, compass, pointgoal_with_gps_compass, objectgoal, instruction.
        actions: Number of actions.
        picture_size: Features of the pictures.
        channels: Features of the pictures' convolutions.
        kind: Of the convolutions (`PictureEncoder`).

    Raises:
        ValueError: Something is observed that this network does not know.
    """

    def __init__(
        self,
        space: spaces.Dict,
        actions: int,
        picture_size: int = 512,
        channels: Sequence[int] = CHANNELS,
        kind: Literal["simple", "normed"] = "simple",
    ) -> None:
        super().__init__()
        known = {*_PICTURES, *_PARTS, "instruction", "objectgoal", "semantic"}
        strange = sorted(set(space.spaces) - known)
        if strange:
            raise ValueError(f"this network does not know the observation '{strange[0]}'")
        self.picture_size = picture_size if set(_PICTURES) & set(space.spaces) else 0
        self.pictures = PictureEncoder(space, picture_size, channels, kind) if self.picture_size else None
        self.parts = nn.ModuleDict(
            {name: nn.Linear(size, _WIDTH) for name, size in _PARTS.items() if name in space.spaces}
        )
        self.output_size = self.picture_size + _WIDTH * (len(self.parts) + 1)
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
