"""The offline stand-in reads what planners render and answers every form that planners ask for."""

from __future__ import annotations

import cProfile
import json
from typing import Any

import pytest

from navagent.llm.offline import OfflineChat
from navagent.types import Message

HERE, HALL, STAIRS, BACK = (letter * 32 for letter in "abcd")

SURROUNDINGS = f"""Front (left 22 to right 22): A hallway with a white door.
  Objects: mirror: left 12, 1.8 m
  Navigable: {HALL}: left 7, 2.31 m
Front Right (right 22 to right 67): A tall window.
Right (right 67 to right 112): A stairway with a metal railing.
  Objects: railing: right 90, 2.0 m
  Navigable: {STAIRS}: right 90, 2.80 m, up 25
Rear Right (right 112 to right 157): A plain wall.
Rear (right 157 to left 157): A kitchen with a stove.
  Navigable: {BACK}: left 180, 3.00 m
Rear Left (left 157 to left 112): A plain wall.
Left (left 112 to left 67): A bedroom with a large bed.
Front Left (left 67 to left 22): A plain wall."""


def step(instruction: str, moves: int = 1) -> list[Message]:
    """Return a ReAct request after some moves."""
    lines = [f"{i + 1}. At {i:032d}: A kitchen. Then went ahead to {i + 1:032d}." for i in range(moves - 1)]
    lines += [f"{moves}. At {BACK}: A kitchen. Then turned right 30 degrees to {HERE}."] if moves else []
    text = f"Instruction: {instruction}\n\nHistory:\n{chr(10).join(lines)}\n\nYou are at {HERE}.\n{SURROUNDINGS}"
    return [
        Message("system", "Thought, then Action: move and Action Input: id, or Final Answer: Finished"),
        Message("user", text),
    ]


def chosen(messages: list[Message], *more: str) -> str:
    """Return the option that the enum gets."""
    options = [HALL, STAIRS, BACK, "stop", *more]
    schema = {
        "type": "object",
        "properties": {"thought": {"type": "string"}, "action": {"type": "string", "enum": options}},
        "required": ["thought", "action"],
    }
    reply = OfflineChat().chat(messages, schema)
    assert json.loads(reply.text) == reply.parsed[0]
    return str(reply.parsed[0]["action"])


@pytest.mark.parametrize(
    ("instruction", "expected"),
    [
        ("Go straight down the hallway to the door.", HALL),
        ("Turn right and walk up the stairs.", STAIRS),
        ("Climb the steps to your right.", STAIRS),
        ("Walk past the kitchen.", HALL),  # the kitchen was visited
    ],
)
def test_follows_landmarks_turns_and_stairs(instruction: str, expected: str) -> None:
    assert chosen(step(instruction)) == expected


def test_stops_after_enough_moves_only() -> None:
    instruction = "Leave the kitchen, go along the hallway and wait by the mirror."
    assert chosen(step(instruction, moves=1)) != "stop"
    assert chosen(step(instruction, moves=8)) == "stop"


def test_answers_in_react_text() -> None:
    text = OfflineChat().chat(step("Walk up the stairs.")).text
    assert text.startswith("Thought: ")
    assert text.endswith(f"Action: move\nAction Input: {STAIRS}")
    assert OfflineChat().chat(step("Walk up the stairs.", moves=9)).text.endswith("Final Answer: Finished")


def test_answers_again_after_a_rejected_reply() -> None:
    messages = step("Walk up the stairs.")
    refused = (
        f"That cannot be used: 'x' is no legal action here; the legal ones are {HALL}, {STAIRS}, {BACK}. Try again."
    )
    assert chosen([*messages, Message("assistant", "x"), Message("user", refused)]) == chosen(messages)


def test_reads_a_planners_own_prompt() -> None:
    history = f"1. At {BACK}: A kitchen. Then turned right 30 degrees to {HERE}."
    text = f"Follow: Walk up the stairs. Seen so far: {history} Now: {SURROUNDINGS}"
    assert chosen([Message("user", text)]) == STAIRS


def test_a_prompt_that_lists_all_ids_hides_no_visited_one() -> None:
    messages = step("Go to the kitchen.")
    listed = Message("user", f"{messages[-1].content}\nChoose one of {HALL}, {STAIRS}, {BACK} or stop.")
    assert chosen([listed]) == chosen(messages) != BACK


FAR = "e" * 32
MAP = f"""Map: places have numbers in the order in which they were seen; you are at 4.
4 leads to 1 = {HALL}, 2 = {STAIRS}, 3 = {BACK}
9 = {FAR}, from 2, 7.1 m to walk: A room with a piano."""


def with_map(*visited: str) -> list[Message]:
    numbers = ", ".join(str((HALL, STAIRS, BACK).index(place) + 1) for place in visited)
    text = f"Instruction: Walk to the hallway.\n{MAP}\nWay so far: 0, {numbers}, 4\n\n{SURROUNDINGS}"
    return [Message("user", text)]


def test_goes_back_across_a_map_only_if_all_places_near_were_visited() -> None:
    assert chosen(with_map(HALL, STAIRS, BACK), FAR) == FAR
    assert chosen(with_map(STAIRS, BACK), FAR) == HALL


