from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from envs.free_space import AIR, MARGIN, Surroundings, clear_distances, propose, survey
from navagent.geometry import view_direction, wrap
from navagent.types import View

CAMERA, RADIUS = 1.25, 0.1
HFOV = math.radians(90)
EIGHTHS = np.arange(8) * math.pi / 4


def _rays(heading: float, elevation: float, size: int) -> NDArray[np.float64]:
    """Return (size, size, 3) directions to the right, ahead and up, of length 1 along the optical axis."""
    across = (np.arange(size) + 0.5 - size / 2) / (size / 2) * math.tan(HFOV / 2)
    u, v = np.meshgrid(across, -across)
    ahead = np.cos(elevation) - v * np.sin(elevation)
    up = np.sin(elevation) + v * np.cos(elevation)
    return np.stack(
        [u * np.cos(heading) + ahead * np.sin(heading), ahead * np.cos(heading) - u * np.sin(heading), up], -1
    )


def _room(half_width: float, half_length: float, step: float = 0.0, size: int = 96) -> list[View]:
    """Views in the middle of an empty room, its depth computed from planes; the floor may lie a step lower ahead."""
    views = []
    for index in range(0, 36, 3):
        heading, elevation = view_direction(index)
        rays = _rays(heading, elevation, size)
        with np.errstate(divide="ignore"):
            walls = np.minimum(half_width / np.abs(rays[..., 0]), half_length / np.abs(rays[..., 1]))
            ground = np.where(rays[..., 2] < 0, -CAMERA / rays[..., 2], np.inf)
            lower = np.where(rays[..., 2] < 0, -(CAMERA + step) / rays[..., 2], np.inf)
        ground = np.where(ground * rays[..., 1] > 1.5, lower, ground)
        depth = np.minimum(walls, ground).astype(np.float32)
        views.append(View(index, wrap(heading), elevation, None, np.where(depth < 10, depth, 0), HFOV))
    return views


@settings(deadline=None, max_examples=20)
@given(st.floats(0.8, 4.0), st.floats(0.8, 4.0))
def test_an_empty_room_is_clear_up_to_its_walls(half_width: float, half_length: float) -> None:
    seen = survey(_room(half_width, half_length), CAMERA, 1.5, 3.5)
    ahead, right, back, left = clear_distances(seen, np.arange(4) * math.pi / 2, RADIUS)
    for measured, wall in ((ahead, half_length), (back, half_length), (right, half_width), (left, half_width)):
        if wall < 3.3:
            assert measured == pytest.approx(wall - RADIUS - MARGIN, abs=0.03)
        else:
            assert measured > 3.1


def test_proposals_lie_in_the_room_and_end_before_the_wall() -> None:
    proposals = propose(survey(_room(1.2, 2.6), CAMERA, 1.5, 3.5), RADIUS, math.radians(30))
    assert len(proposals) >= 6
    for heading, distance in proposals:
        x, y = distance * math.sin(heading), distance * math.cos(heading)
        assert abs(x) <= 1.2 - AIR
        assert abs(y) <= 2.6 - AIR
        assert distance % 0.25 == 0


def test_directions_keep_their_separation_and_leave_no_open_one_out() -> None:
    for degrees in (20, 45, 90):
        proposals = propose(survey(_room(3.0, 3.0), CAMERA, 1.5, 3.5), RADIUS, math.radians(degrees))
        ways = sorted({heading for heading, _ in proposals})
        gaps = [wrap(b - a) % (2 * math.pi) for a, b in zip(ways, [*ways[1:], ways[0]], strict=True)]
        assert min(gaps) >= math.radians(degrees) - 1e-6
        assert max(gaps) < 2 * math.radians(degrees)


def test_a_floor_that_ends_ends_the_way() -> None:
    """A metre and a half ahead the floor drops by 80 cm: nothing there blocks, and nothing there carries."""
    seen = survey(_room(4.0, 4.0, step=0.8), CAMERA, 1.5, 3.5)
    assert clear_distances(seen, np.zeros(1), RADIUS)[0] > 3
    ahead = [distance for heading, distance in propose(seen, RADIUS, math.radians(30)) if abs(heading) < 0.3]
    behind = [distance for heading, distance in propose(seen, RADIUS, math.radians(30)) if abs(heading) > 2.8]
    assert max(ahead) <= 1.75
    assert max(behind) == 3.0


def test_what_is_low_is_walked_over_and_what_hangs_high_is_walked_under() -> None:
    for height, blocks in ((0.1, False), (0.4, True), (1.4, True), (1.7, False)):
        # One pixel that looks 45 degrees down or up to a point 1 m ahead.
        rise = height - CAMERA
        picture = View(12, 0.0, math.atan2(rise, 1), None, np.full((1, 1), math.hypot(rise, 1), np.float32), 0.1)
        seen = survey([picture], CAMERA, 1.5, 3.0)
        assert (len(seen.obstacles) == 1) == blocks
        assert np.isfinite(clear_distances(seen, np.zeros(1), RADIUS)).all() == blocks


def test_a_wall_beside_the_agent_does_not_keep_it_from_walking_away() -> None:
    wall = np.stack([np.full(200, -RADIUS - 0.001), np.linspace(-2, 2, 200)], axis=1)
    clear = clear_distances(Surroundings(wall, np.empty((0, 2))), EIGHTHS, RADIUS)
    assert np.isinf(clear[[1, 2, 3]]).all()
    assert (clear[[5, 6, 7]] < 0.1).all()


def test_pictures_without_depth_or_angle_are_refused() -> None:
    depth = np.ones((4, 4), np.float32)
    for view in (View(12, 0.0, 0.0, None, None, HFOV), View(12, 0.0, 0.0, None, depth, None)):
        with pytest.raises(ValueError, match="view 12 has no depth or no angle of view"):
            survey([view], CAMERA, 1.5, 3.0)
