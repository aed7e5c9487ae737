"""A house as the rasteriser wants it: few convex polygons instead of many triangles, and what no view changes.

Triangles that lie in one plane and continue each other are joined (a wall is one rectangle, the lid of a can one
disc), which halves the work per picture. Polygons are grouped by room and object, so that one box test skips a whole
chair.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from envs.houses.house import House
from envs.houses.jit import kernel

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int32]

MOST_CORNERS = 16
"""Corners of a joined polygon; the rasteriser clips in arrays of a fixed size."""

TEXTURE_SIZE = 64
"""Texels along a texture's side (`envs.houses.textures`); a power of two, so that repeating is a bit mask."""

WALL_REACH = 0.25
"""Metres: half a wall and its door frame at most, to either side of a door's line. What shows through a door is
judged by the box of this depth, so that a frame is seen from both rooms."""

_LAMP = (0.36, 0.54, 0.76)
"""Where light comes from: no two of a room's four walls, floor and ceiling get the same amount, so corners show."""


class Surfaces(NamedTuple):
    """One or several houses, joined. What belongs to a house, room, group or polygon lies in `first[i]:first[i + 1]`.

    Attributes:
        house_rooms: (houses + 1,) first room. A house's last room is a nowhere: polygons that stick out of their
            room, which are drawn whatever room the camera is in.
        room_outline: (rooms + 1,) first corner in `outline`.
        outline: (corners, 2) metres.
        room_doors: (rooms + 1,) first entry in `doors`.
        doors: (2 x doors,) indices of doors.
        door_rooms: (doors, 2) rooms on both sides.
        door_box: (4 x doors, 2) corners around the opening and the thickness of its wall, metres.
        house_doors: (houses + 1,) first door.
        room_groups: (rooms + 1,) first group.
        group_box: (groups, 6) centre and half size, metres.
        group_vertices: (groups + 1,) first vertex.
        group_polygons: (groups + 1,) first polygon.
        vertices: (3, vertices) metres.
        polygon_corners: (polygons + 1,) first entry in `corners`.
        corners: (entries,) index of a vertex, counted from its group's first.
        plane: (polygons, 4) unit normal n and offset d, n . p = d.
        texels: (polygons, 8) texture coordinates in texels, affine in the place: u = (0:3) . p + (3),
            v = (4:7) . p + (7).
        paint: (polygons, 3) colour times light, 0 to 255.
        texture: (polygons,) index of the texture.
        instance: (polygons,) semantic id.
    """

    house_rooms: Ints
    room_outline: Ints
    outline: Floats
    room_doors: Ints
    doors: Ints
    door_rooms: Ints
    door_box: Floats
    house_doors: Ints
    room_groups: Ints
    group_box: Floats
    group_vertices: Ints
    group_polygons: Ints
    vertices: Floats
    polygon_corners: Ints
    corners: Ints
    plane: Floats
    texels: Floats
    paint: NDArray[np.float32]
    texture: Ints
    instance: Ints