def test_a_map_makes_no_place_visited() -> None:
    assert chosen(with_map(BACK), FAR) == chosen(step("Walk to the hallway.")) == HALL


def test_repeats_what_is_quoted_for_a_summary() -> None:
    for label in ("Seen", "Thought", "Thought 1"):
        text = f"Put this into one sentence. Only that.\n\n{label}: A bedroom, small."
        assert OfflineChat().chat([Message("user", text)]).text == "A bedroom, small."


def test_summarises_with_a_sight() -> None:
    text = f"Put into one sentence.\n\nInstruction: Go to the bed.\nThe place:\n{SURROUNDINGS}"
    assert OfflineChat().chat([Message("user", text)]).text == "A bedroom with a large bed."
    assert OfflineChat().chat([Message("user", "Say hello. Then more.")]).text == "Say hello."


SCHEMAS: list[tuple[dict[str, Any], Any]] = [
    ({"type": "integer", "minimum": 3, "maximum": 9}, 3),
    ({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, 0.5),
    ({"type": "integer", "maximum": -2}, -2),
    ({"type": "boolean"}, False),
    ({"type": ["null", "string"]}, None),
    ({"const": 7}, 7),
    ({"enum": ["yes", "no"]}, "yes"),
    ({"type": "array", "minItems": 2, "items": {"enum": [BACK, HALL, STAIRS]}}, [STAIRS, HALL]),
    ({"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"type": "boolean"}, {"type": "null"}]}}}, False),
    (
        {"type": "object", "properties": {"a": {"type": "object", "properties": {"b": {"type": "integer"}}}}},
        {"a": {"b": 0}},
    ),
]


@pytest.mark.parametrize(("schema", "expected"), SCHEMAS)
def test_satisfies_any_schema(schema: dict[str, Any], expected: Any) -> None:
    assert OfflineChat().chat(step("Walk up the stairs."), schema).parsed[0] == expected


STRINGS = {"type": "array", "items": {"type": "string"}}


def test_known_properties_are_read_from_the_instruction() -> None:
    names = ("actions", "landmarks", "done")
    messages = step("Leave the kitchen, walk past the white door, go up the stairs and stop by the mirror.", moves=3)
    schema = {"type": "object", "properties": dict.fromkeys(names, STRINGS), "required": list(names)}
    parsed = OfflineChat().chat(messages, schema).parsed[0]
    assert parsed["actions"] == [
        "leave the kitchen",
        "walk past the white door",
        "go up the stairs",
        "stop by the mirror",
    ]
    assert parsed["landmarks"] == ["kitchen", "white door", "stairs", "mirror"]
    assert parsed["done"] == parsed["actions"][:2]


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (STRINGS, ["walk past the bed", "stop"]),
        ({**STRINGS, "maxItems": 1}, ["walk past the bed"]),
        ({"enum": ["x", "stop"]}, "stop"),
        ({"type": "integer", "minimum": 3}, 3),
    ],
)
def test_a_known_property_keeps_to_its_schema(schema: dict[str, Any], expected: Any) -> None:
    form = {"type": "object", "properties": {"actions": schema}, "required": ["actions"]}
    assert OfflineChat().chat(step("Walk past the bed, then stop."), form).parsed[0]["actions"] == expected


def test_a_schema_that_contains_itself_ends() -> None:
    node: dict[str, Any] = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "children": {"type": "array", "items": {"$ref": "#"}}},
        "required": ["name"],
    }
    assert OfflineChat().chat(step("Walk."), node).parsed[0]["name"]


def test_string_lengths_are_kept() -> None:
    for limits in ({"maxLength": 5}, {"minLength": 900}):
        text = OfflineChat().chat(step("Walk."), {"type": "string", **limits}).parsed[0]
        assert limits.get("minLength", 0) <= len(text) <= limits.get("maxLength", 900)


def test_reply_is_filled_and_deterministic() -> None:
    chat, messages = OfflineChat(), step("Walk up the stairs.")
    reply = chat.chat(messages, n=3, temperature=1.0)
    assert reply == chat.chat(messages, n=3)
    assert len(set(reply.texts)) == 1
    assert reply.parsed == (None, None, None)
    assert (reply.model, reply.cost_usd, reply.latency_s, reply.cached) == ("offline-rules", 0.0, 0.0, False)
    assert reply.input_tokens > reply.output_tokens > 0
    assert not chat.is_language_model


def test_nothing_to_read_is_answered_all_the_same() -> None:
    assert OfflineChat().chat([]).text
    assert OfflineChat().chat([Message("user", "Action Input?")]).text.endswith("Final Answer: Finished")
    assert chosen([Message("user", SURROUNDINGS)]) in {HALL, STAIRS, BACK}


def test_a_reply_takes_few_steps() -> None:
    """Counts calls, not seconds: 20 microseconds of Python each would still be under a tenth of a second."""
    chat, messages = OfflineChat(), step("Walk past the sofa, turn right and walk up the stairs.")
    chat.chat(messages)
    profile = cProfile.Profile()
    profile.runcall(chat.chat, messages)
    calls = sum(entry.callcount for entry in profile.getstats())
    assert calls < 5000
