"""Solids out of triangles. Whole millimetres throughout, so that the same house has the same bytes on every machine."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from envs.houses.house import Material

Triangles = NDArray[np.int64]
"""(n, 3, 3): triangles, corners counterclockwise from the front, (x, y, z) in millimetres."""

Corner = tuple[int, int, int]
Turn = tuple[int, int, int]
"""(c, s, d): a turn clockwise seen from above by cosine c/d and sine s/d, all whole: nothing is rounded twice."""

QUARTERS: tuple[Turn, ...] = ((1, 0, 1), (0, 1, 1), (-1, 0, 1), (0, -1, 1))
"""Headings 0, 90, 180 and 270 degrees."""

_SKEWS: tuple[Turn, ...] = ((24, 7, 25), (24, -7, 25), (12, 5, 13), (12, -5, 13))

_CIRCLES = {
    6: ((1000, 0), (500, 866), (-500, 866), (-1000, 0), (-500, -866), (500, -866)),
    8: ((924, 383), (383, 924), (-383, 924), (-924, 383), (-924, -383), (-383, -924), (383, -924), (924, -383)),
    12: (
        (966, 259), (707, 707), (259, 966), (-259, 966), (-707, 707), (-966, 259),
        (-966, -259), (-707, -707), (-259, -966), (259, -966), (707, -707), (966, -259),
    ),
}  # fmt: skip
"""Corners of regular polygons, thousandths of the radius; from a table because cosines differ between machines."""


def skewed(quarter: int, skew: int) -> Turn:
    """Return the heading of `quarter` quarter turns plus about 16 (skew 0, 1: right, left) or 23 degrees (2, 3)."""
    c, s, d = _SKEWS[skew]
    for _ in range(quarter % 4):
        c, s = -s, c
    return c, s, d


def turned(x: int, y: int, turn: Turn) -> tuple[int, int]:
    """Return a point after a turn round the origin, to the nearest millimetre."""
    c, s, d = turn
    return (2 * (x * c + y * s) + d) // (2 * d), (2 * (y * c - x * s) + d) // (2 * d)


class Shape:
    """Triangles with materials, in its own frame: x to the right, y to the front, z up, millimetres.

    Args:
        grounded: It rests on something at z = 0: faces down there are left out.
    """

    def __init__(self, grounded: bool = True) -> None:
        self.grounded = grounded
        self._triangles: list[Triangles] = []
        self._materials: list[Material] = []

    @property
    def parts(self) -> list[tuple[Triangles, Material]]:
        """Its triangles, with the material of each group."""
        return list(zip(self._triangles, self._materials, strict=True))

    @property
    def triangles(self) -> Triangles:
        """All its triangles."""
        return np.concatenate(self._triangles) if self._triangles else np.zeros((0, 3, 3), np.int64)

    def add(self, material: Material, triangles: Triangles) -> None:
        """Add triangles."""
        self._triangles.append(triangles)
        self._materials.append(material)

    def polygon(self, material: Material, *corners: Corner) -> None:
        """Add a flat convex face; corners counterclockwise from its front."""
        fan = [(corners[0], corners[i], corners[i + 1]) for i in range(1, len(corners) - 1)]
        self.add(material, np.array(fan, np.int64))

    def box(self, material: Material, x: tuple[int, int], y: tuple[int, int], z: tuple[int, int]) -> None:
        """Add a box from its extents along the axes."""
        corners = np.array([(a, b, c) for c in z for b in y for a in x], np.int64)
        self.add(material, corners[_BOX_ON_FLOOR if self.grounded and z[0] == 0 else _BOX])

    def frustum(
        self, material: Material, at: tuple[int, int], z: tuple[int, int], radii: tuple[int, int], sides: int = 8
    ) -> None:
        """Add an upright cylinder, or a cone's part: radii below and above."""
        low, high = (_ring(at, level, radius, sides) for level, radius in zip(z, radii, strict=True))
        for i in range(sides):
            j = (i + 1) % sides
            if radii[0] == 0:
                self.polygon(material, low[i], high[j], high[i])
            elif radii[1] == 0:
                self.polygon(material, low[i], low[j], high[i])
            else:
                self.polygon(material, low[i], low[j], high[j], high[i])
        if radii[1]:
            self.polygon(material, *high)
        if radii[0] and not (self.grounded and z[0] == 0):
            self.polygon(material, *reversed(low))

    def prism(self, material: Material, profile: Sequence[tuple[int, int]], x: tuple[int, int]) -> None:
        """Add a solid of one convex profile all along x.

        Args:
            material: Of all its faces.
            profile: (y, z) corners, counterclockwise seen from +x.
            x: Its extent.
        """
        near, far = ([(level, y, z) for y, z in profile] for level in x)
        for i in range(len(profile)):
            j = (i + 1) % len(profile)
            if self.grounded and profile[i][1] == profile[j][1] == 0:
                continue
            self.polygon(material, near[i], near[j], far[j], far[i])
        self.polygon(material, *far)
        self.polygon(material, *reversed(near))


