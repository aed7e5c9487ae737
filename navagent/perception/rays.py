"""Where a thing in a picture lies: pixels to directions and distances."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

CENTRAL = 0.5
"""The part of a box, each way, whose depth counts: near its edges a box shows what is behind or beside the object."""


def focal_length(width: int, hfov: float) -> float:
    """Return the focal length in pixels of a picture `width` pixels wide that shows `hfov` radians."""
    return width / 2 / math.tan(hfov / 2)


def heading_offset(right: float, up: float, focal: float, elevation: float) -> float:
    """Return how far right of a camera's own heading a pixel lies, radians.

    Args:
        right: Pixels right of the picture's centre.
        up: Pixels above it.
        focal: Focal length, pixels.
        elevation: Of the camera, radians above the horizon.
    """
    # The ray through the pixel, tilted by the camera's elevation and seen from above.
    ahead = focal * math.cos(elevation) - up * math.sin(elevation)
    return math.atan2(right, ahead)


def box_distance(box: Sequence[float], depth: NDArray[np.float32], hfov: float) -> float | None:
    """Return the straight-line distance to what a box shows, metres; None where the depth there is unknown.

    Args:
        box: Left, top, right, bottom edge in pixels.
        depth: (H, W), metres along the optical axis, 0 where nothing is.
        hfov: Horizontal angle of view, radians.
    """
    height, width = depth.shape
    left, top, right, bottom = box
    x, y = (left + right) / 2, (top + bottom) / 2
    half_width, half_height = (right - left) / 2 * CENTRAL, (bottom - top) / 2 * CENTRAL
    rows = slice(max(0, math.floor(y - half_height)), min(height, math.ceil(y + half_height)))
    columns = slice(max(0, math.floor(x - half_width)), min(width, math.ceil(x + half_width)))
    known = depth[rows, columns]
    known = known[known > 0]
    if not known.size:
        return None
    focal = focal_length(width, hfov)
    slant = math.hypot(1.0, (x - width / 2) / focal, (y - height / 2) / focal)
    return float(np.median(known)) * slant
