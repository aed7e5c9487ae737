"""Where the agent's centre may be: a house's floor, eroded by the agent's radius, as flat arrays for numba.

One polygon serves everything: distances are measured in it and motion stays in it. Three copies of its outline
differ by less than anybody can see and make every predicate robust without exact arithmetic:

- the polygon itself (`Floor.polygon`, and the corners that shortest paths bend at);
- the *track*, moved `SKIN` inwards: motion collides with it, so rounding never puts an agent outside the polygon;
- the *sight* lines, moved `SLACK` outwards: a segment that touches a corner or runs along a wall clears them, one that
  enters an obstacle crosses them. A shortest path may so cut a corner by `SLACK`, which bounds its error.

The joins of the eroded outline are mitred: an obstacle's square corner stays square, where a disc could pass up to 4
cm nearer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import shapely  # type: ignore[import-untyped, unused-ignore]
from numpy.typing import ArrayLike, NDArray

from envs.houses.house import AGENT_RADIUS, House, Point
from envs.houses.jit import kernel

SKIN = 1e-6
"""Metres that moving agents keep from the polygon's edge."""

SLACK = 1e-9
"""Metres by which a line of sight may graze an obstacle; coordinates of a house are exact to about 1e-14."""

CELL = 0.5
"""Metres; side of a cell of the grid that finds walls."""

_SIMPLIFY = 1e-7
"""Metres; erosion leaves crumbs of this size in the outline, which would not survive being moved by `SKIN`."""


class FloorArrays(NamedTuple):
    """One or more floors as flat arrays; a *floor index* says which. All kernels take this.

    A wall is an edge of the polygon as (ax, ay, bx, by), free floor on its left. Walls, cells and corners of floor f
    are those from `*_start[f]` up to `*_start[f + 1]`.

    Attributes:
        wall_start: (F + 1,) int64.
        track: (W, 4) float64, metres, walls moved inwards by `SKIN`.
        sight: (W, 4) float64, metres, walls moved outwards by `SLACK`.
        origin: (F, 2) float64, metres, lower left corner of the grid.
        shape: (F, 2) int64, the grid's cells along x and y.
        cell_start: (F + 1,) int64, first cell; cell (i, j) is `cell_start[f] + j * shape[f, 0] + i`.
        bucket_start: (cells + 1,) int64, first entry of a cell in `bucket`.
        bucket: (B,) int32, walls that touch a cell.
        corner_start: (F + 1,) int64.
        corners: (C, 6) float64: x and y of a corner where the floor's angle is over 180 degrees, then the unit vectors
            along the wall back and the wall ahead.
    """

    wall_start: NDArray[np.int64]
    track: NDArray[np.float64]
    sight: NDArray[np.float64]
    origin: NDArray[np.float64]
    shape: NDArray[np.int64]
    cell_start: NDArray[np.int64]
    bucket_start: NDArray[np.int64]
    bucket: NDArray[np.int32]
    corner_start: NDArray[np.int64]
    corners: NDArray[np.float64]


# ------------------------------------------------------------------------------------------------- kernels
@kernel
def _meets_cell(wall: NDArray[np.float64], x: float, y: float) -> bool:
    """Return whether a wall touches the grid's cell around (x, y)."""
    # Cells are taken a little larger than they are, so that rounding in a walk over the grid loses no wall.
    reach = 0.5 * CELL + 1e-5
    ax, ay, bx, by = wall[0] - x, wall[1] - y, wall[2] - x, wall[3] - y
    # Separating axes of a square and a segment: x, y and the segment's normal.
    return bool(
        min(ax, bx) <= reach
        and max(ax, bx) >= -reach
        and min(ay, by) <= reach
        and max(ay, by) >= -reach
        and abs((bx - ax) * ay - (by - ay) * ax) <= reach * (abs(bx - ax) + abs(by - ay))
    )


