"""Waypoint actions: look all around, choose a direction, go there; what stands for them in primitive actions.

After the idea of VLN-CE's waypoint models (Krantz et al. 2021, arXiv 2110.02207), which choose headings and distances
in a panorama; the 24 headings, the one distance and the pictures are ours.

Action 0 is STOP. Action 1 + i turns to the i-th heading from left to right in a strip of `VIEWS` pictures all around,
of which the fourth shows what is ahead, by the shorter side, and then makes `STEPS` steps forward, sliding along what
is in the way. Each picture shows three headings: its middle and 15 degrees to either side.
"""

from __future__ import annotations

import math

HEADINGS = 24
"""Directions, 15 degrees apart: R2R-CE's turn."""

STEPS = 6
"""Of 0.25 m: 1.5 metres."""

AHEAD = 10
"""Index of the heading straight ahead: the first is 150 degrees to the left."""

VIEWS = 8
"""Pictures that show all directions."""

HFOV = math.pi / 4
"""Radians, horizontal angle of view of a picture."""


def turns(action: int) -> int:
    """Return the turns of 15 degrees before a waypoint action's steps, to the right if positive; from -12 to 12."""
    count = action - 1 - AHEAD
    return count - HEADINGS if count > HEADINGS // 2 else count
