"""The navigator without a model: where it goes, and when it calls a sub-task done."""

from __future__ import annotations

import math

import pytest

from navagent.contracts import Describer
from navagent.types import (
    Action,
    Candidate,
    Description,
    Direction,
    MoveTo,
    Observation,
    SeenObject,
    Stop,
    SubTask,
    SubTaskAction,
)
from policies.navigators.graph import GraphNavigator
from tests.kitchen import EPISODE

SECTOR = math.radians(45)


class Views(Describer):
    """Tells what `texts` says of each direction, clockwise from the front, and objects within reach there."""

    def __init__(self) -> None:
        self.texts: dict[int, str] = {}
        self.near: dict[int, tuple[str, float]] = {}

    def describe(self, observation: Observation) -> Description:
        def way(k: int) -> Direction:
            heading = (k * SECTOR + math.pi) % math.tau - math.pi
            things = [SeenObject(name, heading, away) for j, (name, away) in self.near.items() if j == k]
            return Direction(heading, SECTOR, self.texts.get(k, "a wall"), tuple(things))

        return Description("a place", tuple(way(k) for k in range(8)))


class Robot:
    """A navigator at work in places that a test describes."""

    def __init__(self, action: SubTaskAction, landmark: str, text: str = "", then: SubTask | None = None) -> None:
        self.views = Views()
        self.navigator = GraphNavigator(self.views)
        self.navigator.reset(EPISODE)
        self.navigator.begin(SubTask(action, landmark, text), then)

    def at(
        self,
        texts: dict[int, str],
        near: dict[int, tuple[str, float]] | None = None,
        here: str | None = "here",
        up: int = -1,
    ) -> Action:
        """Return what it does where `texts` tells the directions, with a way on in each of the four main ones."""
        self.views.texts, self.views.near = texts, near or {}
        ways = [
            Candidate(f"way{k}", (k * SECTOR + math.pi) % math.tau - math.pi, 0.5 * (k == up), 2.0)
            for k in (0, 2, 4, 6)
        ]
        return self.navigator.act(Observation("", "house", 0, viewpoint=here, candidates=tuple(ways))).action


def test_it_goes_where_the_landmark_is_seen() -> None:
    assert Robot("GoTo", "piano").at({2: "a room with a grand piano"}) == MoveTo("way2")
    assert Robot("GoTo", "couch").at({6: "a large sofa"}) == MoveTo("way6")  # by another name


def test_it_goes_straight_on_where_nothing_is_seen() -> None:
    assert Robot("GoPast", "piano").at({}) == MoveTo("way0")


@pytest.mark.parametrize(
    ("text", "way"), [("turn left", "way6"), ("turn right", "way2"), ("turn around and go on", "way4")]
)
def test_it_turns_as_told_on_the_first_move_only(text: str, way: str) -> None:
    robot = Robot("GoPast", "piano", text)
    assert robot.at({}) == MoveTo(way)
    assert robot.at({}, here="there") == MoveTo("way0")


def test_it_climbs_stairs_that_are_told() -> None:
    assert Robot("GoThrough", "stairs", "walk up the stairs").at({}, up=6) == MoveTo("way6")


def test_it_avoids_visited_places_and_forgets_them_with_the_episode() -> None:
    robot = Robot("GoPast", "piano")
    assert robot.at({}) == MoveTo("way0")
    robot.at({}, here="way0")
    assert robot.at({}) != MoveTo("way0")
    robot.navigator.reset(EPISODE)
    assert robot.at({}) == MoveTo("way0")


def test_where_there_are_no_viewpoints_the_places_moved_to_are_known() -> None:
    robot = Robot("GoPast", "piano")
    assert robot.at({}, here=None) == MoveTo("way0")
    assert robot.at({}, here=None) != MoveTo("way0")


def test_leaving_takes_the_door_and_the_way_to_what_follows() -> None:
    room = dict.fromkeys(range(8), "a bedroom")
    assert Robot("Exit", "bedroom").at({**room, 2: "a door"}) == MoveTo("way2")
    follows = SubTask("GoInto", "office")
    assert Robot("Exit", "bedroom", then=follows).at({**room, 2: "a door", 6: "an office with a door"}) == MoveTo(
        "way6"
    )


def test_go_to_ends_within_reach() -> None:
    assert Robot("GoTo", "floor lamp").at({}, {3: ("floor lamp", 2.9)}) == Stop()
    assert Robot("GoTo", "floor lamp").at({}, {3: ("floor lamp", 3.1)}) != Stop()
    assert Robot("GoTo", "red floor lamp").at({}, {3: ("lamp", 1.0)}) != Stop()


def test_go_into_ends_inside() -> None:
    robot = Robot("GoInto", "kitchen")
    assert robot.at({0: "a kitchen"}) == MoveTo("way0")
    assert robot.at(dict.fromkeys(range(5), "a kitchen")) == Stop()


def test_go_through_ends_on_the_far_side() -> None:
    robot = Robot("GoThrough", "hallway")
    inside = dict.fromkeys(range(6), "a hallway")
    assert robot.at({0: "a hallway"}) == MoveTo("way0")
    assert robot.at(inside, here="b") != Stop()
    assert robot.at({4: "a hallway"}, here="c") == Stop()


def test_exit_ends_outside_after_a_move() -> None:
    robot = Robot("Exit", "bedroom")
    assert robot.at({0: "a door"}) == MoveTo("way0")  # also where the texts never call it a bedroom
    assert robot.at({}, here="b") == Stop()
    inside = Robot("Exit", "bedroom")
    inside.at(dict.fromkeys(range(8), "a bedroom"))
    assert inside.at(dict.fromkeys(range(6), "a bedroom"), here="b") != Stop()
    assert inside.at({4: "a bedroom"}, here="c") == Stop()


def test_go_past_ends_when_the_landmark_is_no_longer_ahead() -> None:
    robot = Robot("GoPast", "sofa")
    assert robot.at({0: "a sofa"}) == MoveTo("way0")
    assert robot.at({1: "a sofa"}, here="b") != Stop()
    assert robot.at({3: "a sofa"}, here="c") == Stop()


def test_go_past_what_was_never_seen_does_not_end() -> None:
    robot = Robot("GoPast", "sofa")
    assert [robot.at({}, here=str(k)) for k in range(4)].count(Stop()) == 0


def test_it_ends_where_no_way_leads_on() -> None:
    robot = Robot("GoTo", "piano")
    assert robot.navigator.act(Observation("", "house", 0, viewpoint="x", candidates=())).action == Stop()


def test_a_move_that_others_made_counts() -> None:
    robot = Robot("Exit", "bedroom")
    robot.navigator.overruled(Observation("", "house", 0), MoveTo("way0"))
    assert robot.at({}) == Stop()
