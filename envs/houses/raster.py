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

from envs.houses.jit import Index, part
from envs.houses.sight import plan_slope, rooms_in_sight
from envs.houses.surfaces import Floats, Ints, Surfaces
from envs.houses.workspace import Workspace

NEAR = 0.05
"""Metres along the optical axis; nothing nearer is drawn."""

SLOT_BITS = 16
SLOT_MASK = (1 << SLOT_BITS) - 1
ONE = float(1 << (62 - SLOT_BITS - 5))
"""1 / metre in a key's upper part: the nearest depth, 20 / metre, fits in five bits."""

_EDGE_ON = 1e-6
"""Metres from a polygon's plane below which the camera sees its edge only."""

Keys = NDArray[np.int64]


@part
def aim(poses: Floats, view: int, width: int, height: int, hfov: float, camera: Floats) -> None:
    """Write a camera: place (0:3), right (3:6), up (6:9), forward (9:12), focal length, optical centre (12:15)."""
    heading, elevation = poses[view, 3], poses[view, 4]
    sine, cosine, rise, level = math.sin(heading), math.cos(heading), math.sin(elevation), math.cos(elevation)
    camera[0], camera[1], camera[2] = poses[view, 0], poses[view, 1], poses[view, 2]
    camera[3], camera[4], camera[5] = cosine, -sine, 0.0
    camera[6], camera[7], camera[8] = -sine * rise, -cosine * rise, level
    camera[9], camera[10], camera[11] = sine * level, cosine * level, rise
    camera[12] = 0.5 * width / math.tan(0.5 * hfov)
    camera[13], camera[14] = 0.5 * width, 0.5 * height


@part
def _outside(box: Floats, group: int, camera: Floats, half_width: float, half_height: float) -> bool:
    """Whether a group's box lies wholly outside the picture or nearer than it begins."""
    x, y, z = box[group, 0] - camera[0], box[group, 1] - camera[1], box[group, 2] - camera[2]
    wide, deep, high = box[group, 3], box[group, 4], box[group, 5]
    ahead = x * camera[9] + y * camera[10] + z * camera[11]
    reach = wide * abs(camera[9]) + deep * abs(camera[10]) + high * abs(camera[11])
    if ahead + reach < NEAR:
        return True
    for axis, slope in ((3, half_width), (6, half_height)):
        for side in (-1.0, 1.0):
            a = slope * camera[9] + side * camera[axis]
            b = slope * camera[10] + side * camera[axis + 1]
            c = slope * camera[11] + side * camera[axis + 2]
            if x * a + y * b + z * c + wide * abs(a) + deep * abs(b) + high * abs(c) < 0:
                return True
    return False


@part
def _beside(box: Floats, group: int, camera: Floats, sine: float, cosine: float, low: float, high: float) -> bool:
    """Whether a group's box lies in plan wholly beside the slopes through which its room is seen."""
    x, y = box[group, 0] - camera[0], box[group, 1] - camera[1]
    for slope, side in ((low, 1.0), (high, -1.0)):
        if abs(slope) < 1e6:
            a, b = side * (cosine - slope * sine), side * (-sine - slope * cosine)
            if x * a + y * b + box[group, 3] * abs(a) + box[group, 4] * abs(b) < 0:
                return True
    return False


@part
def _close(box: Floats, group: int, camera: Floats) -> bool:
    """Whether a group's box reaches nearer than the picture begins, so that polygons may have to be cut."""
    ahead = (
        (box[group, 0] - camera[0]) * camera[9]
        + (box[group, 1] - camera[1]) * camera[10]
        + (box[group, 2] - camera[2]) * camera[11]
    )
    reach = box[group, 3] * abs(camera[9]) + box[group, 4] * abs(camera[10]) + box[group, 5] * abs(camera[11])
    return bool(ahead - reach < NEAR + _EDGE_ON)


@part
def _project(vertices: Floats, first: int, last: int, camera: Floats, seen: Floats) -> None:
    """Write (4, n): picture x, y in pixels, 1 / depth, depth of a group's vertices."""
    focal, middle, horizon = camera[12], camera[13], camera[14]
    start = Index(first)
    for k in range(Index(last - first)):
        x, y, z = (
            vertices[0, start + k] - camera[0],
            vertices[1, start + k] - camera[1],
            vertices[2, start + k] - camera[2],
        )
        depth = x * camera[9] + y * camera[10] + z * camera[11]
        inverse = 1.0 / depth
        seen[0, k] = middle + focal * (x * camera[3] + y * camera[4] + z * camera[5]) * inverse
        seen[1, k] = horizon - focal * (x * camera[6] + y * camera[7] + z * camera[8]) * inverse
        seen[2, k] = inverse
        seen[3, k] = depth


@part
def _cut(seen: Floats, a: int, b: int, middle: float, horizon: float, shape: Floats, n: int) -> None:
    """Write the corner where the edge from a, in front of the near plane, to b, behind it, meets the plane."""
    share = (seen[3, a] - NEAR) / (seen[3, a] - seen[3, b])
    for axis, centre in ((0, middle), (1, horizon)):
        from_a, from_b = (seen[axis, a] - centre) * seen[3, a], (seen[axis, b] - centre) * seen[3, b]
        shape[axis, n] = centre + (from_a + (from_b - from_a) * share) / NEAR
    shape[2, n] = 1.0 / NEAR


@part
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


@part
def _gather(corners: Ints, first: int, last: int, seen: Floats, shape: Floats) -> int:
    """Write a polygon's corners, all of them in front of the near plane; return how many."""
    for k in range(last - first):
        corner = corners[first + k]
        shape[0, k], shape[1, k], shape[2, k] = seen[0, corner], seen[1, corner], seen[2, corner]
    return last - first


