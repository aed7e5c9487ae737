"""What habitat-lab's pose sensors give to one agent; houses compute the same for many at once."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from navagent.geometry import wrap
from navagent.types import Pose, Position


def pose_readings(start: Pose, here: Pose, goal: Position) -> dict[str, NDArray[np.float32]]:
    """Return `gps`, `compass` and `pointgoal_with_gps_compass`, angles positive to the left.

    Args:
        start: The episode's first pose.
        here: The agent's pose.
        goal: Metres.

    Returns:
        (2,) metres ahead and to the right of the start, in the frame of the first pose; (1,) radians turned since the
        start; (2,) metres to the goal as the crow flies, and radians from straight ahead; angles in [-pi, pi).
    """
    x, y = (a - b for a, b in zip(here.position[:2], start.position[:2], strict=True))
    sine, cosine = math.sin(start.heading), math.cos(start.heading)
    to_x, to_y = (a - b for a, b in zip(goal[:2], here.position[:2], strict=True))
    return {
        "gps": np.array([x * sine + y * cosine, x * cosine - y * sine], np.float32),
        "compass": np.array([wrap(start.heading - here.heading)], np.float32),
        "pointgoal_with_gps_compass": np.array(
            [math.hypot(to_x, to_y), wrap(here.heading - math.atan2(to_x, to_y))], np.float32
        ),
    }
