"""Instructions as observations: numbers, and the words that they stand for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import spaces


class InstructionSpace(spaces.Box):
    """Texts as (length,) int32 tokens of a vocabulary, shorter ones filled up with 0.

    Args:
        words: The vocabulary; a word's token is its index. Words in angle brackets are marks, the first one fills up.
        length: Tokens of a text.
    """

    def __init__(self, words: Sequence[str], length: int) -> None:
        super().__init__(0, len(words) - 1, (length,), np.int32)
        self.words = tuple(words)


def other_words(space: spaces.Space[Any] | None, words: Sequence[str] | None) -> bool:
    """Return whether a space's tokens stand for other words; where either side names none, that is not known."""
    return isinstance(space, InstructionSpace) and words is not None and space.words != tuple(words)
