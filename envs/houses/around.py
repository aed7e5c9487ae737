"""Pictures side by side: several cameras on one agent, whose pictures make one wide picture."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.houses.render import Renderer
from navagent.errors import ConfigError

Arrays = dict[str, NDArray[Any]]


def check_views(views: int, hfov: float) -> None:
    """Refuse pictures that show nothing, or something twice.

    Raises:
        ConfigError: They do.
    """
    if not 0 < hfov < math.pi:
        raise ConfigError(f"hfov must be more than 0 and less than pi radians, not {hfov}.")
    if not 1 <= views <= 2 * math.pi / hfov + 1e-9:
        raise ConfigError(
            f"views must be from 1 to {int(2 * math.pi / hfov + 1e-9)} with an hfov of {hfov:.4f} radians, not {views}."
        )


def headings_around(views: int, hfov: float) -> list[float]:
    """Return where pictures from left to right look, radians clockwise from ahead.

    One looks ahead; of an even number one more looks to the right than to the left, so that the last of four of 90
    degrees looks back.
    """
    return [(view - (views - 1) // 2) * hfov for view in range(views)]


def draw_around(
    renderer: Renderer,
    cameras: tuple[NDArray[np.int64] | int, NDArray[np.float64], NDArray[np.float64]],
    size: tuple[int, int],
    hfov: float,
    views: int,
    sensors: Sequence[str],
    out: Mapping[str, NDArray[Any]] | None = None,
    threads: int = 1,
    elevation: float = 0.0,
) -> Arrays:
    """Return wide pictures, each (N, H, views x W, ...).

    Args:
        renderer: Draws.
        cameras: House, place (N, 3) in metres and heading (N,) in radians of each agent.
        size: Height and width of one of the pictures, pixels.
        hfov: Its horizontal angle of view, radians.
        views: How many.
        sensors: Which of rgb, depth, semantic.
        out: Arrays to draw into, by sensor; the others are made.
        threads: Threads that draw.
        elevation: Radians above the horizon.
    """
    house, places, headings = cameras
    height, width = size
    out = dict(out or {})
    if views == 1:
        return renderer.render(house, places, headings, elevation, width, height, hfov, sensors, out, threads)
    turned = np.concatenate([headings + turn for turn in headings_around(views, hfov)])
    houses = np.tile(np.broadcast_to(house, headings.shape), views)
    around = np.tile(places, (views, 1))
    drawn = renderer.render(houses, around, turned, elevation, width, height, hfov, sensors, {}, threads)
    for name, pictures in drawn.items():
        wide = np.concatenate(np.split(pictures, views), axis=2)
        if name in out:
            out[name][...] = wide
        else:
            out[name] = wide
    return out