def moved(triangles: Triangles, turn: Turn, offset: Corner) -> Triangles:
    """Return triangles after a turn round z and a shift."""
    c, s, d = turn
    x, y, z = triangles[..., 0], triangles[..., 1], triangles[..., 2]
    if d == 1:
        return np.stack((x * c + y * s + offset[0], y * c - x * s + offset[1], z + offset[2]), axis=-1)
    right, front = (2 * (x * c + y * s) + d) // (2 * d), (2 * (y * c - x * s) + d) // (2 * d)
    return np.stack((right + offset[0], front + offset[1], z + offset[2]), axis=-1)


def surface_coordinates(triangles: Triangles) -> NDArray[np.float32]:
    """Return texture coordinates (n, 3, 2) in metres that keep lengths: u level, v up (or along y on the flat)."""
    edges = triangles[:, 1:] - triangles[:, :1]
    normal = np.cross(edges[:, 0], edges[:, 1]).astype(np.float64)
    nx, ny, nz = normal[:, 0], normal[:, 1], normal[:, 2]
    level = np.sqrt(nx * nx + ny * ny)
    whole = np.sqrt(nx * nx + ny * ny + nz * nz)
    flat = level == 0
    safe, size = np.where(flat, 1.0, level), np.where(whole == 0, 1.0, whole)
    across = (np.where(flat, 1.0, -ny / safe), np.where(flat, 0.0, nx / safe))
    tilt = -nz / (safe * size)
    up = (np.where(flat, 0.0, nx * tilt), np.where(flat, 1.0, ny * tilt), np.where(flat, 0.0, level / size))
    x, y, z = (triangles[..., axis].astype(np.float64) for axis in range(3))
    u = x * across[0][:, None] + y * across[1][:, None]
    v = x * up[0][:, None] + y * up[1][:, None] + z * up[2][:, None]
    # Tenths of a millimetre: rounding hides that square roots and sums may differ in their last bit.
    return (np.rint(np.stack((u, v), axis=-1) * 10) / 10000).astype(np.float32)


def _ring(at: tuple[int, int], level: int, radius: int, sides: int) -> list[Corner]:
    return [
        (at[0] + (2 * x * radius + 1000) // 2000, at[1] + (2 * y * radius + 1000) // 2000, level)
        for x, y in _CIRCLES[sides]
    ]


# Corners of a box: bit 0 is x, bit 1 y, bit 2 z. Sides first, the face down last.
_BOX = np.array([
    (0, 1, 5), (0, 5, 4), (1, 3, 7), (1, 7, 5), (3, 2, 6), (3, 6, 7), (2, 0, 4), (2, 4, 6),
    (4, 5, 7), (4, 7, 6), (0, 2, 3), (0, 3, 1),
])  # fmt: skip
_BOX_ON_FLOOR = _BOX[:10]
