"""From polygons to a visibility buffer: which polygon each pixel shows, and how far it is.

Scan conversion of convex polygons. A pixel belongs to a polygon if its centre does, a centre on an edge to the
polygon below or right of it (the top-left rule); an edge's crossings are computed from the same two corners in the
same order whichever polygon asks, in float64, so that neighbours leave no gap and no pixel twice.

A pixel is one int64 key: 1 / depth in fixed point, then the polygon's slot in the picture. 1 / depth is linear over
the picture, so a span of pixels is one addition and one maximum each, which compilers turn into vector instructions.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from envs.houses.jit import kernel
from envs.houses.sight import plan_slope, rooms_in_sight
from envs.houses.surfaces import MOST_CORNERS, Floats, Ints, Surfaces

NEAR = 0.05
"""Metres along the optical axis; nothing nearer is drawn."""

SLOT_BITS = 16
SLOT_MASK = (1 << SLOT_BITS) - 1
ONE = float(1 << (62 - SLOT_BITS - 5))
"""1 / metre in a key's upper part: the nearest depth, 20 / metre, fits in five bits."""

_EDGE_ON = 1e-6
"""Metres from a polygon's plane below which the camera sees its edge only."""

Keys = NDArray[np.int64]


@kernel
def aim(
    position: Floats, heading: float, elevation: float, width: int, height: int, hfov: float, camera: Floats
) -> None:
    """Write a camera: place (0:3), right (3:6), up (6:9), forward (9:12), focal length, optical centre (12:15)."""
    sine, cosine, rise, level = math.sin(heading), math.cos(heading), math.sin(elevation), math.cos(elevation)
    camera[0:3] = position
    camera[3], camera[4], camera[5] = cosine, -sine, 0.0
    camera[6], camera[7], camera[8] = -sine * rise, -cosine * rise, level
    camera[9], camera[10], camera[11] = sine * level, cosine * level, rise
    camera[12] = 0.5 * width / math.tan(0.5 * hfov)
    camera[13], camera[14] = 0.5 * width, 0.5 * height


@kernel
def _outside(box: Floats, camera: Floats, half_width: float, half_height: float) -> bool:
    """Whether a box lies wholly outside the picture or nearer than it begins."""
    x, y, z = box[0] - camera[0], box[1] - camera[1], box[2] - camera[2]
    ahead = x * camera[9] + y * camera[10] + z * camera[11]
    reach = box[3] * abs(camera[9]) + box[4] * abs(camera[10]) + box[5] * abs(camera[11])
    if ahead + reach < NEAR:
        return True
    for axis, slope in ((3, half_width), (6, half_height)):
        for side in (-1.0, 1.0):
            a = slope * camera[9] + side * camera[axis]
            b = slope * camera[10] + side * camera[axis + 1]
            c = slope * camera[11] + side * camera[axis + 2]
            if x * a + y * b + z * c + box[3] * abs(a) + box[4] * abs(b) + box[5] * abs(c) < 0:
                return True
    return False


@kernel
def _beside(box: Floats, camera: Floats, sine: float, cosine: float, low: float, high: float) -> bool:
    """Whether a box lies in plan wholly beside the slopes through which its room is seen."""
    x, y = box[0] - camera[0], box[1] - camera[1]
    for slope, side in ((low, 1.0), (high, -1.0)):
        if abs(slope) < 1e6:
            a, b = side * (cosine - slope * sine), side * (-sine - slope * cosine)
            if x * a + y * b + box[3] * abs(a) + box[4] * abs(b) < 0:
                return True
    return False


@kernel
def _project(vertices: Floats, first: int, last: int, camera: Floats, seen: Floats) -> bool:
    """Write (4, n): picture x, y in pixels, 1 / depth, depth of a group's vertices; return whether one is too near."""
    focal, middle, horizon = camera[12], camera[13], camera[14]
    nearest = np.inf
    for k in range(last - first):
        x, y, z = (
            vertices[0, first + k] - camera[0],
            vertices[1, first + k] - camera[1],
            vertices[2, first + k] - camera[2],
        )
        depth = x * camera[9] + y * camera[10] + z * camera[11]
        inverse = 1.0 / depth
        seen[0, k] = middle + focal * (x * camera[3] + y * camera[4] + z * camera[5]) * inverse
        seen[1, k] = horizon - focal * (x * camera[6] + y * camera[7] + z * camera[8]) * inverse
        seen[2, k] = inverse
        seen[3, k] = depth
        nearest = min(nearest, depth)
    return nearest < NEAR


