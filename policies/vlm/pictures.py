"""Pictures for vision towers: stacked, scaled and resized, as batches on any device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad

from navagent.networks.encoders import DEPTH_RANGE
from navagent.networks.policy_network import Observations

Resize = Literal["naive", "letterbox"]

CHANNELS = {"rgb": 3, "depth": 1}
"""Channels of what towers see."""

_SCALES = {"rgb": 1 / 255.0, "depth": 1 / DEPTH_RANGE}


def stacked(observations: Observations, names: Sequence[str], dtype: torch.dtype) -> Tensor:
    """Return (B, channels, H, W) of pictures (B, H, W, ...): colours from 0 to 1, depth in tens of metres."""
    scaled = [observations[name].to(dtype) * _SCALES[name] for name in names]
    return torch.cat(scaled, dim=-1).permute(0, 3, 1, 2)


def resized(pictures: Tensor, side: int, how: Resize, fill: Tensor) -> Tensor:
    """Return pictures as squares.

    Prismatic's two ways (Karamcheti et al. 2024, arXiv 2402.07865, section 4.2): naive squeezes what is not square,
    letterbox first adds borders on both sides until it is. Pixels are averaged over what they cover (bicubic,
    antialiased, as Pillow does it), and stay within the range that the pictures have.

    Args:
        pictures: (B, C, H, W).
        side: Pixels of the result's sides.
        how: naive or letterbox.
        fill: (C,), what borders are filled with.
    """
    height, width = pictures.shape[2:]
    if how == "letterbox" and height != width:
        pictures = _squared(pictures, fill)
    if pictures.shape[2:] == (side, side):
        return pictures
    low, high = pictures.amin(dim=(2, 3), keepdim=True), pictures.amax(dim=(2, 3), keepdim=True)
    found = interpolate(pictures, (side, side), mode="bicubic", antialias=True, align_corners=False)
    return torch.minimum(torch.maximum(found, low), high)


def _squared(pictures: Tensor, fill: Tensor) -> Tensor:
    """Return pictures in the middle of squares."""
    height, width = pictures.shape[2:]
    side = max(height, width)
    left, top = (side - width) // 2, (side - height) // 2
    border = fill[:, None, None].to(pictures)
    around = (left, side - width - left, top, side - height - top)
    return pad(pictures - border, around) + border
