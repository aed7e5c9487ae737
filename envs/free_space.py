"""Where an agent can walk straight, from depth pictures all around it, and which of these places to propose.

Pixels become points. Those between knee and head height are obstacles, those near the floor's height are floor. A
direction is clear up to where the agent's disc would touch an obstacle, and no farther than floor has been seen: what
lies behind a hole in a scanned mesh, or past the edge of a stair that leads down, is no floor.

A place halfway is proposed too where one can walk 2 m: paths turn off on the way to the far end. (An oracle that goes
by proposals alone had an SPL of 0.73 over 90 episodes in houses without it, 0.87 with it.)

Proposals lie on the grid of the continuous benchmarks' waypoint predictors, 120 headings x 12 distances of 0.25 m to
3 m (Hong et al. 2022, arXiv 2203.02764), and near ones are suppressed as there. Nothing is learned: where those score a
cell by a network trained on Matterport3D's nav-graphs, the score here is how far one can walk.

The ground is taken to be level around the agent. A stair that leads up is an obstacle from its second step on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from navagent.geometry import wrap
from navagent.types import View

KNEE = 0.25
"""Metres: what is lower is walked over, what is higher blocks. Habitat's navmesh lets an agent climb 0.2 m (its
`NavMeshSettings.agent_max_climb`), the last 5 cm are for rounding pixels."""

CELL = 0.03
"""Metres; obstacles are thinned to one point per square of this side, which makes them cheap and moves none by more
than its half diagonal, 2 cm."""

HEADINGS = 120
"""Directions looked along, 3 degrees apart (Hong et al. 2022)."""

STRIDE, FARTHEST, NEAREST = 0.25, 3.0, 0.5
"""Metres: proposals are so far apart in distance, at most and at least so far away. The first two are Hong et al.'s; at
0.25 m they begin too, but a place half a step off is where the agent already stands."""

MARGIN, EASE = 0.05, 0.5
"""Metres between the agent's disc and obstacles on the way, since turns of 15 degrees do not walk a line exactly; and
metres over which it grows to that, since an agent that stands against a wall can leave it at a small angle."""

HALVED = 2.0
"""Metres of a proposal from which on there is one halfway."""

AIR = 0.25
"""Metres of free way left before what blocks a direction, so that the agent does not end with its nose to a wall."""

SMOOTH = math.radians(6)
"""Standard deviation over which neighbouring directions' distances are averaged, so that the middle of an opening wins
over its edge, where a move scrapes along."""

_BLIND = 1.25
"""Metres: a level picture of R2R-CE's 90 degrees sees the floor from there on, the camera at 1.25 m."""

_WIDEST = 80
"""Pixels: wider pictures are thinned to about this, a degree per pixel."""


@dataclass(frozen=True)
class Surroundings:
    """What the pictures show near the floor, seen from the agent.

    Attributes:
        obstacles: (N, 2) metres to the right and ahead of the agent.
        floor: (M, 2) likewise.
    """

    obstacles: NDArray[np.float64]
    floor: NDArray[np.float64]


def survey(views: Sequence[View], camera_height: float, agent_height: float, reach: float) -> Surroundings:
    """Return obstacles and floor up to `reach` metres around the agent.

    Args:
        views: Pictures with depth and angle of view, together all around.
        camera_height: Metres above the agent's feet.
        agent_height: Metres; what is higher does not block.
        reach: Metres.

    Raises:
        ValueError: A view has no depth or no angle of view.
    """
    side = math.ceil(reach / CELL)
    obstacles, floor = np.zeros((2, 2 * side, 2 * side), np.bool_)
    for view in views:
        points = _points(view)
        height = points[2] + camera_height
        near = (np.abs(points[0]) < reach) & (np.abs(points[1]) < reach)
        blocks, carries = near & (height > KNEE) & (height < agent_height), near & (np.abs(height) <= KNEE)
        for grid, shown in ((obstacles, blocks), (floor, carries)):
            column, row = np.floor(points[:2, shown] / CELL).astype(np.int64) + side
            grid[column, row] = True
    return Surroundings(_centres(obstacles), _centres(floor))


