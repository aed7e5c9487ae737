"""Motion: where a step may end, what a collision is, turns, batches."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import shapely  # type: ignore[import-untyped, unused-ignore]
from hypothesis import given, settings
from hypothesis import strategies as st

from envs.houses.floor import SKIN
from envs.houses.motion import FORWARD, LEFT, RIGHT, STOP, turned, walk
from tests.envs.houses.floors import FLOORS, GEODESICS, SEEDS, floors_and_positions, generated, headings, unhurried

Case = tuple[str, list[tuple[float, float]]]

actions = st.lists(st.sampled_from([FORWARD, FORWARD, FORWARD, LEFT, RIGHT, STOP]), min_size=1, max_size=80)


@settings(unhurried, max_examples=300)
@given(case=floors_and_positions(1), heading=headings, codes=actions, step=st.sampled_from([0.25, 0.1, 1.0, 7.0]))
def test_every_step_keeps_the_rules(case: Case, heading: float, codes: list[int], step: float) -> None:
    name, (start,) = case
    floor = FLOORS[name]
    done = walk(floor, start, heading, codes, step=step)
    assert floor.polygon.covers(shapely.MultiPoint(done.positions))
    for i, (before, after) in enumerate(pairwise(done.positions)):
        moved = after - before
        if codes[i] != FORWARD:
            assert (moved == 0).all()
            assert not done.collided[i]
            continue
        wish = step * np.array([math.sin(done.headings[i]), math.cos(done.headings[i])])
        assert np.hypot(*moved) <= step + 1e-12
        assert moved @ wish >= -1e-12
        # Through a wall would be a long way round.
        assert GEODESICS[name].distance(before, after) <= step + 1e-9
        # habitat-sim, ObjectControls.action, EPS = 1e-5 on squared distances.
        assert done.collided[i] == (moved @ moved + 1e-5 < step * step)
        if floor.polygon.buffer(-2 * SKIN).covers(shapely.LineString([before, before + wish])):
            assert np.hypot(*moved) == pytest.approx(step, abs=1e-12)
            assert moved == pytest.approx(wish, abs=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_walks_stay_on_a_generated_house(seed: int) -> None:
    rng = np.random.default_rng(seed)
    geodesic = generated(seed)
    for start in geodesic.floor.sample(rng, 10):
        done = walk(
            geodesic.floor, start, float(rng.uniform(0, 6.28)), rng.choice([FORWARD, FORWARD, LEFT, RIGHT], 200)
        )
        assert geodesic.floor.polygon.covers(shapely.MultiPoint(done.positions))
        for before, after in pairwise(done.positions[:50]):
            assert geodesic.distance(before, after) <= 0.25 + 1e-9


@unhurried
@given(case=floors_and_positions(1), heading=headings, codes=actions)
def test_replaying_gives_the_same_bytes(case: Case, heading: float, codes: list[int]) -> None:
    name, (start,) = case
    first, second = (walk(FLOORS[name], start, heading, codes) for _ in range(2))
    assert [part.tobytes() for part in first] == [part.tobytes() for part in second]


@unhurried
@given(heading=headings, turn=st.sampled_from([15.0, 30.0, 10.0, 7.5, 22.5, 90.0]), side=st.sampled_from([LEFT, RIGHT]))
def test_a_full_circle_of_turns_is_identity(heading: float, turn: float, side: int) -> None:
    circle = round(360 / turn)
    done = walk(FLOORS["l_shape"], (1, 1), heading, [side] * (circle + 1), turn=turn)
    assert done.headings[circle] == pytest.approx(heading, abs=3e-13)
    assert done.headings[circle + 1].tobytes() == done.headings[1].tobytes()
    there_and_back = walk(FLOORS["l_shape"], (1, 1), heading, [side, LEFT, RIGHT, RIGHT, LEFT])
    assert there_and_back.headings[1] == there_and_back.headings[3] == there_and_back.headings[5]
    assert ((done.headings >= 0) & (done.headings < 2 * math.pi)).all()


def test_right_is_clockwise_and_forward_is_where_the_agent_faces() -> None:
    done = walk(FLOORS["l_shape"], (1, 1), 0.0, [FORWARD, *[RIGHT] * 6, FORWARD])
    assert done.positions[1] == pytest.approx((1, 1.25), abs=1e-12)
    assert done.headings[7] == pytest.approx(math.pi / 2, abs=1e-15)
    assert done.positions[-1] == pytest.approx((1.25, 1.25), abs=1e-12)
    assert turned(0.0, 15.0) == pytest.approx(math.pi / 12, abs=1e-15)


@unhurried
@given(heading=st.floats(-1.5, 1.5), gap=st.floats(0.0, 0.2))
def test_on_one_wall_a_step_ends_at_the_point_nearest_to_its_wish(heading: float, gap: float) -> None:
    # Recast's moveAlongSurface; the wall is the top of the L's foot at y = 1.4.
    start = (2.7, 1.4 - SKIN - gap)
    done = walk(FLOORS["l_shape"], start, heading % (2 * math.pi), [FORWARD])
    wish = (start[0] + 0.25 * math.sin(heading), start[1] + 0.25 * math.cos(heading))
    assert done.positions[1] == pytest.approx((wish[0], min(wish[1], 1.4 - SKIN)), abs=1e-9)


def test_in_a_corner_the_agent_stays_and_collides() -> None:
    done = walk(FLOORS["l_shape"], (0.2, 0.2), math.radians(225), [FORWARD] * 3)
    assert done.positions[2:] == pytest.approx(np.full((2, 2), 0.1 + SKIN), abs=1e-9)
    assert done.collided.all()


def test_a_grazing_touch_is_no_collision() -> None:
    # habitat-sim's slack: 0.25 m that lose less than 20 micrometres are free.
    start = (2.0, 1.4 - 2 * SKIN)
    assert not walk(FLOORS["l_shape"], start, math.radians(89.4), [FORWARD]).collided[0]
    assert walk(FLOORS["l_shape"], start, math.radians(88), [FORWARD]).collided[0]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"position": (3.0, 3.0)}, r"^l_shape: position \(3\.000, 3\.000\) is off the floor"),
        ({"position": (math.nan, 3.0)}, r"^l_shape: position \(nan, 3\.000\) is not a place\.$"),
        ({"heading": math.nan}, r"^l_shape: heading nan is not an angle\.$"),
        ({"actions": [1, 4]}, r"^l_shape: action 4 is none of 0 \(stop\), 1 \(forward\), 2 \(left\), 3 \(right\)\.$"),
        ({"step": 0.0}, r"^l_shape: a step of 0\.0 m is not possible"),
        ({"turn": -15.0}, r"^l_shape: a turn of -15\.0 degrees is not possible"),
    ],
)
def test_bad_input_is_one_sentence(changes: dict[str, object], said: str) -> None:
    good: dict[str, object] = {"position": (1, 1), "heading": 0.0, "actions": [1]}
    with pytest.raises(ValueError, match=said):
        walk(FLOORS["l_shape"], **{**good, **changes})  # type: ignore[arg-type]
