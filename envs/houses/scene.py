"""Collects the triangles, materials and objects of a house while it is built."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from envs.houses.house import Material, Mesh, Object
from envs.houses.solids import Corner, Shape, Triangles, Turn, moved, surface_coordinates


class Scene:
    """A house in the making; lengths in millimetres."""

    def __init__(self) -> None:
        self.objects: list[Object] = []
        self.materials: dict[Material, int] = {}
        self._triangles: list[Triangles] = []
        self._uvs: list[NDArray[np.float32]] = []
        self._labels: list[tuple[int, int, int, int]] = []

    def register(self, category: str, color: str, room: int, center: Corner, size: Corner, turn: Turn) -> int:
        """Add an object and return its index; its front faces `turn`."""
        yaw = round(math.atan2(turn[1], turn[0]) % (2 * math.pi), 6)
        self.objects.append(Object(category, color, room, _metres(center), _metres(size), yaw))
        return len(self.objects) - 1

    def add(self, shape: Shape, instance: int, room: int, turn: Turn, offset: Corner) -> None:
        """Put a shape somewhere; texture coordinates stay those of its own frame."""
        if not shape.parts:
            return
        local = shape.triangles
        self._triangles.append(moved(local, turn, offset))
        self._uvs.append(surface_coordinates(local))
        for triangles, material in shape.parts:
            index = self.materials.setdefault(material, len(self.materials))
            self._labels.append((len(triangles), index, instance, room))

    def mesh(self) -> Mesh:
        """Return all triangles, with each corner kept once."""
        corners = np.concatenate(self._triangles).reshape(-1, 3)
        base = corners.min(axis=0)
        spans = corners.max(axis=0) - base + 1
        shifted = corners - base
        keys = (shifted[:, 0] * spans[1] + shifted[:, 1]) * spans[2] + shifted[:, 2]
        _, first, places = np.unique(keys, return_index=True, return_inverse=True)
        labels = np.array(self._labels, np.int64)
        counts = labels[:, 0]
        return Mesh(
            vertices=(corners[first] / 1000).astype(np.float32),
            triangles=places.reshape(-1, 3).astype(np.int32),
            uvs=np.concatenate(self._uvs),
            materials=np.repeat(labels[:, 1], counts).astype(np.int16),
            instances=np.repeat(labels[:, 2], counts).astype(np.int32),
            rooms=np.repeat(labels[:, 3], counts).astype(np.int16),
        )


def _metres(point: Corner) -> tuple[float, float, float]:
    x, y, z = point
    return x / 1000, y / 1000, z / 1000