def prepare(house: House, textures: int) -> Surfaces:
    """Return a house's surfaces.

    Args:
        house: The house.
        textures: How many textures there are; a material that names another one is a mistake.

    Raises:
        ValueError: If a material's texture does not exist.
    """
    for look in house.materials:
        if not 0 <= look.texture < textures:
            raise ValueError(f"a material of {house.house_id} has texture {look.texture}, but there are {textures}")
    mesh = house.mesh
    single, welded = np.unique(mesh.vertices, axis=0, return_inverse=True)
    points: Floats = single.astype(np.float64)
    triangles = welded.reshape(-1)[mesh.triangles].astype(np.int32).reshape(-1, 3)
    plane, area = _planes(points, triangles)
    rooms = _true_rooms(house, points, triangles, mesh.rooms, mesh.instances)
    order = np.lexsort((mesh.materials, mesh.instances, rooms))
    order = order[area[order] > 1e-10]
    triangles, plane, rooms = triangles[order], plane[order], rooms[order]
    material, instance = mesh.materials[order].astype(np.int32), mesh.instances[order].astype(np.int32)
    texels = _texel_maps(points[triangles], plane[:, :3], mesh.uvs[order].astype(np.float64))
    group = np.cumsum((np.diff(instance, prepend=-9) != 0) | (np.diff(rooms, prepend=-9) != 0)) - 1
    groups = int(group[-1]) + 1 if len(group) else 0
    starts = np.searchsorted(group, np.arange(groups + 1)).astype(np.int32)
    corners, counts = _joined(points, triangles, plane, texels, material, starts)
    alive = counts > 0
    corners, counts, group = corners[alive], counts[alive], group[alive]
    flat = corners[np.arange(MOST_CORNERS)[None] < counts[:, None]]
    owner = np.repeat(group, counts)
    own, local = np.unique(owner * len(points) + flat, return_inverse=True)
    group_vertices = np.searchsorted(own // max(len(points), 1), np.arange(groups + 1)).astype(np.int32)
    vertices = points[own % max(len(points), 1)]
    room_of_group = rooms[starts[:-1]]
    boxes = np.zeros((groups, 6))
    for i in range(groups):
        low, high = (f(vertices[group_vertices[i] : group_vertices[i + 1]], axis=0) for f in (np.min, np.max))
        boxes[i] = np.concatenate([(low + high) / 2, (high - low) / 2])
    return Surfaces(
        **_plan(house),
        room_groups=np.searchsorted(room_of_group, np.arange(len(house.rooms) + 2)).astype(np.int32),
        group_box=boxes,
        group_vertices=group_vertices,
        group_polygons=np.searchsorted(group, np.arange(groups + 1)).astype(np.int32),
        vertices=np.ascontiguousarray(vertices.T),
        polygon_corners=np.concatenate([[0], np.cumsum(counts)]).astype(np.int32),
        corners=(local.reshape(-1) - group_vertices[owner]).astype(np.int32),
        plane=plane[alive],
        **_looks(house, material[alive], plane[alive], texels[alive]),
        instance=instance[alive],
    )


def _planes(points: Floats, triangles: Ints) -> tuple[Floats, Floats]:
    """Planes (T, 4) and areas (T,) of triangles."""
    a, b, c = (points[triangles[:, k]] for k in range(3))
    normal = np.cross(b - a, c - a)
    length = np.linalg.norm(normal, axis=1)
    normal /= np.maximum(length, 1e-30)[:, None]
    return np.concatenate([normal, np.sum(normal * (a + b + c) / 3, axis=1)[:, None]], axis=1), length / 2


def _texel_maps(corners: Floats, normals: Floats, uvs: Floats) -> Floats:
    """Texture coordinates as affine functions of the place, in metres of surface.

    Args:
        corners: (T, 3, 3) metres.
        normals: (T, 3) unit.
        uvs: (T, 3, 2) metres.

    Returns:
        (T, 8): three coefficients and a constant, for u and for v.
    """
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = np.sum(np.cross(first, second) * normals, axis=1)[:, None]
    along_first, along_second = np.cross(second, normals) / area, np.cross(normals, first) / area
    maps = []
    for k in range(2):
        start, one, two = (uvs[:, corner, k, None] for corner in range(3))
        slope = (one - start) * along_first + (two - start) * along_second
        maps += [slope, start - np.sum(slope * corners[:, 0], axis=1)[:, None]]
    return np.concatenate(maps, axis=1)


def _true_rooms(house: House, points: Floats, triangles: Ints, rooms: NDArray[np.int16], instances: Ints) -> Ints:
    """Room per triangle, or the nowhere where its object reaches further out of its room than a wall is thick."""
    nowhere = len(house.rooms)
    true = np.where((rooms >= 0) & (rooms < nowhere), rooms, nowhere).astype(np.int32)
    for i, room in enumerate(house.rooms):
        outline = np.asarray(room.outline)
        low, high = outline.min(axis=0) - WALL_REACH, outline.max(axis=0) + WALL_REACH
        inside = np.all((points[:, :2] >= low) & (points[:, :2] <= high), axis=1)
        own = true == i
        strays = np.unique(instances[own & ~inside[triangles].all(axis=1)])
        true[own & np.isin(instances, strays)] = nowhere
    return true


def _plan(house: House) -> dict[str, Any]:
    """The plan's part of the surfaces: rooms and doors."""
    rooms = len(house.rooms)
    lengths = [len(room.outline) for room in house.rooms] + [0]
    touching = [[d for d, door in enumerate(house.doors) if room in door.rooms] for room in range(rooms + 1)]
    boxes = np.zeros((len(house.doors), 4, 2))
    for d, door in enumerate(house.doors):
        start, end = np.asarray(door.start), np.asarray(door.end)
        along = (end - start) / max(float(np.linalg.norm(end - start)), 1e-9)
        across = np.array([-along[1], along[0]]) * WALL_REACH
        start, end = start - 0.05 * along, end + 0.05 * along
        boxes[d] = [start - across, end - across, end + across, start + across]
    return {
        "house_rooms": np.array([0, rooms + 1], np.int32),
        "room_outline": np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32),
        "outline": np.array([p for room in house.rooms for p in room.outline], np.float64).reshape(-1, 2),
        "room_doors": np.concatenate([[0], np.cumsum([len(t) for t in touching])]).astype(np.int32),
        "doors": np.array([d for t in touching for d in t], np.int32),
        "door_rooms": np.array([door.rooms for door in house.doors], np.int32).reshape(-1, 2),
        "door_box": boxes.reshape(-1, 2),
        "house_doors": np.array([0, len(house.doors)], np.int32),
    }


