"""What an agent on a nav-graph observes, as arrays: one layout for environments of many agents and policies of one."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from navagent.perception.sectors import SECTORS

GEOMETRY = 5
"""Numbers per candidate: sine and cosine of its relative heading, elevation (radians), distance (metres), visited."""

MOVE = 4
"""Numbers of the last move: sine and cosine of the turn, elevation (radians), distance (metres); 0 before the first."""

_SECTOR = 2 * math.pi / SECTORS

Floats = NDArray[np.float64]


def geometry(
    headings: Floats, elevations: Floats, distances: Floats, visited: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Return (..., GEOMETRY) of candidates.

    Args:
        headings: (...,) relative to where the agent faces, radians.
        elevations: (...,) radians above the horizon.
        distances: (...,) metres.
        visited: (...,) whether the agent has been there in this episode.
    """
    parts = (np.sin(headings), np.cos(headings), elevations, distances, visited)
    return np.stack(parts, axis=-1).astype(np.float32)


def move(turn: Floats, elevation: Floats, distance: Floats) -> NDArray[np.float32]:
    """Return (..., MOVE) of a move: how far the agent turned (radians), how steep (radians) and how far it went."""
    return np.stack((np.sin(turn), np.cos(turn), elevation, distance), axis=-1).astype(np.float32)


def sectors(headings: Floats) -> NDArray[np.int64]:
    """Return which of the 8 world sectors holds each absolute heading (radians), as `navagent.geometry.sector`."""
    return np.rint(headings / _SECTOR).astype(np.int64) % SECTORS


def around(heading: Floats) -> NDArray[np.float32]:
    """Return (..., 8, 2): sine and cosine of the sectors' centres relative to the agent's heading (radians)."""
    turned = np.arange(SECTORS) * _SECTOR - np.asarray(heading)[..., None]
    return np.stack((np.sin(turned), np.cos(turned)), axis=-1).astype(np.float32)
