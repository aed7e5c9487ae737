"""Pixels to directions and distances, against a pinhole camera worked out with rotation matrices."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from navagent.geometry import wrap
from navagent.perception.rays import box_distance, focal_length, heading_offset

HFOV = math.radians(75)
WIDTH, HEIGHT = 160, 120


def project(point: np.ndarray, heading: float, elevation: float) -> tuple[float, float, float]:
    """Return pixel right and up of the centre, and depth, of a point seen from the origin (x east, y north, z up)."""
    ahead = np.array(
        [math.sin(heading) * math.cos(elevation), math.cos(heading) * math.cos(elevation), math.sin(elevation)]
    )
    right = np.array([math.cos(heading), -math.sin(heading), 0.0])
    up = np.cross(right, ahead)
    focal = focal_length(WIDTH, HFOV)
    depth = float(point @ ahead)
    return focal * float(point @ right) / depth, focal * float(point @ up) / depth, depth


@given(
    heading=st.floats(0, 6.28),
    elevation=st.sampled_from([-math.pi / 6, 0.0, math.pi / 6]),
    off=st.floats(-0.5, 0.5),
    rise=st.floats(-0.4, 0.4),
    distance=st.floats(0.5, 8.0),
)
def test_a_projected_point_comes_back_in_direction_and_distance(
    heading: float, elevation: float, off: float, rise: float, distance: float
) -> None:
    true = heading + off
    steep = elevation + rise
    point = distance * np.array([math.sin(true) * math.cos(steep), math.cos(true) * math.cos(steep), math.sin(steep)])
    right, up, depth = project(point, heading, elevation)
    assume(depth > 0.1)
    focal = focal_length(WIDTH, HFOV)
    assert wrap(heading_offset(right, up, focal, elevation) - off) == pytest.approx(0.0, abs=1e-6)
    x, y = WIDTH / 2 + right, HEIGHT / 2 - up
    assume(2 < x < WIDTH - 2 and 2 < y < HEIGHT - 2)
    seen = box_distance((x - 2, y - 2, x + 2, y + 2), np.full((HEIGHT, WIDTH), depth, np.float32), HFOV)
    assert seen == pytest.approx(distance, rel=1e-4)


def test_the_depth_of_an_object_is_not_that_of_what_is_behind_it() -> None:
    depth = np.full((HEIGHT, WIDTH), 6.0, np.float32)
    depth[50:70, 70:90] = 2.0
    assert box_distance((68, 48, 92, 72), depth, HFOV) == pytest.approx(2.0)


def test_pixels_without_depth_do_not_count() -> None:
    depth = np.zeros((HEIGHT, WIDTH), np.float32)
    assert box_distance((60, 40, 100, 80), depth, HFOV) is None
    depth[60, 80] = 3.0
    assert box_distance((60, 40, 100, 80), depth, HFOV) == pytest.approx(3.0)


@pytest.mark.parametrize("box", [(0, 0, 0.2, 0.2), (159.9, 119.9, 160, 120), (0, 0, 160, 120)])
def test_boxes_at_the_edges_have_a_distance(box: tuple[float, float, float, float]) -> None:
    assert box_distance(box, np.ones((HEIGHT, WIDTH), np.float32), HFOV) is not None