def _centres(grid: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the centres of a grid's set cells, metres from its middle."""
    return np.asarray((np.argwhere(grid) - len(grid) // 2 + 0.5) * CELL, np.float64)


def _points(view: View) -> NDArray[np.float32]:
    """Return (3, N): points in metres to the right of, ahead of and above the camera of an agent that faces ahead."""
    if view.depth is None or view.hfov is None:
        raise ValueError(f"view {view.index} has no depth or no angle of view, which free space is found by")
    height, width = view.depth.shape
    focal = width / 2 / math.tan(view.hfov / 2)
    stride = max(1, width // _WIDEST)
    depth = view.depth[::stride, ::stride]
    across = ((np.arange(0, width, stride) + 0.5 - width / 2) / focal).astype(np.float32)
    upwards = ((height / 2 - np.arange(0, height, stride) - 0.5) / focal).astype(np.float32)
    right, up = depth * across[None, :], depth * upwards[:, None]
    ahead = depth * math.cos(view.elevation) - up * math.sin(view.elevation)
    up = depth * math.sin(view.elevation) + up * math.cos(view.elevation)
    sine, cosine = math.sin(view.heading), math.cos(view.heading)
    points: NDArray[np.float32] = np.stack([right * cosine + ahead * sine, ahead * cosine - right * sine, up])
    return points[:, depth > 0]


def clear_distances(seen: Surroundings, headings: NDArray[np.float64], radius: float) -> NDArray[np.float64]:
    """Return how far the agent can go along each heading before an obstacle is within `MARGIN`, metres (inf: none is).

    Args:
        seen: What is around.
        headings: (A,) relative, radians.
        radius: Of the agent, metres.
    """
    sine, cosine = np.sin(headings)[:, None], np.cos(headings)[:, None]
    right, ahead = seen.obstacles[:, 0], seen.obstacles[:, 1]
    along, aside = right * sine + ahead * cosine, right * cosine - ahead * sine
    # Few obstacles lie on the way in any direction, so only for these it is worked out when the disc touches them.
    way, obstacle = np.nonzero((np.abs(aside) < radius + MARGIN) & (along > 0))
    along, aside = along[way, obstacle], aside[way, obstacle]
    width = radius + MARGIN * np.minimum(along / EASE, 1.0)
    hit = np.abs(aside) < width
    way, along, aside, width = way[hit], along[hit], aside[hit], width[hit]
    clear = np.full(len(headings), np.inf)
    np.minimum.at(clear, way, along - np.sqrt(width**2 - aside**2))
    return np.asarray(np.maximum(clear, 0.0), np.float64)


def propose(seen: Surroundings, radius: float, separation: float) -> list[tuple[float, float]]:
    """Return places to walk to as (relative heading in radians, distance in metres), the clearest direction first.

    Of two directions closer than the separation only the clearer one is kept, so every direction in which there is a
    place has a proposal nearer than that.

    Args:
        seen: What is around.
        radius: Of the agent, metres.
        separation: Least angle between two directions, radians.
    """
    headings = np.arange(HEADINGS) * 2 * math.pi / HEADINGS
    clear = clear_distances(seen, headings, radius)
    distances = _with_floor(seen, np.floor(np.minimum(clear - AIR, FARTHEST) / STRIDE + 1e-9).astype(np.int64))
    distances[distances < NEAREST] = 0.0
    score = _smoothed(distances)
    left = distances > 0
    chosen = []
    while left.any():
        best = int(np.argmax(np.where(left, score, -np.inf)))
        chosen.append((wrap(float(headings[best])), float(distances[best])))
        off = np.abs(np.arange(HEADINGS) - best)
        left &= np.minimum(off, HEADINGS - off) * 2 * math.pi / HEADINGS >= separation - 1e-9
    halfway = [(heading, distance // (2 * STRIDE) * STRIDE) for heading, distance in chosen if distance >= HALVED]
    return chosen + halfway


def _with_floor(seen: Surroundings, strides: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the distances of so many strides along the headings, each drawn in to where floor is seen.

    What lies nearer than `_BLIND` is below the pictures' lower edge or hidden by it, and taken for floor.
    """
    steps = np.arctan2(seen.floor[:, 0], seen.floor[:, 1]) / (2 * math.pi / HEADINGS)
    ring = np.rint(np.hypot(seen.floor[:, 0], seen.floor[:, 1]) / STRIDE).astype(np.int64)
    most = round(FARTHEST / STRIDE)
    known = np.zeros((HEADINGS, most + 1), np.bool_)
    known[:, : round(_BLIND / STRIDE) + 1] = True
    inside = ring <= most
    known[np.rint(steps[inside]).astype(np.int64) % HEADINGS, ring[inside]] = True
    known &= np.arange(most + 1) <= strides[:, None]
    return np.asarray((known * np.arange(most + 1)).max(axis=1) * STRIDE, np.float64)


def _smoothed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the values on the circle averaged with a Gaussian of deviation `SMOOTH`."""
    off = np.arange(HEADINGS)
    angle = np.minimum(off, HEADINGS - off) * 2 * math.pi / HEADINGS
    weights = np.exp(-0.5 * (angle / SMOOTH) ** 2)
    return np.asarray((weights / weights.sum())[(off[:, None] - off[None, :]) % HEADINGS] @ values, np.float64)
