"""Which kinds of objects and rooms agents have in view: what a network that learns to see can be asked about."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from envs.houses.house import House
from envs.houses.jit import kernel
from envs.houses.plan import ROOM_CATEGORIES
from envs.houses.render import Renderer

OBJECTS = (
    "TV",
    "TV stand",
    "armchair",
    "bath mat",
    "bathtub",
    "bed",
    "bench",
    "bookshelf",
    "cabinet",
    "chair",
    "clock",
    "coat rack",
    "coffee table",
    "computer",
    "console table",
    "curtain",
    "desk",
    "dining table",
    "door",
    "doorway",
    "dresser",
    "dryer",
    "floor lamp",
    "fridge",
    "front door",
    "ironing board",
    "kitchen counter",
    "laundry basket",
    "microwave",
    "mirror",
    "nightstand",
    "office chair",
    "picture",
    "plant",
    "range hood",
    "rug",
    "shelf",
    "shoe rack",
    "shower",
    "side table",
    "sideboard",
    "sink",
    "sofa",
    "stool",
    "stove",
    "table lamp",
    "toilet",
    "towel",
    "trash can",
    "wardrobe",
    "washbasin",
    "washing machine",
    "window",
)
"""All categories of objects but wall, floor, ceiling and ceiling lamp, which are everywhere."""

KINDS = (*OBJECTS, *ROOM_CATEGORIES)
"""What can be in view: an object of a category, or anything that belongs to a room of a category."""

THIRDS = 3
"""Parts of a view, from left to right."""

_PIXELS = 24
"""Of a view's width: a pixel is 3.75 degrees wide at an angle of view of 90, a chair (0.5 m) at 5 m one and a half."""


class InView:
    """Looks what agents have in view.

    Args:
        houses: The houses that agents may be in.
        renderer: Draws them, in the same order.
    """

    def __init__(self, houses: Sequence[House], renderer: Renderer) -> None:
        self._renderer = renderer
        tables = [_kinds_of(house) for house in houses]
        self._first = np.cumsum([0, *(len(table) for table in tables)])[:-1]
        self._kinds = np.concatenate(tables)

    def of(
        self,
        house: NDArray[np.int64],
        cameras: NDArray[np.float64],
        headings: NDArray[np.float64],
        hfov: float,
        proportion: float,
    ) -> NDArray[np.bool_]:
        """Return (N, `THIRDS` * kinds): for the left, middle and right third of each view, which `KINDS` are in it.

        Args:
            house: (N,) which house each camera is in.
            cameras: (N, 3) metres.
            headings: (N,) radians.
            hfov: Horizontal angle of view, radians.
            proportion: Of a view's height to its width.
        """
        height = max(1, round(_PIXELS * proportion))
        views = self._renderer.render(house, cameras, headings, 0.0, _PIXELS, height, hfov, ("semantic",))["semantic"]
        found = np.zeros((len(views), THIRDS, len(KINDS) + 1), np.bool_)
        _mark(views, self._first[house], self._kinds, found)
        return found[:, :, :-1].reshape(len(views), -1)


@kernel
def _mark(
    views: NDArray[np.int32], first: NDArray[np.int64], kinds: NDArray[np.int64], found: NDArray[np.bool_]
) -> None:
    """Mark in (N, thirds, kinds + 1) what (N, H, W) ids show; `first` (N,) is where an agent's house is in `kinds`."""
    agents, height, width = views.shape
    for agent in range(agents):
        for row in range(height):
            for column in range(width):
                thing = views[agent, row, column]
                if thing >= 0:
                    third = column * found.shape[1] // width
                    found[agent, third, kinds[first[agent] + thing, 0]] = True
                    found[agent, third, kinds[first[agent] + thing, 1]] = True


@lru_cache(maxsize=256)
def _kinds_of(house: House) -> NDArray[np.int64]:
    """Return (objects, 2): the index in `KINDS` of each object's category and of its room's; `len(KINDS)` is none."""
    known = {kind: index for index, kind in enumerate(KINDS)}
    rows = [(thing.category, house.rooms[thing.room].category) for thing in house.objects]
    return np.array([[known.get(kind, len(KINDS)) for kind in row] for row in rows]).reshape(-1, 2)
