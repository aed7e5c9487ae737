"""JSON in free text."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any

_THINKING = re.compile(r"<think>.*?</think>", re.DOTALL)


def without_thinking(text: str) -> str:
    """Return a text without its thinking aloud, also where the prompt opened it or the reply was cut before its end."""
    return _THINKING.sub("", text).rpartition("</think>")[2].partition("<think>")[0]


def find_json(text: str, required: Collection[str] = ()) -> dict[str, Any] | None:
    """Return the last JSON object in a text that has the required keys, or None.

    Models wrap JSON in code fences, chatter, reasoning tags or tool-call noise. The last object counts because what
    comes before is thinking aloud.
    """
    decoder = json.JSONDecoder()
    text = without_thinking(text)
    found, position = None, text.find("{")
    while position >= 0:
        try:
            value, end = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):  # RecursionError: a model caught in a loop of brackets
            end = position + 1
        else:
            if isinstance(value, dict) and set(required) <= value.keys():
                found = value
            else:
                end = position + 1  # the object sought may lie inside this one
        position = text.find("{", end)
    return found