@part
def _range(shape: Floats, axis: int, n: int) -> tuple[float, float]:
    """Least and greatest of the corners' x (axis 0), y (1) or 1 / depth (2)."""
    low = high = shape[axis, 0]
    for k in range(1, n):
        low, high = min(low, shape[axis, k]), max(high, shape[axis, k])
    return low, high


@part
def _row(value: float, most: int) -> int:
    """First row (or column) whose centre is not before a coordinate, within the picture."""
    return int(math.ceil(min(max(value - 0.5, 0.0), float(most))))


@part
def _spans(shape: Floats, n: int, width: int, height: int, left: Ints, right: Ints) -> None:
    """Write first and last + 1 pixel of every row of a convex polygon whose front is seen."""
    ax, ay = shape[0, n - 1], shape[1, n - 1]
    for k in range(n):
        bx, by = shape[0, k], shape[1, k]
        if by > ay:  # a front's edges run down its left and up its right
            _edge(ax, ay, bx, by, width, height, left)
        elif by < ay:
            _edge(bx, by, ax, ay, width, height, right)
        ax, ay = bx, by


@part
def _edge(x: float, top: float, end_x: float, end_y: float, width: int, height: int, columns: Ints) -> None:
    """Write the first pixel right of an edge for every row that the edge crosses; it runs down from (x, top)."""
    slope, start, end = (end_x - x) / (end_y - top), _row(top, height), _row(end_y, height)
    for k in range(Index(max(end - start, 0))):
        row = np.float64(np.int32(start) + np.int32(k))
        columns[Index(start) + k] = np.int32(np.ceil(min(max(x + (row + 0.5 - top) * slope - 0.5, 0.0), float(width))))


@part
def _fill(
    keys: Keys,
    width: int,
    top: int,
    bottom: int,
    left: Ints,
    right: Ints,
    slopes: tuple[float, float, float],
    low: float,
    high: float,
    slot: int,
) -> None:
    """Let a polygon's spans compete for their pixels; `slopes`: from `_slopes`, `low` and `high`: of 1 / depth."""
    corner, across, down = slopes
    most = 20.0 * ONE
    step = np.int64(min(max(across * ONE, -most), most)) << SLOT_BITS
    for row in range(top, bottom):
        start, end = left[row], right[row]
        if start < end:
            first = min(max(corner + across * (start + 0.5) + down * (row + 0.5), low), high)
            key = (np.int64(first * ONE) << SLOT_BITS) | slot
            at = Index(row * width + start)
            for k in range(Index(end - start)):
                keys[at + k] = max(keys[at + k], key + np.int64(k) * step)


@part
def _slopes(plane: Floats, polygon: int, height: float, camera: Floats) -> tuple[float, float, float]:
    """1 / depth of a plane at the picture's corner and its steps in x and y; `height`: camera above it, metres."""
    scale, x, y, z = -1.0 / height, plane[polygon, 0], plane[polygon, 1], plane[polygon, 2]
    across = scale * (x * camera[3] + y * camera[4] + z * camera[5]) / camera[12]
    down = -scale * (x * camera[6] + y * camera[7] + z * camera[8]) / camera[12]
    forward = scale * (x * camera[9] + y * camera[10] + z * camera[11])
    return forward - across * camera[13] - down * camera[14], across, down


@part
def _draw_group(
    scene: Surfaces,
    group: int,
    close: bool,
    camera: Floats,
    width: int,
    height: int,
    used: int,
    space: Workspace,
) -> int:
    """Draw the polygons of one group; returns how many slots are used then."""
    plane, corners, polygon_corners = scene.plane, scene.corners, scene.polygon_corners
    seen, shape, left, right = space.seen, space.shape, space.left, space.right
    _project(scene.vertices, scene.group_vertices[group], scene.group_vertices[group + 1], camera, seen)
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
        low, high = _range(shape, 1, n)
        top, bottom = _row(low, height), _row(high, height)
        if top >= bottom:
            continue
        low, high = _range(shape, 0, n)
        if _row(low, width) >= _row(high, width):
            continue
        low, high = _range(shape, 2, n)
        _spans(shape, n, width, height, left, right)
        used += 1
        space.slots[used] = polygon
        _fill(space.keys, width, top, bottom, left, right, _slopes(plane, polygon, above, camera), low, high, used)
    return used


@part
def draw(scene: Surfaces, house: int, camera: Floats, width: int, height: int, doors: bool, space: Workspace) -> int:
    """Draw one picture into the visibility buffer.

    Args:
        scene: The houses.
        house: Index of the house.
        camera: From `aim`.
        width: Pixels.
        height: Pixels.
        doors: Whether to skip rooms that no chain of doors shows.
        space: Its `keys` and `slots` are written.

    Returns:
        The last slot used.
    """
    half_width, half_height = camera[13] / camera[12], camera[14] / camera[12]
    sine, cosine = -camera[4], camera[3]
    elevation = math.asin(min(max(camera[11], -1.0), 1.0))
    slope = plan_slope(elevation, half_width, half_height) if doors else np.inf
    rooms, windows, box, room_groups = space.rooms, space.windows, scene.group_box, scene.room_groups
    used = 0
    space.keys[: width * height] = 0
    for k in range(rooms_in_sight(scene, house, camera[0], camera[1], sine, cosine, slope, space)):
        low, high = windows[k, 0], windows[k, 1]
        for group in range(room_groups[rooms[k]], room_groups[rooms[k] + 1]):
            if _outside(box, group, camera, half_width, half_height):
                continue
            if _beside(box, group, camera, sine, cosine, low, high):
                continue
            used = _draw_group(scene, group, _close(box, group, camera), camera, width, height, used, space)
    return used
