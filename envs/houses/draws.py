"""Random draws that come out the same on every machine, Python and numpy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")

_BATCH = 256


class Draws:
    """Whole numbers from one stream.

    Reduces the raw words of PCG64, whose stream numpy guarantees, itself: the streams of `numpy.random.Generator`'s
    methods may change between versions (NEP 19).

    Args:
        key: Whole numbers from 0 that name the stream.
    """

    def __init__(self, *key: int) -> None:
        self._bits = np.random.PCG64(list(key))
        self._words: list[int] = []

    def below(self, count: int) -> int:
        """Return a whole number from 0 to `count` - 1."""
        if not self._words:
            self._words = self._bits.random_raw(_BATCH).tolist()
        return self._words.pop() % count

    def between(self, low: int, high: int, step: int = 1) -> int:
        """Return one of `low`, `low + step`, ... that is not above `high`."""
        return low + step * self.below(max(0, high - low) // step + 1)

    def chance(self, percent: int) -> bool:
        """Return True in `percent` of 100 cases."""
        return self.below(100) < percent

    def pick(self, choices: Sequence[T]) -> T:
        """Return one of the choices."""
        return choices[self.below(len(choices))]

    def weighted(self, choices: Sequence[tuple[T, int]]) -> T:
        """Return one of the choices, each as often as its weight says."""
        left = self.below(sum(weight for _, weight in choices))
        for choice, weight in choices:
            left -= weight
            if left < 0:
                return choice
        raise AssertionError("weights are positive")

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """Return the items in another order."""
        mixed = list(items)
        for last in range(len(mixed) - 1, 0, -1):
            other = self.below(last + 1)
            mixed[last], mixed[other] = mixed[other], mixed[last]
        return mixed