def _looks(house: House, material: Ints, plane: Floats, texels: Floats) -> dict[str, Any]:
    """Colour with light, texture and its scale per polygon."""
    color = np.array([m.color for m in house.materials], np.float64).reshape(-1, 3)
    texture = np.array([m.texture for m in house.materials], np.int32)
    density = TEXTURE_SIZE / np.array([m.scale for m in house.materials], np.float64)
    return {
        "paint": (color[material] * light(plane[:, :3])[:, None]).astype(np.float32),
        "texture": texture[material],
        "texels": texels * density[material][:, None],
    }


def light(normals: Floats) -> Floats:
    """Return how much of its colour a surface shows, by its (N, 3) unit normals."""
    shown: Floats = 0.76 + 0.24 * (normals @ (np.array(_LAMP) / np.linalg.norm(_LAMP)))
    return shown


def concatenate(houses: Sequence[Surfaces]) -> Surfaces:
    """Return several houses as one, their indices counted through."""
    counted = {  # which table a column of first entries points into
        "house_rooms": "room_count",
        "room_outline": "outline",
        "room_doors": "doors",
        "house_doors": "door_rooms",
        "room_groups": "group_box",
        "group_vertices": "vertex_count",
        "group_polygons": "plane",
        "polygon_corners": "corners",
    }
    shifted = {"doors": "door_rooms", "door_rooms": "room_count"}
    columns: dict[str, NDArray[np.generic]] = {}
    for name in Surfaces._fields:
        parts, base = [], 0
        for i, house in enumerate(houses):
            part = getattr(house, name)
            if name in counted:
                part = (part if i == len(houses) - 1 else part[:-1]) + np.int32(base)
                base += int(getattr(house, name)[-1])
            elif name in shifted:
                part = part + np.int32(base)
                base += len(house.door_rooms) if name == "doors" else int(house.house_rooms[-1])
            parts.append(part)
        columns[name] = np.concatenate(parts, axis=1 if name == "vertices" else 0)
    return Surfaces(**columns)  # type: ignore[arg-type]


