"""What the offline rules answer to A2Nav and SwiftSage."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from navagent.llm.offline import OfflineChat
from navagent.llm.offline.sub_tasks import sub_tasks
from navagent.types import Message
from tests.llm.test_offline import STAIRS, SURROUNDINGS, step


@pytest.mark.parametrize(
    ("instruction", "expected"),
    [
        (
            "Exit the bedroom. Walk down the hall and wait by the stairs. ",
            [("exit", "bedroom"), ("walk down", "hall"), ("wait by", "stairs")],
        ),
        (
            "Turn left and leave the kitchen, then pass the red sofa on your right. Stop and wait next to the TV.",
            [("leave", "kitchen"), ("pass", "red sofa"), ("wait next to", "TV")],
        ),
        ("Walk past the chair by the window.", [("walk past", "chair")]),  # the window only tells which chair
        (
            "Stop at the bottom of the stairs, in front of the mirror.",
            [("stop at", "bottom of the stairs"), ("in front of", "mirror")],
        ),
        ("Climb three flights of stairs. ", [("go to", "stairs")]),
        ("Turn left. Stop.", [("go to", "Turn left. Stop.")]),
        ("", []),
    ],
)
def test_ways_and_landmarks(instruction: str, expected: list[tuple[str, str]]) -> None:
    assert [task[:2] for task in sub_tasks(instruction)] == expected


def test_every_word_goes_with_a_sub_task() -> None:
    tasks = sub_tasks("Turn around and leave the bedroom. Turn left, enter the office on your right and stop there.")
    assert [text for _, _, text in tasks] == [
        "Turn around and leave the bedroom",
        "Turn left, enter the office on your right and stop there",
    ]


@given(st.text(max_size=120))
def test_any_text_is_taken_apart_without_inventing(instruction: str) -> None:
    known = set(instruction.lower().split())
    for _, landmark, text in sub_tasks(instruction):
        assert landmark
        assert all(any(word in told for told in known) for word in landmark.lower().split())
        assert all(any(word in told for told in known) for word in text.lower().split())


def answer(name: str, kind: str, instruction: str, moves: int = 0) -> Any:
    schema = {"type": "object", "properties": {name: {"type": kind}}, "required": [name]}
    return OfflineChat().chat(step(instruction, moves), schema).parsed[0][name]


def test_the_chat_model_gives_them_as_a_form_asks() -> None:
    assert answer("sub_tasks", "array", "Leave the kitchen.") == [
        {"action": "leave", "landmark": "kitchen", "text": "Leave the kitchen"}
    ]


def test_a_sub_task_is_complete_at_its_landmark_or_after_two_moves() -> None:
    assert not answer("complete", "boolean", "Stop by the mirror.", moves=0)
    assert answer("complete", "boolean", "Stop by the mirror.", moves=1)  # a mirror is within reach
    assert not answer("complete", "boolean", "Stop by the piano.", moves=1)
    assert answer("complete", "boolean", "Stop by the piano.", moves=2)


def test_a_plan_tells_what_is_left_and_grounds_in_the_best_option() -> None:
    instruction = "Leave the kitchen, go up the stairs and stop by the mirror."
    assert answer("subgoals", "array", instruction) == ["leave the kitchen", "go up the stairs", "stop by the mirror"]
    assert answer("subgoals", "array", instruction, moves=6) == []
    assert answer("progress", "string", instruction) == "Done: nothing. Next: leave the kitchen."
    assert answer("moves", "array", "Walk up the stairs.", moves=1) == [{"move": "go", "target": STAIRS}]
    assert answer("moves", "array", "Walk up the stairs.", moves=9) == [{"move": "stop", "target": ""}]


def test_moves_made_are_read_where_no_history_is_told() -> None:
    schema = {"type": "object", "properties": {"moves": {"type": "array"}}, "required": ["moves"]}
    decided = []
    for made in (1, 9):
        text = f"Instruction: Walk up the stairs.\nYou are at x, after {made} of at most 15 moves.\n{SURROUNDINGS}"
        decided.append(OfflineChat().chat([Message("user", text)], schema).parsed[0]["moves"][0]["move"])
    assert decided == ["go", "stop"]
