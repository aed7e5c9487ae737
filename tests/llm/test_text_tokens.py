from __future__ import annotations

import pytest

from navagent.llm.text_tokens import PER_MESSAGE, estimate_tokens
from navagent.types import Message

GPT_4: dict[str, int] = {
    "Walk past the sofa and turn left.": 8,
    "10c252c90fa24ef3b698c6f54d984c5c": 20,
    "  Navigable: 7f3d9d0a: left 7, 2.31 m, up 20; 55aa0c3e: right 3, 1.20 m": 46,
    "Go to the entryway; stop by the bannister.\n\nHistory:\nNothing yet: this is the start.": 23,
}
"""Counted with tiktoken 0.14's cl100k_base."""


@pytest.mark.parametrize(("text", "tokens"), GPT_4.items())
def test_estimate_is_near_a_real_tokenizers_count(text: str, tokens: int) -> None:
    estimate = estimate_tokens([Message("user", text)]) - PER_MESSAGE
    assert 0.95 * tokens <= estimate <= 1.15 * tokens


def test_every_message_and_the_schema_count() -> None:
    message = Message("user", "Walk on.")
    one = estimate_tokens([message])
    assert estimate_tokens([message, message]) == 2 * one
    assert estimate_tokens([message], {"type": "object", "properties": {}}) > one


def test_other_scripts_count_by_their_bytes() -> None:
    assert estimate_tokens([Message("user", "左转")]) == PER_MESSAGE + 6
