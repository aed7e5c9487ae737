"""The eroded floor: membership, snapping, sampling, packing, messages."""

from __future__ import annotations

import math

import numpy as np
import pytest
import shapely  # type: ignore[import-untyped, unused-ignore]
from hypothesis import given
from hypothesis import strategies as st
from shapely import affinity

from envs.houses.floor import SKIN, Floor, pack, sees
from tests.envs.houses.floors import FLOORS, floor_of, floors_and_positions, names, unhurried

anywhere = st.tuples(st.floats(-2, 8), st.floats(-2, 8))


def test_erosion_keeps_square_corners_square() -> None:
    expected = shapely.Polygon([(0.1, 0.1), (3.9, 0.1), (3.9, 1.4), (1.4, 1.4), (1.4, 3.9), (0.1, 3.9)])
    assert FLOORS["l_shape"].polygon.symmetric_difference(expected).area < 1e-12


@unhurried
@given(name=names, point=anywhere)
def test_contains_agrees_with_shapely(name: str, point: tuple[float, float]) -> None:
    floor, place = FLOORS[name], shapely.Point(point)
    if floor.polygon.boundary.distance(place) > 1e-8:
        assert floor.contains([point])[0] == floor.polygon.covers(place)


@pytest.mark.parametrize("name", sorted(FLOORS))
def test_the_edge_belongs_to_the_floor(name: str) -> None:
    edge = FLOORS[name].polygon.boundary
    points = shapely.get_coordinates(edge.interpolate(np.linspace(0, edge.length, 200)))
    assert FLOORS[name].contains(points).all()
    assert FLOORS[name].contains(shapely.get_coordinates(edge)).all()


@unhurried
@given(name=names, point=anywhere)
def test_snap_is_the_nearest_point(name: str, point: tuple[float, float]) -> None:
    floor, place = FLOORS[name], shapely.Point(point)
    snapped = floor.snap([point])[0]
    assert floor.polygon.covers(shapely.Point(snapped))
    assert math.dist(point, snapped) <= floor.polygon.distance(place) + 10 * SKIN
    if floor.polygon.buffer(-10 * SKIN).covers(place):
        assert tuple(snapped) == point


@unhurried
@given(case=floors_and_positions(2))
def test_sees_agrees_with_shapely(case: tuple[str, list[tuple[float, float]]]) -> None:
    name, (a, b) = case
    floor, segment = FLOORS[name], shapely.LineString([a, b])
    seen = sees(floor.arrays, 0, *a, *b)
    if floor.polygon.covers(segment):
        assert seen
    if not floor.polygon.buffer(1e-7, join_style="mitre").covers(segment):
        assert not seen


def test_random_points_are_uniform_and_seeded() -> None:
    floor = FLOORS["furnished"]
    points = floor.sample(np.random.default_rng(7), 20_000)
    assert (points == floor.sample(np.random.default_rng(7), 20_000)).all()
    assert (points[:10] == floor.sample(np.random.default_rng(7), 10)).all()
    assert floor.polygon.covers(shapely.MultiPoint(points))
    left = shapely.box(0, 0, 2.5, 4)
    share = floor.polygon.intersection(left).area / floor.polygon.area
    assert abs((points[:, 0] < 2.5).mean() - share) < 4 * math.sqrt(share * (1 - share) / len(points))


def test_packed_floors_answer_as_single_ones() -> None:
    floors = [FLOORS[name] for name in sorted(FLOORS)]
    packed = pack(floors)
    rng = np.random.default_rng(1)
    for index, floor in enumerate(floors):
        for a, b in zip(floor.sample(rng, 50), floor.sample(rng, 50), strict=True):
            assert sees(packed, index, *a, *b) == sees(floor.arrays, 0, *a, *b)


@pytest.mark.parametrize(
    ("point", "said"),
    [
        ((3.0, 3.0), r"^l_shape: position \(3\.000, 3\.000\) is off the floor, whose nearest point is \(.*\)\.$"),
        ((math.nan, 1.0), r"^l_shape: position \(nan, 1\.000\) is not a place\.$"),
        ((math.inf, 1.0, 0.0), r"^l_shape: position \(inf, 1\.000\) is not a place\.$"),
    ],
)
def test_bad_positions_are_one_sentence(point: tuple[float, ...], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        FLOORS["l_shape"].require([point])


def test_bad_shape_is_one_sentence() -> None:
    with pytest.raises(ValueError, match=r"^l_shape: positions have the shape \(2,\)"):
        FLOORS["l_shape"].require([1.0, 1.0])


def test_too_narrow_a_floor_is_one_sentence() -> None:
    with pytest.raises(ValueError, match=r"^closet: no floor is left to an agent of radius 0\.1 m\.$"):
        Floor.eroded([[[(0, 0), (1, 0), (1, 0.2), (0, 0.2)]]], "closet", 0.1)


@unhurried
@given(angle=st.floats(0, 360), shift=st.floats(-100, 100))
def test_turning_the_floor_turns_the_answers(angle: float, shift: float) -> None:
    free = shapely.box(0, 0, 3, 3).difference(shapely.box(1, 1, 2, 2))
    points = [(0.5, 0.5), (1.5, 1.5), (2.5, 1.5), (-0.5, 1)]
    moved = floor_of(affinity.translate(affinity.rotate(free, angle, (0, 0)), shift), "moved")
    turned = shapely.get_coordinates(
        affinity.translate(affinity.rotate(shapely.MultiPoint(points), angle, (0, 0)), shift)
    )
    assert moved.contains(turned).tolist() == [True, False, True, False]
