from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from navagent.types import (
    Action,
    Candidate,
    Description,
    Direction,
    MoveTo,
    Observation,
    SeenObject,
    Stop,
)
from policies.buffer import SIDES, TURN_WITHIN, Move, carry_out, read_moves
from policies.situation import ReplyError, Situation


def situation(*headings: float, seen: dict[float, tuple[str, ...]] | None = None) -> Situation:
    """Return a place with ways on at headings and things seen at others, in degrees."""
    ways = tuple(Candidate(f"at{h:.0f}", math.radians(h), 0.0, 2.0) for h in headings)
    views = tuple(
        Direction(math.radians(h), 0.8, things[0], tuple(SeenObject(name, 0.0) for name in things[1:]))
        for h, things in (seen or {}).items()
    )
    return Situation(Observation("", "house", 0, candidates=ways), Description("", views), ())


@pytest.mark.parametrize(
    ("move", "action"),
    [
        (Move("stop"), Stop()),
        (Move("go", "at90"), MoveTo("at90")),
        (Move("go", "at45"), None),
        (Move("turn", "right"), MoveTo("at90")),
        (Move("turn", "Back"), MoveTo("at-170")),
        (Move("turn", "left"), None),  # nothing lies there
        (Move("turn", "up"), None),
        (Move("approach", "the big sofa"), MoveTo("at90")),
        (Move("approach", "couch"), MoveTo("at90")),
        (Move("approach", "lamp"), MoveTo("at0")),  # among objects
        (Move("approach", "painting"), None),  # seen where no way leads
        (Move("approach", "unicorn"), None),
        (Move("approach", ""), None),
    ],
)
def test_moves_mean_what_is_there(move: Move, action: Action | None) -> None:
    place = situation(0, 90, -170, seen={0: ("a wall", "lamp"), 90: ("a large sofa",), -90: ("a painting",)})
    assert carry_out(move, place) == action


@given(st.lists(st.integers(-179, 180), max_size=6, unique=True), st.sampled_from(sorted(SIDES)))
def test_a_turn_takes_the_nearest_way_within_its_side(headings: list[int], way: str) -> None:
    def off(heading: int) -> float:
        return abs((heading - math.degrees(SIDES[way]) + 180) % 360 - 180)

    action = carry_out(Move("turn", way), situation(*headings))
    if not headings or min(map(off, headings)) > math.degrees(TURN_WITHIN) + 1e-6:
        assert action is None
    elif min(map(off, headings)) < math.degrees(TURN_WITHIN) - 1e-6:
        assert isinstance(action, MoveTo)
        assert off(int(action.candidate_id.removeprefix("at"))) == pytest.approx(min(map(off, headings)))


def test_only_the_first_move_must_be_possible_now() -> None:
    entries = [{"move": "turn", "target": "ahead"}, {"move": "approach", "target": "unicorn"}]
    assert read_moves({"moves": entries}, situation(0), 5) == (Move("turn", "ahead"), Move("approach", "unicorn"))
    with pytest.raises(ReplyError, match="'approach unicorn', cannot be made here; the viewpoints are at0"):
        read_moves({"moves": entries[::-1]}, situation(0), 5)


def test_no_more_moves_are_taken_than_asked_for() -> None:
    entries = [{"move": "turn", "target": "ahead"}] * 9
    assert len(read_moves({"moves": entries}, situation(0), 3)) == 3


json_data = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["moves", "move", "target"]), inner),
)


@given(json_data)
def test_json_of_another_form_is_rejected(parsed: object) -> None:
    with pytest.raises(ReplyError, match="your reply holds no JSON object of the form"):
        read_moves(parsed, situation(0), 5)
