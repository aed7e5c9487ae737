"""Angles and directions, in radians."""

from __future__ import annotations

import math

from navagent.types import Position

VIEW_HEADINGS = 12
"""Heading steps of R2R's 36 views, 30 degrees apart (Matterport3D Simulator, discretised view angles)."""

_TURN = 2 * math.pi
_VIEW_STEP = _TURN / VIEW_HEADINGS


def wrap(angle: float) -> float:
    """Return the same angle in [-pi, pi)."""
    wrapped = (angle + math.pi) % _TURN - math.pi
    # Rounding can give exactly +pi for angles a hair below -pi.
    return -math.pi if wrapped >= math.pi else wrapped


def direction(origin: Position, target: Position) -> tuple[float, float, float]:
    """Return heading (clockwise from +y, [0, 2 pi)), elevation and straight-line distance in metres, z up."""
    x, y, z = (t - o for t, o in zip(target, origin, strict=True))
    flat = math.hypot(x, y)
    return math.atan2(x, y) % _TURN, math.atan2(z, flat), math.hypot(flat, z)


def sector(angle: float, sectors: int) -> int:
    """Return which of `sectors` equal sectors holds the angle; sector 0 is centred on angle 0.

    The index is taken modulo `sectors`, so an angle just below a full turn falls into sector 0. NavGPT's public code
    forgets that and drops every neighbour at 337.5 degrees or more.
    """
    return round(angle / (_TURN / sectors)) % sectors


def view_direction(index: int) -> tuple[float, float]:
    """Return heading and elevation of the centre of panorama view `index` (0-35)."""
    return (index % VIEW_HEADINGS) * _VIEW_STEP, (index // VIEW_HEADINGS - 1) * _VIEW_STEP
