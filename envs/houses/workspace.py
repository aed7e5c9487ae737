"""What one thread needs to draw pictures, made once: compiled code that allocates nothing runs on any number of cores.

Numba counts references to every array that a kernel allocates or slices, with atomic instructions that cores wait for
each other at. So kernels take whole arrays and an offset, and write to these.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.houses.surfaces import MOST_CORNERS, Floats, Ints, Surfaces

BLOCK = 16
"""Pixels that are coloured together; rows are longer by as many, so that the last block of a row may overhang."""

DEEPEST = 256
"""Ways from room to room that are followed in one picture; with more, every room is drawn."""


class Workspace(NamedTuple):
    """Space to write to, for the largest house and the largest picture; a smaller picture uses the beginning.

    Attributes:
        keys: (pixels,) visibility buffer.
        slots: (polygons of a house + 1,) polygon per slot; slot 0 is nothing.
        camera: (16,) from `envs.houses.raster.aim`.
        rooms: (rooms of a house,) those in sight, nearest first.
        windows: (rooms of a house, 2) interval of slopes through which the room at the same place of `rooms` is seen.
        place: (rooms of a house,) where a room is in `rooms`, or -1.
        stack: (DEEPEST,) rooms to look into.
        intervals: (DEEPEST, 2) slopes through which to look into each.
        passed: (DEEPEST,) doors passed on the way to each, as bits.
        seen: (4, vertices of a group) picture x, y in pixels, 1 / depth, depth.
        shape: (3, 2 x MOST_CORNERS) corners of one polygon: picture x, y in pixels, 1 / depth.
        left: (height,) first pixel of a polygon's rows.
        right: (height,) last pixel + 1.
        maps: (16 x slots,) texture coordinates of each slot's polygon, see `envs.houses.shade`.
        looks: (2 x slots,) texture and colour of each slot's polygon.
        ids: (slots,) semantic id of each slot's polygon, -1 of slot 0.
        row_slots: (width + BLOCK,) slot of each pixel of a row.
        row_depth: (width + BLOCK,) metres.
        row_light: (width + BLOCK,) share of the light that is left.
        row_texels: (width + BLOCK,) place of the texel in the atlas.
        row_paint: (width + BLOCK,) colour of the polygon, packed.
    """

    keys: NDArray[np.int64]
    slots: Ints
    camera: Floats
    rooms: Ints
    windows: Floats
    place: Ints
    stack: Ints
    intervals: Floats
    passed: NDArray[np.int64]
    seen: Floats
    shape: Floats
    left: Ints
    right: Ints
    maps: NDArray[np.float32]
    looks: Ints
    ids: Ints
    row_slots: Ints
    row_depth: NDArray[np.float32]
    row_light: NDArray[np.float32]
    row_texels: Ints
    row_paint: Ints


def workspace(scene: Surfaces, pixels: int, width: int, height: int) -> Workspace:
    """Return space for pictures of at most so many pixels, columns and rows."""
    rooms = int(np.diff(scene.house_rooms).max())
    slots = most_polygons(scene) + 1
    vertices = int(np.diff(scene.group_vertices).max(initial=1))
    return Workspace(
        keys=np.zeros(pixels, np.int64),
        slots=np.zeros(slots, np.int32),
        camera=np.zeros(16),
        rooms=np.zeros(rooms, np.int32),
        windows=np.zeros((rooms, 2)),
        place=np.zeros(rooms, np.int32),
        stack=np.zeros(DEEPEST, np.int32),
        intervals=np.zeros((DEEPEST, 2)),
        passed=np.zeros(DEEPEST, np.int64),
        seen=np.zeros((4, vertices)),
        shape=np.zeros((3, 2 * MOST_CORNERS)),
        left=np.zeros(height, np.int32),
        right=np.zeros(height, np.int32),
        maps=np.zeros(16 * slots, np.float32),
        looks=np.zeros(2 * slots, np.int32),
        ids=np.zeros(slots, np.int32),
        row_slots=np.zeros(width + BLOCK, np.int32),
        row_depth=np.zeros(width + BLOCK, np.float32),
        row_light=np.zeros(width + BLOCK, np.float32),
        row_texels=np.zeros(width + BLOCK, np.int32),
        row_paint=np.zeros(width + BLOCK, np.int32),
    )


def most_polygons(scene: Surfaces) -> int:
    """Most polygons of any house."""
    groups = scene.room_groups[scene.house_rooms]
    return int(np.diff(scene.group_polygons[groups]).max())
