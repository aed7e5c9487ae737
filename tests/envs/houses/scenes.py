"""Small houses made by hand: rooms in a row or a grid, joined by doors, with boxes and cylinders to walk round."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from envs.houses.house import WALL_HEIGHT, Door, House, Material, Mesh, Object, Point, Room

WALL = 0.12
DOOR_WIDTH, DOOR_HEIGHT = 0.9, 2.0


def stand_in_atlas() -> NDArray[np.uint8]:
    """Plain, a checkerboard of 8 texels, and noise: (3, 64, 64)."""
    rows, columns = np.mgrid[:64, :64]
    noise = np.random.default_rng(3).integers(96, 160, (64, 64))
    return np.stack([np.full((64, 64), 128), np.where((rows // 8 + columns // 8) % 2, 160, 96), noise]).astype(np.uint8)


@dataclass
class Builder:
    """Collects quads and objects."""

    corners: list[tuple[float, float, float]] = field(default_factory=list)
    triangles: list[tuple[int, int, int]] = field(default_factory=list)
    uvs: list[tuple[Point, Point, Point]] = field(default_factory=list)
    faces: list[tuple[int, int, int]] = field(default_factory=list)
    objects: list[Object] = field(default_factory=list)

    def thing(self, category: str, room: int) -> int:
        self.objects.append(Object(category, "white", room, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), 0.0))
        return len(self.objects) - 1

    def quad(self, corners: list[tuple[float, float, float]], material: int, instance: int, room: int) -> None:
        """Add a flat polygon, its corners counterclockwise seen from its front (a fan of triangles)."""
        first = len(self.corners)
        self.corners += corners
        points = np.asarray(corners)
        along = points[1] - points[0]
        width = float(np.linalg.norm(along))
        along = along / width
        up = points[-1] - points[0]
        up = up - along * float(up @ along)
        up = up / float(np.linalg.norm(up))
        uv = [(float((p - points[0]) @ along), float((p - points[0]) @ up)) for p in points]
        for k in range(1, len(corners) - 1):
            self.triangles.append((first, first + k, first + k + 1))
            self.uvs.append((uv[0], uv[k], uv[k + 1]))
            self.faces.append((material, instance, room))

    def wall(self, start: Point, end: Point, low: float, high: float, look: tuple[int, int, int]) -> None:
        """Add an upright rectangle that is seen from the left of start -> end."""
        (ax, ay), (bx, by) = start, end
        self.quad([(bx, by, low), (ax, ay, low), (ax, ay, high), (bx, by, high)], *look)

    def prism(self, outline: list[Point], low: float, high: float, look: tuple[int, int, int]) -> None:
        """Add a closed upright prism over a counterclockwise outline."""
        self.quad([(x, y, high) for x, y in outline], *look)
        self.quad([(x, y, low) for x, y in outline[::-1]], *look)
        for (ax, ay), (bx, by) in zip(outline, outline[1:] + outline[:1], strict=True):
            self.quad([(ax, ay, low), (bx, by, low), (bx, by, high), (ax, ay, high)], *look)

    def mesh(self) -> Mesh:
        faces = np.array(self.faces)
        return Mesh(
            np.array(self.corners, np.float32),
            np.array(self.triangles, np.int32),
            np.array(self.uvs, np.float32),
            faces[:, 0].astype(np.int16),
            faces[:, 1].astype(np.int32),
            faces[:, 2].astype(np.int16),
        )


MATERIALS = (
    Material((226, 218, 200), 2, 1.0),  # walls
    Material((150, 110, 70), 1, 0.8),  # floors
    Material((240, 240, 236)),  # ceilings
    Material((120, 80, 50), 2, 0.5),
    Material((60, 90, 140), 0),
    Material((160, 50, 50), 1, 0.4),
    Material((80, 130, 90), 2, 0.7),
)


def turned_box(x: float, y: float, width: float, depth: float, yaw: float) -> list[Point]:
    """Corners of a rectangle around (x, y), counterclockwise."""
    c, s = math.cos(yaw), math.sin(yaw)
    half = ((-width / 2, -depth / 2), (width / 2, -depth / 2), (width / 2, depth / 2), (-width / 2, depth / 2))
    return [(x + c * a - s * b, y + s * a + c * b) for a, b in half]


def _table(build: Builder, room: int, x: float, y: float, yaw: float, material: int) -> None:
    look = (material, build.thing("table", room), room)
    build.prism(turned_box(x, y, 1.2, 0.7, yaw), 0.7, 0.75, look)
    for a, b in ((-0.5, -0.28), (0.5, -0.28), (0.5, 0.28), (-0.5, 0.28)):
        c, s = math.cos(yaw), math.sin(yaw)
        build.prism(turned_box(x + c * a - s * b, y + s * a + c * b, 0.05, 0.05, yaw), 0.0, 0.7, look)


def _chair(build: Builder, room: int, x: float, y: float, yaw: float, material: int) -> None:
    look = (material, build.thing("chair", room), room)
    c, s = math.cos(yaw), math.sin(yaw)
    build.prism(turned_box(x, y, 0.42, 0.42, yaw), 0.42, 0.46, look)
    build.prism(turned_box(x - 0.19 * s, y + 0.19 * c, 0.42, 0.04, yaw), 0.46, 0.95, look)
    for a, b in ((-0.18, -0.18), (0.18, -0.18), (0.18, 0.18), (-0.18, 0.18)):
        build.prism(turned_box(x + c * a - s * b, y + s * a + c * b, 0.04, 0.04, yaw), 0.0, 0.42, look)


def _can(build: Builder, room: int, x: float, y: float, material: int) -> None:
    look = (material, build.thing("plant", room), room)
    ring = [(x + 0.2 * math.cos(k * math.pi / 8), y + 0.2 * math.sin(k * math.pi / 8)) for k in range(16)]
    build.prism(ring, 0.0, 0.5, look)
    build.prism([(x + (a - x) * 0.5, y + (b - y) * 0.5) for a, b in ring], 0.5, 0.9, look)


def furnish(build: Builder, room: int, low: Point, high: Point, rng: np.random.Generator, pieces: int) -> None:
    """Put pieces of furniture at random places, turned at random."""
    for _ in range(pieces):
        x, y = (float(rng.uniform(a + 0.8, b - 0.8)) for a, b in zip(low, high, strict=True))
        yaw, material = float(rng.uniform(0, math.tau)), int(rng.integers(3, 7))
        kind = int(rng.integers(4))
        if kind == 0:
            _table(build, room, x, y, yaw, material)
        elif kind == 1:
            _chair(build, room, x, y, yaw, material)
        elif kind == 2:
            _can(build, room, x, y, material)
        else:
            look = (material, build.thing("cupboard", room), room)
            build.prism(turned_box(x, y, 1.0, 0.5, yaw), 0.0, float(rng.uniform(0.4, 2.0)), look)


def _side(
    build: Builder, start: Point, end: Point, opening: tuple[float, float] | None, look: tuple[int, int, int]
) -> None:
    """A wall from start to end with an opening at the given metres from start."""
    if opening is None:
        build.wall(start, end, 0.0, WALL_HEIGHT, look)
        return
    direction = np.subtract(end, start) / np.linalg.norm(np.subtract(end, start))
    near, far = ((start[0] + direction[0] * d, start[1] + direction[1] * d) for d in opening)
    build.wall(start, near, 0.0, WALL_HEIGHT, look)
    build.wall(near, far, DOOR_HEIGHT, WALL_HEIGHT, look)
    build.wall(far, end, 0.0, WALL_HEIGHT, look)


def grid_house(columns: int = 2, rows: int = 1, pieces: int = 0, seed: int = 0, size: float = 4.0) -> House:
    """Rooms in a grid, each joined by a door to its right and upper neighbour. Watertight.

    Args:
        columns: Rooms along x.
        rows: Rooms along y.
        pieces: Furniture per room.
        seed: Of the furniture.
        size: Metres along a room's side.
    """
    build, rng, rooms, doors = Builder(), np.random.default_rng(seed), [], []
    step, gap = size + WALL, (size / 2 - DOOR_WIDTH / 2, size / 2 + DOOR_WIDTH / 2)
    for k in range(columns * rows):
        i, j = k % columns, k // columns
        x0, y0, x1, y1 = i * step, j * step, i * step + size, j * step + size
        corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
        rooms.append(Room("bedroom" if k % 2 else "kitchen", tuple(corners)))
        build.quad([(x, y, 0.0) for x, y in corners], 1, build.thing("floor", k), k)
        build.quad([(x, y, WALL_HEIGHT) for x, y in corners[::-1]], 2, build.thing("ceiling", k), k)
        neighbours = (j > 0, i < columns - 1, j < rows - 1, i > 0)
        for side in range(4):
            look = (0, build.thing("wall", k), k)
            _side(build, corners[side], corners[(side + 1) % 4], gap if neighbours[side] else None, look)
        if i < columns - 1:
            doors.append(
                Door((k, k + 1), (x1 + WALL / 2, y0 + gap[0]), (x1 + WALL / 2, y0 + gap[1]), DOOR_HEIGHT, "door")
            )
            _frame(build, k, (x1, y0 + gap[0]), (x1 + WALL, y0 + gap[1]), upright=True)
        if j < rows - 1:
            doors.append(
                Door((k, k + columns), (x0 + gap[0], y1 + WALL / 2), (x0 + gap[1], y1 + WALL / 2), DOOR_HEIGHT, "door")
            )
            _frame(build, k, (x0 + gap[0], y1), (x0 + gap[1], y1 + WALL), upright=False)
        furnish(build, k, corners[0], corners[2], rng, pieces)
    return House(seed, tuple(rooms), tuple(doors), tuple(build.objects), MATERIALS, build.mesh(), ())


def _frame(build: Builder, room: int, low: Point, high: Point, upright: bool) -> None:
    """Floor, lintel and the two sides of an opening through a wall; `upright`: the wall runs along y."""
    (x0, y0), (x1, y1) = low, high
    look = (3, build.thing("door", room), room)
    build.quad([(x0, y0, 0.0), (x1, y0, 0.0), (x1, y1, 0.0), (x0, y1, 0.0)], *look)
    build.quad([(x0, y1, DOOR_HEIGHT), (x1, y1, DOOR_HEIGHT), (x1, y0, DOOR_HEIGHT), (x0, y0, DOOR_HEIGHT)], *look)
    if upright:
        build.wall((x0, y0), (x1, y0), 0.0, DOOR_HEIGHT, look)
        build.wall((x1, y1), (x0, y1), 0.0, DOOR_HEIGHT, look)
    else:
        build.wall((x0, y1), (x0, y0), 0.0, DOOR_HEIGHT, look)
        build.wall((x1, y0), (x1, y1), 0.0, DOOR_HEIGHT, look)
