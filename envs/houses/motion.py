"""How an agent moves: R2R-CE's primitive actions on a floor.

**Forward** is a straight step. Where it hits a wall, what is left of the displacement is projected on the wall and
the agent goes on along it, up to `_BENDS` times. On one wall this ends where habitat-sim's `PathFinder::tryStep`
ends: it calls Recast's `dtNavMeshQuery::moveAlongSurface`, which takes the point nearest to the wished end on the
walls within reach; in a square corner both end in the corner. Past an obstacle's corner they differ: Recast does not
look at the way and may go round or across the corner, an agent here never does. It never moves farther than the step
nor against the wish.

**Collided** is habitat-sim's `ObjectControls.action`: moved² + 1e-5 < wished² (square metres), so a step of 0.25 m
collides if it falls short by 20 micrometres. Turns never collide.

**Turns** add whole units of 2^-36 degrees, so that 24 turns of 15 degrees give the same bytes; a heading is rounded
to that unit, 2.5e-13 rad, at its first turn, and stays in [0, 2 pi).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from envs.houses.floor import CELL, SKIN, Floor, FloorArrays
from envs.houses.jit import kernel

STOP, FORWARD, LEFT, RIGHT = 0, 1, 2, 3
"""Action codes (R2R-CE)."""

STEP = 0.25
"""Metres of a forward step (R2R-CE)."""

TURN = 15.0
"""Degrees of a turn (R2R-CE)."""

COLLIDED_SLACK = 1e-5
"""Square metres (habitat-sim, `habitat_sim/agent/controls/object_controls.py`, EPS)."""

_BENDS = 4
"""Walls that one step can slide along; rooms have no place where a quarter of a metre meets more."""

_UNITS = 2.0**36
"""Units of heading in a degree."""

_RADIANS = math.pi / 180 / _UNITS
"""Radians in a unit."""

_END = 1e-9
"""Metres by which a wall reaches beyond its ends, so that no step slips through where two walls meet."""


class Walk(NamedTuple):
    """What a list of actions did.

    Attributes:
        positions: (n + 1, 2) float64, metres, the start first.
        headings: (n + 1,) float64, radians in [0, 2 pi).
        collided: (n,) bool.
    """

    positions: NDArray[np.float64]
    headings: NDArray[np.float64]
    collided: NDArray[np.bool_]


# ------------------------------------------------------------------------------------------------- kernels
@kernel
def turned(heading: float, degrees: float) -> float:
    """Return the heading `degrees` further clockwise, radians in [0, 2 pi)."""
    circle = 360.0 * _UNITS
    units = (math.floor(heading / _RADIANS + 0.5) + math.floor(degrees * _UNITS + 0.5)) % circle
    return units * _RADIANS


@kernel
def _meet(wall: NDArray[np.float64], x: float, y: float, dx: float, dy: float) -> float:
    """Return the share of the displacement at which it hits a wall, 1 if it does not."""
    length = math.sqrt((wall[2] - wall[0]) ** 2 + (wall[3] - wall[1]) ** 2)
    wall_x, wall_y = (wall[2] - wall[0]) / length, (wall[3] - wall[1]) / length
    before = wall_x * (y - wall[1]) - wall_y * (x - wall[0])
    after = before + wall_x * dy - wall_y * dx
    # Only who comes from the floor's side can hit; the start may lie in the skin.
    if after >= 0.0 or after >= before or before < -2.0 * SKIN:
        return 1.0
    share = max(before / (before - after), 0.0)
    place = wall_x * (x + share * dx - wall[0]) + wall_y * (y + share * dy - wall[1])
    return share if -_END <= place <= length + _END else 1.0


@kernel
def _first_hit(
    floors: FloorArrays, floor: int, x: float, y: float, dx: float, dy: float, along: int
) -> tuple[float, int]:
    """Return the share of the displacement up to its first hit and the wall, 1 and -1 if there is none.

    The wall `along`, which the displacement is parallel to, is not looked at.
    """
    left, bottom = floors.origin[floor, 0], floors.origin[floor, 1]
    columns, rows = floors.shape[floor, 0], floors.shape[floor, 1]
    column_from = max(int((min(x, x + dx) - left) / CELL), 0)
    column_to = min(int((max(x, x + dx) - left) / CELL), columns - 1)
    row_from = max(int((min(y, y + dy) - bottom) / CELL), 0)
    row_to = min(int((max(y, y + dy) - bottom) / CELL), rows - 1)
    share, hit = 1.0, -1
    for row in range(row_from, row_to + 1):
        for column in range(column_from, column_to + 1):
            cell = floors.cell_start[floor] + row * columns + column
            for entry in range(floors.bucket_start[cell], floors.bucket_start[cell + 1]):
                wall = floors.bucket[entry]
                met = _meet(floors.track[wall], x, y, dx, dy) if wall != along else 1.0
                if met < share:
                    share, hit = met, wall
    return share, hit


@kernel
def slide(floors: FloorArrays, floor: int, x: float, y: float, dx: float, dy: float) -> tuple[float, float]:
    """Return where a step by (dx, dy) from (x, y) ends, metres."""
    wish_x, wish_y, hit = dx, dy, -1
    for _ in range(_BENDS):
        share, hit = _first_hit(floors, floor, x, y, dx, dy, hit)
        x += share * dx
        y += share * dy
        if hit < 0:
            break
        wall = floors.track[hit]
        wall_x, wall_y = wall[2] - wall[0], wall[3] - wall[1]
        rest = (1.0 - share) * (dx * wall_x + dy * wall_y) / (wall_x * wall_x + wall_y * wall_y)
        dx, dy = rest * wall_x, rest * wall_y
        if dx * wish_x + dy * wish_y <= 0.0:
            break
    return x, y


@kernel
def act(
    floors: FloorArrays, floor: int, x: float, y: float, heading: float, action: int, step: float, turn: float
) -> tuple[float, float, float, bool]:
    """Return what one action makes of a pose; the position is not checked, an unknown action does nothing.

    Args:
        floors: All floors.
        floor: Index of the agent's floor.
        x: Metres.
        y: Metres.
        heading: Radians.
        action: Action code.
        step: Metres.
        turn: Degrees.

    Returns:
        x and y in metres, heading in radians, and whether the agent collided.
    """
    if action == LEFT:
        return x, y, turned(heading, -turn), False
    if action == RIGHT:
        return x, y, turned(heading, turn), False
    if action != FORWARD:
        return x, y, heading, False
    new_x, new_y = slide(floors, floor, x, y, step * math.sin(heading), step * math.cos(heading))
    return new_x, new_y, heading, (new_x - x) ** 2 + (new_y - y) ** 2 + COLLIDED_SLACK < step * step


@kernel
def _walk(
    floors: FloorArrays,
    positions: NDArray[np.float64],
    headings: NDArray[np.float64],
    actions: NDArray[np.int64],
    collided: NDArray[np.bool_],
    step: float,
    turn: float,
) -> None:
    """Fill `positions` (n + 1, 2), `headings` (n + 1,) and `collided` (n,) from their first row on floor 0."""
    x, y, heading = positions[0, 0], positions[0, 1], headings[0]
    for i in range(len(actions)):
        x, y, heading, collided[i] = act(floors, 0, x, y, heading, actions[i], step, turn)
        positions[i + 1, 0], positions[i + 1, 1], headings[i + 1] = x, y, heading


# ------------------------------------------------------------------------------------------------- checked
def check_stride(name: str, step: float, turn: float) -> None:
    """Raise ValueError, naming the house, unless `step` (metres) and `turn` (degrees) can move an agent."""
    if not 0 < step < math.inf:
        raise ValueError(f"{name}: a step of {step} m is not possible; it must be more than 0.")
    if not 0 < turn <= 180:
        raise ValueError(f"{name}: a turn of {turn} degrees is not possible; it must be more than 0 and at most 180.")


def walk(
    floor: Floor,
    position: ArrayLike,
    heading: float,
    actions: ArrayLike,
    *,
    step: float = STEP,
    turn: float = TURN,
) -> Walk:
    """Return what a list of actions does to one agent.

    Args:
        floor: The floor.
        position: (2 or 3,) metres, on the floor.
        heading: Radians.
        actions: (n,) action codes; STOP stands still.
        step: Metres.
        turn: Degrees.
    """
    check_stride(floor.name, step, turn)
    codes = np.asarray(actions, np.int64).reshape(-1)
    unknown = codes[(codes < STOP) | (codes > RIGHT)]
    if len(unknown):
        raise ValueError(f"{floor.name}: action {unknown[0]} is none of 0 (stop), 1 (forward), 2 (left), 3 (right).")
    if not math.isfinite(heading):
        raise ValueError(f"{floor.name}: heading {heading} is not an angle.")
    positions, headings = np.empty((len(codes) + 1, 2)), np.empty(len(codes) + 1)
    collided = np.zeros(len(codes), np.bool_)
    positions[0] = floor.require(np.asarray(position, np.float64)[None])[0]
    headings[0] = heading
    _walk(floor.arrays, positions, headings, codes, collided, step, turn)
    return Walk(positions, headings, collided)
