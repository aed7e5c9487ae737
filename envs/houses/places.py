"""Houses ready to walk in and to look at, by their id; one of each for all workers."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from envs.houses.cache import load_house
from envs.houses.floor import Floor
from envs.houses.follower import Follower
from envs.houses.geodesic import Geodesic
from envs.houses.house import SENSOR_HEIGHT, Point
from envs.houses.render import PANORAMA_VFOV, Renderer
from envs.houses.textures import texture_atlas
from navagent.contracts import Shared
from navagent.errors import DataError
from navagent.geometry import view_direction, wrap
from navagent.types import View

PREFIX = "house_"


class Place(Shared):
    """A house; its parts hold no state of an episode and are made on first use.

    Attributes:
        house: The house.
        renderer: Draws it.
    """

    def __init__(self, seed: int, atlas: NDArray[np.uint8]) -> None:
        self.house = load_house(seed)
        self.renderer = Renderer([self.house], atlas)

    @cached_property
    def floor(self) -> Floor:
        """Where the agent's centre may be."""
        return Floor.of(self.house)

    @cached_property
    def geodesic(self) -> Geodesic:
        """Distances on the floor."""
        return Geodesic(self.floor)

    @cached_property
    def follower(self) -> Follower:
        """The oracle that emits primitive actions."""
        return Follower(self.geodesic)

    def panorama(
        self, point: Point, facing: float, front: float, height: int, sensors: Sequence[str]
    ) -> tuple[View, ...]:
        """Return R2R's 36 views from a point at the height of the sensors.

        Args:
            point: Where, metres.
            facing: The agent's heading, radians, which the views' own are relative to.
            front: Heading of step 0, radians.
            height: Of a picture, pixels; its width is 4/3 of that, as R2R's 640 x 480, its vertical angle 60 degrees.
            sensors: Which of "rgb" and "depth".
        """
        width = round(height * 4 / 3)
        hfov = 2 * math.atan(math.tan(PANORAMA_VFOV / 2) * width / height)
        camera = np.array([[*point, SENSOR_HEIGHT]])
        pictures = self.renderer.panorama(0, camera, width, height, hfov, sensors, front)
        rgb, depth = (pictures[name][0] if name in pictures else None for name in ("rgb", "depth"))
        return tuple(
            View(
                index,
                wrap(front + view_direction(index)[0] - facing),
                view_direction(index)[1],
                None if rgb is None else rgb[index],
                None if depth is None else depth[index],
                hfov,
            )
            for index in range(36)
        )


def check_houses(ids: Iterable[str]) -> None:
    """Refuse what is no house's id.

    Raises:
        DataError: One of them is not.
    """
    for house_id in ids:
        if not house_id.startswith(PREFIX) or not house_id.removeprefix(PREFIX).isdecimal():
            raise DataError(
                f"'{house_id}' is no house: NAVAGENT_DATA must be a folder that `navagent houses make` wrote."
            )


class Places(Shared):
    """Houses by their id, made on first use and shared by all workers."""

    def __init__(self) -> None:
        self._atlas = texture_atlas()
        self._places: dict[str, Place] = {}
        self._lock = threading.Lock()

    def __getitem__(self, house_id: str) -> Place:
        """Return a house.

        Raises:
            DataError: It is no house's id.
        """
        with self._lock:
            if house_id not in self._places:
                check_houses([house_id])
                self._places[house_id] = Place(int(house_id.removeprefix(PREFIX)), self._atlas)
            return self._places[house_id]