@kernel
def _walls_of_cells(
    walls: NDArray[np.float64], left: float, bottom: float, columns: int, rows: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return, for every wall that touches a cell, the cell (M,) and the wall (M,)."""
    cells, touching = np.empty(16 * len(walls), np.int64), np.empty(16 * len(walls), np.int64)
    found = 0
    for wall in range(len(walls)):
        ax, ay, bx, by = walls[wall]
        for row in range(
            max(int((min(ay, by) - bottom) / CELL) - 1, 0), min(int((max(ay, by) - bottom) / CELL) + 2, rows)
        ):
            for column in range(
                max(int((min(ax, bx) - left) / CELL) - 1, 0), min(int((max(ax, bx) - left) / CELL) + 2, columns)
            ):
                if _meets_cell(walls[wall], left + (column + 0.5) * CELL, bottom + (row + 0.5) * CELL):
                    if found == len(cells):
                        cells = np.concatenate((cells, np.empty_like(cells)))
                        touching = np.concatenate((touching, np.empty_like(touching)))
                    cells[found], touching[found] = row * columns + column, wall
                    found += 1
    return cells[:found], touching[:found]


@kernel
def inside(walls: NDArray[np.float64], first: int, last: int, x: float, y: float) -> bool:
    """Return whether (x, y) is inside the outline `walls[first:last]`: a ray up crosses it an odd number of times."""
    odd = False
    for wall in range(first, last):
        ax, ay, bx, by = walls[wall, 0], walls[wall, 1], walls[wall, 2], walls[wall, 3]
        if (ax > x) != (bx > x) and y < ay + (x - ax) / (bx - ax) * (by - ay):
            odd = not odd
    return odd


@kernel
def sees(floors: FloorArrays, floor: int, ax: float, ay: float, bx: float, by: float) -> bool:
    """Return whether the segment between two points of the floor stays on it; touching walls and corners is allowed."""
    left, bottom = floors.origin[floor, 0], floors.origin[floor, 1]
    columns, rows = floors.shape[floor, 0], floors.shape[floor, 1]
    dx, dy = bx - ax, by - ay
    column = min(max(int((ax - left) / CELL), 0), columns - 1)
    row = min(max(int((ay - bottom) / CELL), 0), rows - 1)
    last_column = min(max(int((bx - left) / CELL), 0), columns - 1)
    last_row = min(max(int((by - bottom) / CELL), 0), rows - 1)
    right, up = (1 if last_column > column else -1), (1 if last_row > row else -1)
    # Amanatides and Woo's walk; a coordinate that has arrived never steps again, so the walk ends at the last cell.
    next_x = (left + (column + (right > 0)) * CELL - ax) / dx if column != last_column else np.inf
    next_y = (bottom + (row + (up > 0)) * CELL - ay) / dy if row != last_row else np.inf
    while True:
        cell = floors.cell_start[floor] + row * columns + column
        for entry in range(floors.bucket_start[cell], floors.bucket_start[cell + 1]):
            wall = floors.bucket[entry]
            ux, uy, vx, vy = floors.sight[wall, 0], floors.sight[wall, 1], floors.sight[wall, 2], floors.sight[wall, 3]
            side_u = dx * (uy - ay) - dy * (ux - ax)
            side_v = dx * (vy - ay) - dy * (vx - ax)
            if (side_u > 0 and side_v > 0) or (side_u < 0 and side_v < 0):
                continue
            side_a = (vx - ux) * (ay - uy) - (vy - uy) * (ax - ux)
            side_b = (vx - ux) * (by - uy) - (vy - uy) * (bx - ux)
            if (side_a > 0 and side_b > 0) or (side_a < 0 and side_b < 0):
                continue
            return False
        if column == last_column and row == last_row:
            return True
        if next_x < next_y:
            column += right
            next_x = (left + (column + (right > 0)) * CELL - ax) / dx if column != last_column else np.inf
        else:
            row += up
            next_y = (bottom + (row + (up > 0)) * CELL - ay) / dy if row != last_row else np.inf


@kernel
def _inside_each(
    walls: NDArray[np.float64], first: int, last: int, points: NDArray[np.float64], answer: NDArray[np.bool_]
) -> None:
    """Set `answer` (N,) to whether each of `points` (N, 2) is inside the outline."""
    for i in range(len(points)):
        answer[i] = inside(walls, first, last, points[i, 0], points[i, 1])


@kernel
def _snap_each(walls: NDArray[np.float64], points: NDArray[np.float64]) -> None:
    """Move those of `points` (N, 2) that lie outside the outline to its nearest point."""
    for i in range(len(points)):
        x, y = points[i, 0], points[i, 1]
        if inside(walls, 0, len(walls), x, y):
            continue
        best = np.inf
        for wall in range(len(walls)):
            ax, ay, bx, by = walls[wall]
            dx, dy = bx - ax, by - ay
            along = min(max(((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy), 0.0), 1.0)
            near_x, near_y = ax + along * dx, ay + along * dy
            squared = (near_x - x) ** 2 + (near_y - y) ** 2
            if squared < best:
                best = squared
                points[i, 0], points[i, 1] = near_x, near_y


# -------------------------------------------------------------------------------------------------- floors
@dataclass(frozen=True, eq=False)
class Floor:
    """The floor of one house. Positions are (x, y) or (x, y, z) in metres; z is not looked at.

    Attributes:
        name: The house's id, for messages.
        polygon: Where the agent's centre may be.
        arrays: The same for kernels, with floor index 0.
    """

    name: str
    polygon: shapely.Polygon | shapely.MultiPolygon
    arrays: FloorArrays

    @classmethod
    def of(cls, house: House) -> Floor:
        """Return the floor of a house for an agent of `AGENT_RADIUS`."""
        return cls.eroded(house.floor, house.house_id, AGENT_RADIUS)

    @classmethod
    def eroded(cls, polygons: Sequence[Sequence[Sequence[Point]]], name: str, radius: float) -> Floor:
        """Return the floor for an agent of `radius` metres.

        Args:
            polygons: Free floor: polygons, each an outer ring and its holes.
            name: What messages call the floor.
            radius: How far the agent's centre keeps from obstacles, metres.
        """
        free = shapely.union_all([shapely.Polygon(rings[0], rings[1:]) for rings in polygons])
        polygon = free.buffer(-radius, join_style="mitre").simplify(_SIMPLIFY)
        if not isinstance(polygon, shapely.Polygon | shapely.MultiPolygon) or polygon.is_empty:
            raise ValueError(f"{name}: no floor is left to an agent of radius {radius} m.")
        return cls(name, polygon, _arrays(polygon))

    def contains(self, positions: ArrayLike) -> NDArray[np.bool_]:
        """Return whether each of (N, 2 or 3) positions is on the floor; its edge belongs to it."""
        points = as_points(positions, self.name)
        answer = np.empty(len(points), np.bool_)
        _inside_each(self.arrays.sight, 0, len(self.arrays.sight), points, answer)
        return answer

    def require(self, positions: ArrayLike) -> NDArray[np.float64]:
        """Return (N, 2 or 3) positions as (N, 2), or raise ValueError if one of them is not on the floor."""
        points = as_points(positions, self.name)
        on_floor = self.contains(points)
        if not on_floor.all():
            off = points[np.argmin(on_floor)]
            near = self.snap(off[None])[0]
            raise ValueError(
                f"{self.name}: position {_text(off)} is off the floor, whose nearest point is {_text(near)}."
            )
        return points

    def snap(self, positions: ArrayLike) -> NDArray[np.float64]:
        """Return (N, 2): each of (N, 2 or 3) positions, or the nearest point where an agent can stand and move."""
        points = np.array(as_points(positions, self.name))
        _snap_each(self.arrays.track, points)
        return points

    def sample(self, rng: np.random.Generator, count: int = 1) -> NDArray[np.float64]:
        """Return (count, 2) random points where an agent can stand, uniform over the floor's area."""
        low, high = np.array(self.polygon.bounds).reshape(2, 2)
        points: NDArray[np.float64] = np.empty((0, 2))
        while len(points) < count:
            # Always as many draws, so that the first points do not depend on how many are asked for.
            tried = rng.uniform(low, high, (64, 2))
            on_floor = np.empty(len(tried), np.bool_)
            _inside_each(self.arrays.track, 0, len(self.arrays.track), tried, on_floor)
            points = np.concatenate([points, tried[on_floor]])
        return points[:count]


def as_points(positions: ArrayLike, name: str) -> NDArray[np.float64]:
    """Return (N, 2 or 3) positions as (N, 2) float64, or raise ValueError, naming `name`, if they are not finite."""
    points = np.asarray(positions, np.float64)
    if points.ndim != 2 or points.shape[1] not in (2, 3):
        raise ValueError(f"{name}: positions have the shape {points.shape}; (N, 2) or (N, 3) is needed.")
    points = np.ascontiguousarray(points[:, :2])
    finite = np.isfinite(points).all(axis=1)
    if not finite.all():
        raise ValueError(f"{name}: position {_text(points[np.argmin(finite)])} is not a place.")
    return points


def pack(floors: Sequence[Floor]) -> FloorArrays:
    """Return the floors of several houses as one; a floor's index is its place in `floors`."""
    parts = [floor.arrays for floor in floors]

    def starts(sizes: list[int]) -> NDArray[np.int64]:
        return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)

    wall_start = starts([len(part.track) for part in parts])
    bucket_start = starts([len(part.bucket) for part in parts])
    return FloorArrays(
        wall_start=wall_start,
        track=np.concatenate([part.track for part in parts]),
        sight=np.concatenate([part.sight for part in parts]),
        origin=np.concatenate([part.origin for part in parts]),
        shape=np.concatenate([part.shape for part in parts]),
        cell_start=starts([int(part.cell_start[-1]) for part in parts]),
        bucket_start=np.concatenate(
            [part.bucket_start[:-1] + first for part, first in zip(parts, bucket_start, strict=False)]
            + [bucket_start[-1:]]
        ),
        bucket=np.concatenate(
            [part.bucket + np.int32(first) for part, first in zip(parts, wall_start, strict=False)]
        ).astype(np.int32),
        corner_start=starts([len(part.corners) for part in parts]),
        corners=np.concatenate([part.corners for part in parts]),
    )


