from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from navagent.geometry import direction, sector, view_direction, wrap

ANGLES = st.floats(-50, 50)
COORDINATES = st.tuples(*[st.floats(-100, 100)] * 3)


@given(ANGLES)
def test_wrap_keeps_the_angle_and_its_range(angle: float) -> None:
    wrapped = wrap(angle)
    assert -math.pi <= wrapped < math.pi
    assert math.cos(wrapped - angle) == pytest.approx(1, abs=1e-9)


@given(COORDINATES, COORDINATES)
def test_directions_lead_back_to_the_target(
    origin: tuple[float, float, float], target: tuple[float, float, float]
) -> None:
    heading, elevation, distance = direction(origin, target)
    flat = distance * math.cos(elevation)
    end = (
        origin[0] + flat * math.sin(heading),
        origin[1] + flat * math.cos(heading),
        origin[2] + distance * math.sin(elevation),
    )
    assert end == pytest.approx(target, abs=1e-6)
    assert 0 <= heading <= 2 * math.pi


@given(ANGLES, st.integers(1, 36))
def test_a_sector_is_the_nearest_one(angle: float, sectors: int) -> None:
    width = 2 * math.pi / sectors
    found = sector(angle, sectors)
    assert 0 <= found < sectors
    assert abs(wrap(found * width - angle)) <= width / 2 + 1e-9


def test_angles_just_below_a_full_turn_are_in_front() -> None:
    """NavGPT's public code drops them."""
    assert sector(math.radians(337.6), 8) == sector(math.radians(359), 8) == sector(math.radians(-5), 8) == 0


def test_views_are_numbered_as_in_r2r() -> None:
    assert view_direction(12) == (0.0, 0.0)
    assert view_direction(1) == pytest.approx((math.radians(30), math.radians(-30)))
    assert view_direction(35) == pytest.approx((math.radians(330), math.radians(30)))
