"""The oracle follower: it arrives, by a short way, in few steps."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings

from envs.houses.follower import GOAL_RADIUS, MOST_STEPS, WAYPOINT_RADIUS, Follower
from envs.houses.motion import STOP, walk
from navagent.errors import NavAgentError
from tests.envs.houses.floors import (
    FLOORS,
    GEODESICS,
    SEEDS,
    floors_and_positions,
    generated,
    headings,
    length,
    unhurried,
)

Case = tuple[str, list[tuple[float, float]]]

CONNECTED = [name for name in sorted(FLOORS) if name != "islands"]


@settings(unhurried, max_examples=200)
@given(case=floors_and_positions(2), heading=headings)
def test_arrives_in_few_steps(case: Case, heading: float) -> None:
    name, (start, goal) = case
    shortest = GEODESICS[name].distance(start, goal)
    assume(shortest < math.inf)
    actions, done = Follower(GEODESICS[name]).walk(start, heading, [goal])
    assert actions[-1] == STOP
    assert (actions[:-1] != STOP).all()
    assert GEODESICS[name].distance(done.positions[-1], goal) < GOAL_RADIUS
    # 4 steps a metre, and some for turns.
    assert len(actions) <= 60 + 12 * shortest
    # A short way may begin with the agent's back to the wall; from two metres on that does not count.
    if shortest > 2:
        assert shortest / max(shortest, length(done.positions)) > 0.9


@pytest.mark.parametrize("name", CONNECTED)
def test_goes_by_a_short_way(name: str) -> None:
    rng = np.random.default_rng(11)
    floor, geodesic = FLOORS[name], GEODESICS[name]
    for start, goal in zip(floor.sample(rng, 100), floor.sample(rng, 200)[100:], strict=True):
        shortest = geodesic.distance(start, goal)
        if shortest >= 3:
            actions, done = Follower(geodesic).walk(start, float(rng.uniform(0, 6.28)), [goal])
            assert len(actions) <= MOST_STEPS
            assert shortest / max(shortest, length(done.positions)) > 0.95


@pytest.mark.parametrize("seed", SEEDS)
def test_goes_by_a_short_way_in_a_generated_house(seed: int) -> None:
    rng = np.random.default_rng(seed)
    geodesic = generated(seed)
    points = geodesic.floor.sample(rng, 60)
    for start, goal in zip(points[::2], points[1::2], strict=True):
        shortest = geodesic.distance(start, goal)
        # R2R's paths have 5 m and more.
        if shortest >= 5:
            actions, done = Follower(geodesic).walk(start, float(rng.uniform(0, 6.28)), [goal])
            assert actions[-1] == STOP
            assert len(actions) <= MOST_STEPS
            assert shortest / max(shortest, length(done.positions)) > 0.95


@unhurried
@given(case=floors_and_positions(2), heading=headings)
def test_one_action_at_a_time_gives_the_same_walk(case: Case, heading: float) -> None:
    name, (start, goal) = case
    assume(GEODESICS[name].distance(start, goal) < math.inf)
    follower = Follower(GEODESICS[name])
    actions, done = follower.walk(start, heading, [goal])
    single = [follower.next_action(p, float(h), goal) for p, h in zip(done.positions, done.headings, strict=True)]
    # The last two poses are those before and after STOP.
    assert single == [*actions.tolist(), STOP]
    again = walk(FLOORS[name], start, heading, actions)
    assert again.positions.tobytes() == done.positions.tobytes()
    assert again.collided.tobytes() == done.collided.tobytes()


@settings(unhurried, max_examples=50)
@given(case=floors_and_positions(5), heading=headings)
def test_passes_every_waypoint_in_turn(case: Case, heading: float) -> None:
    name, (start, *waypoints) = case
    geodesic = GEODESICS[name]
    assume(all(geodesic.distance(start, waypoint) < math.inf for waypoint in waypoints))
    _, done = Follower(geodesic).walk(start, heading, waypoints, limit=2000)
    reached = 0
    for position in done.positions:
        while reached < len(waypoints) and geodesic.distance(position, waypoints[reached]) < WAYPOINT_RADIUS:
            reached += 1
    assert reached == len(waypoints)
    assert geodesic.distance(done.positions[-1], waypoints[-1]) < GOAL_RADIUS


def test_slow_slides_past_a_corner_are_left() -> None:
    # With this heading a step into the wall slides 2.5 micrometres nearer, and a step along it overshoots the corner.
    actions, _ = Follower(GEODESICS["two_rooms"]).walk((5.899999, 0.100001), 1e-5, [(0.100001, 0.100001)])
    assert actions[-1] == STOP
    assert len(actions) < 60


def test_other_steps_and_radii() -> None:
    follower = Follower(GEODESICS["furnished"], goal_radius=0.5, step=0.4, turn=30)
    actions, done = follower.walk((0.5, 0.5), 3.0, [(4.8, 3.8)])
    assert actions[-1] == STOP
    assert GOAL_RADIUS < GEODESICS["furnished"].distance(done.positions[-1], (4.8, 3.8)) < 0.5


def test_a_limit_cuts_the_walk_short() -> None:
    actions, done = Follower(GEODESICS["l_shape"]).walk((3.5, 0.5), 0.0, [(0.5, 3.5)], limit=7)
    assert len(actions) == 7
    assert STOP not in actions
    assert done.positions.shape == (8, 2)


def test_no_way_is_one_sentence() -> None:
    follower = Follower(GEODESICS["islands"])
    said = r"^islands: no action leads from position \(1\.000, 1\.000\) towards \[4\.0, 1\.0\]\.$"
    with pytest.raises(NavAgentError, match=said):
        follower.walk((1, 1), 0.0, [(4.0, 1.0)])
    with pytest.raises(NavAgentError, match=said):
        follower.next_action((1, 1), 0.0, (4.0, 1.0))


def test_bad_input_is_one_sentence() -> None:
    follower = Follower(GEODESICS["l_shape"])
    with pytest.raises(ValueError, match=r"^l_shape: position \(3\.000, 3\.000\) is off the floor"):
        follower.walk((1, 1), 0.0, [(3, 3)])
    with pytest.raises(ValueError, match=r"^l_shape: there is no waypoint to walk to\.$"):
        follower.walk((1, 1), 0.0, np.empty((0, 2)))
    with pytest.raises(ValueError, match=r"^l_shape: a turn of 0 degrees is not possible"):
        Follower(GEODESICS["l_shape"], turn=0)