def _arrays(polygon: shapely.Polygon | shapely.MultiPolygon) -> FloorArrays:
    """Return the polygon's walls, grid and corners."""
    track: list[NDArray[np.float64]] = []
    sight: list[NDArray[np.float64]] = []
    corners: list[NDArray[np.float64]] = []
    for part in shapely.get_parts(polygon):
        part = shapely.geometry.polygon.orient(part)
        for ring in (part.exterior, *part.interiors):
            points = np.asarray(ring.coords)[:-1]
            ahead = np.roll(points, -1, axis=0) - points
            ahead /= np.hypot(ahead[:, 0], ahead[:, 1])[:, None]
            back = -np.roll(ahead, 1, axis=0)
            left = np.stack([-ahead[:, 1], ahead[:, 0]], axis=1)
            left_before = np.roll(left, 1, axis=0)
            # A corner moves along its bisector, so that both of its walls move by the same amount.
            bisector = (left + left_before) / np.maximum(1 + (left * left_before).sum(axis=1), 1e-3)[:, None]
            for walls, shift in ((track, SKIN), (sight, -SLACK)):
                moved = points + shift * bisector
                walls.append(np.concatenate([moved, np.roll(moved, -1, axis=0)], axis=1))
            # Free floor is on the left, so a turn to the right is an obstacle's corner.
            turn = ahead[:, 0] * back[:, 1] - ahead[:, 1] * back[:, 0]
            corners.append(np.concatenate([points, back, ahead], axis=1)[turn < -1e-9])
    sight_lines = np.concatenate(sight)
    low, high = np.array(polygon.bounds).reshape(2, 2)
    origin = low - CELL / 2
    shape = np.ceil((high - origin) / CELL + 0.5).astype(np.int64)
    cells, touching = _walls_of_cells(sight_lines, float(origin[0]), float(origin[1]), int(shape[0]), int(shape[1]))
    reflex = np.concatenate(corners)
    return FloorArrays(
        wall_start=np.array([0, len(sight_lines)], np.int64),
        track=np.concatenate(track),
        sight=sight_lines,
        origin=origin[None],
        shape=shape[None],
        cell_start=np.array([0, shape.prod()], np.int64),
        bucket_start=np.concatenate([[0], np.cumsum(np.bincount(cells, minlength=shape.prod()))]).astype(np.int64),
        bucket=touching[np.argsort(cells, kind="stable")].astype(np.int32),
        corner_start=np.array([0, len(reflex)], np.int64),
        corners=reflex,
    )


def _text(point: NDArray[np.float64]) -> str:
    """Return a point as messages show it."""
    return f"({point[0]:.3f}, {point[1]:.3f})"