@kernel
def _cut(seen: Floats, a: int, b: int, middle: float, horizon: float, shape: Floats, n: int) -> None:
    """Write the corner where the edge from a, in front of the near plane, to b, behind it, meets the plane."""
    share = (seen[3, a] - NEAR) / (seen[3, a] - seen[3, b])
    for axis, centre in ((0, middle), (1, horizon)):
        from_a, from_b = (seen[axis, a] - centre) * seen[3, a], (seen[axis, b] - centre) * seen[3, b]
        shape[axis, n] = centre + (from_a + (from_b - from_a) * share) / NEAR
    shape[2, n] = 1.0 / NEAR


@kernel
def _clip(corners: Ints, first: int, last: int, seen: Floats, camera: Floats, shape: Floats) -> int:
    """Write a polygon's corners in front of the near plane; return how many."""
    n, previous = 0, corners[last - 1]
    for k in range(first, last):
        corner = corners[k]
        here, before = seen[3, corner] >= NEAR, seen[3, previous] >= NEAR
        if here and not before:
            _cut(seen, corner, previous, camera[13], camera[14], shape, n)
            n += 1
        if before and not here:
            _cut(seen, previous, corner, camera[13], camera[14], shape, n)
            n += 1
        if here:
            shape[0, n], shape[1, n], shape[2, n] = seen[0, corner], seen[1, corner], seen[2, corner]
            n += 1
        previous = corner
    return n


@kernel
def _gather(corners: Ints, first: int, last: int, seen: Floats, shape: Floats) -> int:
    """Write a polygon's corners, all of them in front of the near plane; return how many."""
    for k in range(last - first):
        corner = corners[first + k]
        shape[0, k], shape[1, k], shape[2, k] = seen[0, corner], seen[1, corner], seen[2, corner]
    return last - first


@kernel
def _row(value: float, most: int) -> int:
    """First row (or column) whose centre is not before a coordinate, within the picture."""
    return int(math.ceil(min(max(value - 0.5, 0.0), float(most))))


@kernel
def _spans(shape: Floats, n: int, width: int, height: int, left: Ints, right: Ints) -> None:
    """Write first and last + 1 pixel of every row of a convex polygon whose front is seen."""
    ax, ay = shape[0, n - 1], shape[1, n - 1]
    for k in range(n):
        bx, by = shape[0, k], shape[1, k]
        if by > ay:  # a front's edges run down its left and up its right
            top, x, slope, start, ends = ay, ax, (bx - ax) / (by - ay), _row(ay, height), _row(by, height)
            for row in range(start, ends):
                left[row] = int(math.ceil(min(max(x + (row + 0.5 - top) * slope - 0.5, 0.0), float(width))))
        elif by < ay:
            top, x, slope, start, ends = by, bx, (ax - bx) / (ay - by), _row(by, height), _row(ay, height)
            for row in range(start, ends):
                right[row] = int(math.ceil(min(max(x + (row + 0.5 - top) * slope - 0.5, 0.0), float(width))))
        ax, ay = bx, by


@kernel
def _fill(
    keys: Keys,
    width: int,
    top: int,
    bottom: int,
    left: Ints,
    right: Ints,
    w: Floats,
    low: float,
    high: float,
    slot: int,
) -> None:
    """Let a polygon's spans compete for their pixels; `w`: 1 / depth at the picture's corner, its steps in x and y."""
    most = 20.0 * ONE
    step = np.int64(min(max(w[1] * ONE, -most), most)) << SLOT_BITS
    for row in range(top, bottom):
        start, end = left[row], right[row]
        if start < end:
            first = min(max(w[0] + w[1] * (start + 0.5) + w[2] * (row + 0.5), low), high)
            key = (np.int64(first * ONE) << SLOT_BITS) | slot
            at = row * width + start
            for k in range(end - start):
                keys[at + k] = max(keys[at + k], key + k * step)


