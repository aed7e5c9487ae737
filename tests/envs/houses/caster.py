"""A ray caster that shares nothing with the rasteriser: triangles as they are, a bounding volume hierarchy, float64."""

from __future__ import annotations

import math
from typing import Any

import numba  # type: ignore[import-untyped, unused-ignore]
import numpy as np
from numpy.typing import NDArray

from envs.houses.house import House

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NEAREST = 0.05
"""Metres along the optical axis; nothing nearer is seen."""

_LEAF = 4


class Caster:
    """Casts rays into a house; only the fronts of triangles stop them.

    Args:
        house: The house.
    """

    def __init__(self, house: House) -> None:
        corners = house.mesh.vertices.astype(np.float64)[house.mesh.triangles]
        low, high, order = corners.min(axis=1), corners.max(axis=1), np.arange(len(corners))
        nodes: list[tuple[Floats, int, int, int]] = []

        def build(first: int, last: int) -> int:
            """Add the node of `order[first:last]` and all below it; children lie at node + 1 and at its second."""
            node, own = len(nodes), order[first:last]
            box = np.concatenate([low[own].min(axis=0), high[own].max(axis=0)])
            nodes.append((box, first, last, -1))
            if last - first > _LEAF:
                middle = (low[own] + high[own]) / 2
                order[first:last] = own[np.argsort(middle[:, np.argmax(np.ptp(middle, axis=0))], kind="stable")]
                half = (first + last) // 2
                build(first, half)
                nodes[node] = (box, first, last, build(half, last))
            return node

        build(0, len(order))
        self._boxes = np.array([box for box, *_ in nodes])
        self._ranges = np.array([rest for _, *rest in nodes], np.int64)
        self._corners, self._order = np.ascontiguousarray(corners[order]), order

    def cast(self, origin: Floats, rays: Floats) -> tuple[Floats, Ints]:
        """Cast rays from one place.

        Args:
            origin: (3,) metres.
            rays: (N, 3), of unit length along the optical axis.

        Returns:
            Depth along the optical axis in metres, infinite where nothing is, and triangle, -1 where nothing is; (N,).
        """
        depth, found = np.empty(len(rays)), np.empty(len(rays), np.int64)
        _cast(self._boxes, self._ranges, self._corners, origin, rays, depth, found)
        return depth, np.where(found < 0, -1, self._order[found])


def rays_through(
    heading: float, elevation: float, size: int, hfov: float, rows: NDArray[Any], columns: NDArray[Any]
) -> Floats:
    """Return (N, 3) rays through places of a square picture, in pixels from its upper left corner."""
    forward = np.array(
        [math.cos(elevation) * math.sin(heading), math.cos(elevation) * math.cos(heading), math.sin(elevation)]
    )
    right = np.array([math.cos(heading), -math.sin(heading), 0.0])
    up = np.cross(right, forward)
    focal = size / 2 / math.tan(hfov / 2)
    x, y = (columns - size / 2) / focal, (size / 2 - rows) / focal
    rays: Floats = forward + x[:, None] * right + y[:, None] * up
    return rays


@numba.njit(cache=True, error_model="numpy")  # type: ignore[untyped-decorator, unused-ignore]
def _meets(box: Floats, origin: Floats, ray: Floats, furthest: float) -> bool:
    """Whether a ray meets a box nearer than the given depth (slabs)."""
    start, end = 0.0, furthest
    for axis in range(3):
        if ray[axis] == 0.0:
            if origin[axis] < box[axis] - 1e-9 or origin[axis] > box[axis + 3] + 1e-9:
                return False
            continue
        near, far = (box[axis] - 1e-9 - origin[axis]) / ray[axis], (box[axis + 3] + 1e-9 - origin[axis]) / ray[axis]
        start, end = max(start, min(near, far)), min(end, max(near, far))
    return start <= end


@numba.njit(cache=True, error_model="numpy")  # type: ignore[untyped-decorator, unused-ignore]
def _hit(corners: Floats, origin: Floats, ray: Floats) -> float:
    """Depth at which a ray meets the front of a triangle, or infinity (Moller and Trumbore, 1997)."""
    a, b, c = corners[0], corners[1], corners[2]
    ab, ac, to = b - a, c - a, origin - a
    p = np.cross(ray, ac)
    facing = np.dot(ab, p)
    if facing <= 1e-14:
        return np.inf
    q = np.cross(to, ab)
    u, v = np.dot(to, p) / facing, np.dot(ray, q) / facing
    if u < -1e-9 or v < -1e-9 or u + v > 1 + 1e-9:
        return np.inf
    depth = np.dot(ac, q) / facing
    return depth if depth >= NEAREST else np.inf


@numba.njit(cache=True, error_model="numpy")  # type: ignore[untyped-decorator, unused-ignore]
def _cast(
    boxes: Floats, ranges: Ints, corners: Floats, origin: Floats, rays: Floats, depth: Floats, found: Ints
) -> None:
    """Write nearest hit's depth and place of its triangle for every ray."""
    stack = np.empty(128, np.int64)
    for i in range(len(rays)):
        depth[i], found[i], stack[0], size = np.inf, -1, 0, 1
        while size > 0:
            size -= 1
            node = stack[size]
            if not _meets(boxes[node], origin, rays[i], depth[i]):
                continue
            if ranges[node, 2] >= 0:
                stack[size], stack[size + 1], size = ranges[node, 2], node + 1, size + 2
                continue
            for k in range(ranges[node, 0], ranges[node, 1]):
                at = _hit(corners[k], origin, rays[i])
                if at < depth[i]:
                    depth[i], found[i] = at, k
