"""The made-up R2R data with made-up pictures, which depend on where and which way one looks only."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from envs.r2r.env import R2R
from navagent.geometry import view_direction, wrap
from navagent.types import Observation, View

WIDTH, HEIGHT, VFOV = 64, 48, math.radians(60)
HFOV = 2 * math.atan(math.tan(VFOV / 2) * WIDTH / HEIGHT)


def paint(place: str, index: int) -> NDArray[np.uint8]:
    """Return soft colours, (48, 64, 3), that no other place or view has."""
    low = np.random.default_rng(zlib.crc32(f"{place} {index}".encode())).integers(0, 256, (3, 4, 3), np.uint8)
    return np.asarray(PIL.Image.fromarray(low).resize((WIDTH, HEIGHT), PIL.Image.Resampling.BICUBIC))


class PicturedR2R(R2R):
    """R2R with a panorama of 36 views, as `HouseNavGraph` has one; everything is 2 m away."""

    gives = R2R.gives | {"panorama"}

    def panorama(self, sensors: Sequence[str] = ("rgb", "depth")) -> tuple[View, ...]:
        """Return the views."""
        depth = np.full((HEIGHT, WIDTH), 2.0, np.float32) if "depth" in sensors else None
        facing, place = self._poses[-1].heading, f"{self._episode.scene} {self._viewpoints[-1]}"
        return tuple(
            View(
                index,
                wrap(view_direction(index)[0] - facing),
                view_direction(index)[1],
                paint(place, index) if "rgb" in sensors else None,
                depth,
                HFOV,
            )
            for index in range(36)
        )

    def with_panorama(self, observation: Observation) -> Observation:
        """Return the observation as `rollout` gives it to a policy that needs pictures."""
        return replace(observation, panorama=self.panorama())