@kernel
def _joined(
    points: Floats, triangles: Ints, plane: Floats, texels: Floats, material: Ints, starts: Ints
) -> tuple[Ints, Ints]:
    """Join triangles of a group into convex polygons.

    Returns:
        corners (T, MOST_CORNERS) and counts (T,), 0 where a triangle was joined to an earlier one.
    """
    corners = np.zeros((len(triangles), MOST_CORNERS), np.int32)
    counts = np.full(len(triangles), 3, np.int32)
    corners[:, :3] = triangles
    for group in range(len(starts) - 1):
        for i in range(starts[group], starts[group + 1]):
            j = i + 1
            while counts[i] > 0 and j < starts[group + 1]:
                if (
                    counts[j] > 0
                    and _continues(points, corners, counts, plane, texels, material, i, j)
                    and _join(points, corners, counts, plane, i, j)
                ):
                    j = i  # the larger polygon may now touch one that it did not touch before
                j += 1
    return corners, counts


@kernel
def _continues(
    points: Floats, corners: Ints, counts: Ints, plane: Floats, texels: Floats, material: Ints, i: int, j: int
) -> bool:
    """Whether polygon j lies in polygon i's plane and looks as i would look if it went on."""
    turn = plane[i, 0] * plane[j, 0] + plane[i, 1] * plane[j, 1] + plane[i, 2] * plane[j, 2]
    if material[i] != material[j] or turn < 0.9999:
        return False
    for k in range(counts[j]):
        x, y, z = points[corners[j, k]]
        if abs(plane[i, 0] * x + plane[i, 1] * y + plane[i, 2] * z - plane[i, 3]) > 2e-5:
            return False
        for m in (0, 4):
            change = (texels[i, m] - texels[j, m]) * x + (texels[i, m + 1] - texels[j, m + 1]) * y
            if abs(change + (texels[i, m + 2] - texels[j, m + 2]) * z + texels[i, m + 3] - texels[j, m + 3]) > 1e-3:
                return False
    return True


@kernel
def _join(points: Floats, corners: Ints, counts: Ints, plane: Floats, i: int, j: int) -> bool:
    """Join polygon j to i along a common edge if the result is convex and small enough."""
    n, m = counts[i], counts[j]
    if n + m - 2 > MOST_CORNERS:
        return False
    for a in range(n):
        for b in range(m):
            if corners[i, a] == corners[j, (b + 1) % m] and corners[i, (a + 1) % n] == corners[j, b]:
                joined = np.empty(n + m - 2, np.int32)
                for k in range(n):
                    joined[k] = corners[i, (a + 1 + k) % n]
                for k in range(m - 2):
                    joined[n + k] = corners[j, (b + 2 + k) % m]
                size = _convex(points, joined, plane[i], n - 1)
                if size == 0:
                    return False
                corners[i, :size] = joined[:size]
                counts[i], counts[j] = size, 0
                return True
    return False


@kernel
def _convex(points: Floats, joined: Ints, plane: Floats, seam: int) -> int:
    """Drop seam corners that lie on a straight edge; return the number of corners, 0 if a seam corner bends inwards."""
    size = len(joined)
    for at in (seam, 0):
        before, here, after = (
            points[joined[(at + size - 1) % size]],
            points[joined[at]],
            points[joined[(at + 1) % size]],
        )
        ax, ay, az = here[0] - before[0], here[1] - before[1], here[2] - before[2]
        bx, by, bz = after[0] - here[0], after[1] - here[1], after[2] - here[2]
        turn = plane[0] * (ay * bz - az * by) + plane[1] * (az * bx - ax * bz) + plane[2] * (ax * by - ay * bx)
        if turn < -1e-12 or (turn < 1e-12 and ax * bx + ay * by + az * bz <= 0):
            return 0
        if turn < 1e-12:
            joined[at : size - 1] = joined[at + 1 : size].copy()
            size -= 1
    return size
