from __future__ import annotations

from dataclasses import replace

import pytest

from navagent.types import Description, Direction, MoveTo, Observation, Pose, SeenObject, Stop
from policies.switches import SWITCHES, Signs, Watch, is_critical, is_illegal, is_stuck, is_unexpected, place_of

CALM = Signs(MoveTo("a"))


def test_nothing_holds_while_all_goes_well() -> None:
    assert not any(condition(CALM) for condition, _ in SWITCHES.values())


@pytest.mark.parametrize(("idle", "stuck"), [(0, False), (4, False), (5, True), (9, True)])
def test_stuck_after_five_idle_steps(idle: int, stuck: bool) -> None:
    assert is_stuck(replace(CALM, idle_steps=idle)) is stuck
    assert is_stuck(replace(CALM, idle_steps=idle, patience=idle + 1)) is False


def test_illegal_critical_unexpected() -> None:
    assert is_illegal(replace(CALM, legal=False))
    assert is_critical(replace(CALM, proposal=Stop()))
    assert is_unexpected(replace(CALM, collided=True))
    assert is_unexpected(replace(CALM, stayed=True))
    assert is_unexpected(replace(CALM, returned=True))


def at(place: str, step: int = 0) -> Observation:
    return Observation("Walk past the sofa and stop by the piano.", "house", step, viewpoint=place)


def view(text: str, *things: str) -> Description:
    return Description("", (Direction(0.0, 1.0, text, tuple(SeenObject(name, 0.0) for name in things)),))


def test_idle_steps_count_views_without_a_new_word_of_the_instruction() -> None:
    watch, idle = Watch(), []
    for place, text, things in (
        ("a", "a wall", ()),
        ("b", "a couch", ()),
        ("c", "a couch", ()),
        ("d", "a lamp", ()),
        ("e", "a lamp", ("piano",)),
        ("f", "a sofa", ("piano",)),
    ):
        watch.look(at(place), view(text, *things))
        idle.append(watch.idle_steps)
    assert idle == [0, 0, 1, 2, 0, 1]
    watch.took_over()
    assert watch.idle_steps == 0


def test_returning_counts_for_the_fast_policys_moves_only() -> None:
    watch = Watch()
    for by_fast in (True, False):
        for place in ("a", "b"):
            watch.look(at(place), view(""))
            watch.acted(MoveTo("x"), by_fast)
        watch.look(at("a"), view(""))
        assert watch.returned is by_fast
        assert not watch.stayed


def test_a_move_that_leaves_the_place_as_it_was_is_no_return() -> None:
    watch = Watch()
    watch.look(at("a"), view(""))
    watch.acted(MoveTo("b"), by_fast=True)
    watch.look(at("a"), view(""))
    assert (watch.stayed, watch.returned) == (True, False)


def test_places_without_viewpoints_are_known_by_half_metres() -> None:
    def standing(x: float) -> Observation:
        return Observation("", "house", 0, pose=Pose((x, 0.0, 0.0), 0.0))

    assert place_of(standing(1.0)) == place_of(standing(1.2)) != place_of(standing(1.4))
    assert place_of(at("c0ffee")) == "c0ffee"
    assert place_of(Observation("", "house", 0)) is None
