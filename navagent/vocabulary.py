"""Words as numbers: a vocabulary counted in a text, for networks that learn their own embeddings."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from navagent.contracts import Shared

PADDING = 0
"""The token after a text's end."""

UNKNOWN = 1
"""The token of every word that the vocabulary does not hold."""

_TOKEN = re.compile(r"[a-z0-9']+|[.,]")


def split_words(text: str) -> list[str]:
    """Return a text's words in lower case, its full stops and commas among them."""
    return _TOKEN.findall(text.lower())


class Vocabulary(Shared):
    """Words by number, from 2 on; 0 is padding, 1 is any other word.

    Args:
        words: The words, each once, in the order of their tokens.
    """

    def __init__(self, words: Iterable[str]) -> None:
        self.words = tuple(words)
        self._tokens = {word: token for token, word in enumerate(self.words, start=UNKNOWN + 1)}

    @property
    def all_words(self) -> tuple[str, ...]:
        """Every token's word by its number, marks for padding and unknown first."""
        return ("<pad>", "<unk>", *self.words)

    def __len__(self) -> int:
        """Return how many tokens there are, padding and unknown among them."""
        return len(self.words) + UNKNOWN + 1

    def __contains__(self, word: str) -> bool:
        return word in self._tokens

    def encode(self, words: Iterable[str], length: int) -> NDArray[np.int32]:
        """Return (length,) tokens; what is longer is cut, what is shorter is padded."""
        tokens = [self._tokens.get(word, UNKNOWN) for word in words][:length]
        return np.array(tokens + [PADDING] * (length - len(tokens)), np.int32)

    def encode_known(self, words: Iterable[str], length: int) -> NDArray[np.int32]:
        """Return (length,) tokens of the words that the vocabulary holds; the others are left out."""
        return self.encode((word for word in words if word in self), length)


def count_words(texts: Iterable[Iterable[str]], least: int) -> Vocabulary:
    """Return the vocabulary of the words that occur at least so often, the most frequent first.

    Args:
        texts: Each text's words.
        least: Occurrences that a word needs.
    """
    counts = Counter(chain.from_iterable(texts))
    kept = sorted((-count, word) for word, count in counts.items() if count >= least)
    return Vocabulary(word for _, word in kept)
