"""JSON objects are found wherever a model puts them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from navagent.llm.json_text import find_json

WORDS = st.text().filter(lambda text: "think>" not in text)  # think blocks are struck out wherever they are
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(WORDS, VALUES, max_size=4)
CHATTER = WORDS.filter(lambda text: not {"{", "}"} & set(text))
GOOD = {"thought": "The hall.", "action": "left"}


@given(CHATTER, OBJECTS, CHATTER, st.booleans(), st.sampled_from([None, 2]))
def test_any_object_in_chatter_without_braces_is_found(
    before: str, value: dict[str, Any], after: str, ascii_only: bool, indent: int | None
) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    assert find_json(before + text + after) == value


@given(OBJECTS, CHATTER, OBJECTS)
def test_last_object_wins(first: dict[str, Any], between: str, last: dict[str, Any]) -> None:
    assert find_json(json.dumps(first) + between + json.dumps(last)) == last


@given(VALUES, CHATTER, OBJECTS)
def test_object_with_the_required_keys_wins_over_a_later_one_without(
    value: Any, between: str, later: dict[str, Any]
) -> None:
    wanted, other = {"needed-key": value}, {f"_{key}": None for key in later}
    assert find_json(json.dumps(wanted) + between + json.dumps(other), ["needed-key"]) == wanted


@given(OBJECTS)
def test_object_inside_another_is_found_by_its_required_keys(value: dict[str, Any]) -> None:
    wanted = {**value, "needed-key": 1}
    wrapped = json.dumps({"name": "reply", "arguments": [wanted]})
    assert find_json(wrapped, ["needed-key"]) == wanted


@given(st.text())
def test_no_text_crashes_the_search(text: str) -> None:
    assert isinstance(find_json(text), dict | None)


@given(OBJECTS, st.data())
def test_truncated_object_is_not_found(value: dict[str, Any], data: st.DataObject) -> None:
    text = json.dumps({**value, "needed-key": 1})
    cut = data.draw(st.integers(0, len(text) - 1))
    assert find_json(text[:cut], ["needed-key"]) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no data",
        "{",
        "}{",
        "{'thought': 'The hall.', 'action': 'left'}",
        '["thought", "action"]',
        '{"thought": "The hall."}',
        '<think>{"thought": "The hall.", "action": "left"}</think>',
    ],
)
def test_nothing_is_found_in(text: str) -> None:
    assert find_json(text, ["thought", "action"]) is None


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("```json\n%s\n```", id="code fence"),
        pytest.param("<think>{a set}</think>%s", id="braces in a think block"),
        pytest.param("so be it</think>%s", id="think block opened by the prompt"),
        pytest.param("{{%s}}", id="doubled braces"),
        pytest.param("{thought, action} is the form. %s", id="braces in chatter"),
        pytest.param('<tool_call>{"name": "reply", "arguments": %s}</tool_call>', id="tool call"),
        pytest.param('{"thought": "unfinished %s', id="inside an unfinished object"),
    ],
)
def test_object_is_found_in_a(text: str) -> None:
    assert find_json(text % json.dumps(GOOD), ["thought", "action"]) == GOOD


@pytest.mark.parametrize("text", ['{"a": ' + "[" * 200_000, '{"a": ' + "[" * 200_000 + json.dumps(GOOD)])
def test_endless_nesting_hides_nothing_and_crashes_nothing(text: str) -> None:
    assert find_json(text, ["action"]) == (GOOD if text.endswith("}") else None)
