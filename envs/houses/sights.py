"""What can be seen from where: objects in rendered views, as NavGPT's texts and as landmarks for instructions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from envs.houses.house import SENSOR_HEIGHT, House, Point
from envs.houses.render import Renderer

SECTORS = 8
SIZE = 64
"""Pixels: an object of one pixel is 10 cm wide at 5 m."""

FEWEST_PIXELS = 6
"""Smaller sights do not count as seen."""


@dataclass(frozen=True)
class Sight:
    """An object as seen from a viewpoint.

    Attributes:
        index: Index into `House.objects`.
        pixels: How much of it is seen.
        sector: Which of eight 45-degree sectors shows most of it, sector 0 centred on heading 0.
    """

    index: int
    pixels: int
    sector: int


def sights(renderer: Renderer, house_index: int, points: Sequence[Point]) -> list[tuple[Sight, ...]]:
    """Return what is seen from each point at the height of the sensors, largest first in each sector."""
    places = np.array([(x, y, SENSOR_HEIGHT) for x, y in points for _ in range(SECTORS)])
    headings = np.tile(np.arange(SECTORS) * 2 * math.pi / SECTORS, len(points))
    views = renderer.render(house_index, places, headings, 0.0, SIZE, SIZE * 2, 2 * math.pi / SECTORS, ("semantic",))
    return [_of_views(rows) for rows in views["semantic"].reshape(len(points), SECTORS, -1)]


def _of_views(rows: NDArray[np.int32]) -> tuple[Sight, ...]:
    best: dict[int, Sight] = {}
    for sector, pixels in enumerate(rows):
        found, counts = np.unique(pixels[pixels >= 0], return_counts=True)
        for index, count in zip(found.tolist(), counts.tolist(), strict=True):
            known = best.get(index)
            if count >= FEWEST_PIXELS and (known is None or count > known.pixels):
                best[index] = Sight(index, count, sector)
    return tuple(sorted(best.values(), key=lambda sight: (sight.sector, -sight.pixels, sight.index)))


def bearing(house: House, point: Point, index: int) -> tuple[float, float]:
    """Return heading (radians) and distance (metres, horizontal) of an object's centre from a point."""
    x, y, _ = house.objects[index].center
    return math.atan2(x - point[0], y - point[1]) % (2 * math.pi), math.hypot(x - point[0], y - point[1])