@kernel
def _slopes(plane: Floats, height: float, camera: Floats, w: Floats) -> None:
    """Write 1 / depth of a plane as a linear function of picture x and y; `height`: camera above the plane, metres."""
    scale = -1.0 / height
    right = plane[0] * camera[3] + plane[1] * camera[4] + plane[2] * camera[5]
    up = plane[0] * camera[6] + plane[1] * camera[7] + plane[2] * camera[8]
    forward = plane[0] * camera[9] + plane[1] * camera[10] + plane[2] * camera[11]
    w[1] = scale * right / camera[12]
    w[2] = -scale * up / camera[12]
    w[0] = scale * forward - w[1] * camera[13] - w[2] * camera[14]


@kernel
def _draw_group(
    scene: Surfaces,
    group: int,
    camera: Floats,
    width: int,
    height: int,
    keys: Keys,
    slots: Ints,
    used: int,
    scratch: Floats,
) -> int:
    """Draw the polygons of one group; returns how many slots are used then."""
    plane, corners, polygon_corners = scene.plane, scene.corners, scene.polygon_corners
    seen, shape, w = scratch[4:], scratch[0:3, : 2 * MOST_CORNERS], scratch[3, :3]
    left, right = np.empty(height, np.int32), np.empty(height, np.int32)
    close = _project(scene.vertices, scene.group_vertices[group], scene.group_vertices[group + 1], camera, seen)
    for polygon in range(scene.group_polygons[group], scene.group_polygons[group + 1]):
        above = (
            plane[polygon, 0] * camera[0]
            + plane[polygon, 1] * camera[1]
            + plane[polygon, 2] * camera[2]
            - plane[polygon, 3]
        )
        if above <= _EDGE_ON:
            continue
        first, last = polygon_corners[polygon], polygon_corners[polygon + 1]
        n = _clip(corners, first, last, seen, camera, shape) if close else _gather(corners, first, last, seen, shape)
        if n < 3:
            continue
        bottom, top = _row(shape[1, :n].max(), height), _row(shape[1, :n].min(), height)
        if top >= bottom or _row(shape[0, :n].min(), width) >= _row(shape[0, :n].max(), width):
            continue
        _spans(shape, n, width, height, left, right)
        _slopes(plane[polygon], above, camera, w)
        used += 1
        slots[used] = polygon
        _fill(keys, width, top, bottom, left, right, w, shape[2, :n].min(), shape[2, :n].max(), used)
    return used


@kernel
def draw(
    scene: Surfaces,
    house: int,
    camera: Floats,
    width: int,
    height: int,
    doors: bool,
    keys: Keys,
    slots: Ints,
    scratch: Floats,
) -> int:
    """Draw one picture into a visibility buffer.

    Args:
        scene: The houses.
        house: Index of the house.
        camera: From `aim`.
        width: Pixels.
        height: Pixels.
        doors: Whether to skip rooms that no chain of doors shows.
        keys: (height x width,) zeros, written.
        slots: (SLOT_MASK + 1,), written: polygon per slot; slot 0 is nothing.
        scratch: (8, at least most vertices of a group and 2 x MOST_CORNERS) space for vertices.

    Returns:
        The last slot used.
    """
    half_width, half_height = camera[13] / camera[12], camera[14] / camera[12]
    sine, cosine = -camera[4], camera[3]
    elevation = math.asin(min(max(camera[11], -1.0), 1.0))
    slope = plan_slope(elevation, half_width, half_height) if doors else np.inf
    rooms = scene.house_rooms[house + 1] - scene.house_rooms[house]
    order, view = np.empty(rooms, np.int32), np.empty((rooms, 2))
    used = 0
    for k in range(rooms_in_sight(scene, house, camera[0], camera[1], sine, cosine, slope, order, view)):
        room, low, high = order[k], view[k, 0], view[k, 1]
        for group in range(scene.room_groups[room], scene.room_groups[room + 1]):
            box = scene.group_box[group]
            if _outside(box, camera, half_width, half_height) or _beside(box, camera, sine, cosine, low, high):
                continue
            used = _draw_group(scene, group, camera, width, height, keys, slots, used, scratch)
    return used
