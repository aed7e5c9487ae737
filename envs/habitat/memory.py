"""Memory that worker processes write their pictures into and the environment hands out without copying."""

from __future__ import annotations

import mmap
import os
import sys
import tempfile
import weakref
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Shapes: TypeAlias = Mapping[str, tuple[tuple[int, ...], str]]
"""Shape and dtype of one worker's array, by name."""

_ALIGNMENT = 64
"""Bytes; arrays begin at multiples of a cache line."""


def anonymous_file() -> int:
    """Return the descriptor of an empty file without a name, in memory where the system can.

    Without a name it cannot be left behind, and it does not count against the size of /dev/shm, 64 MB in containers.
    """
    if sys.platform == "linux":
        return os.memfd_create("navagent-frames")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


class Frames:
    """Arrays of `rows` workers side by side, in several slots: while one slot's arrays are read, another is written.

    A slot is free again once nobody holds its arrays any more; there is no need to give it back.

    Args:
        descriptor: An empty file that the workers have open too.
        shapes: Each worker's arrays.
        rows: Number of workers.
        slots: How many sets of arrays can be in use at once.
    """

    def __init__(self, descriptor: int, shapes: Shapes, rows: int = 1, slots: int = 4) -> None:
        self._shapes = {name: (tuple(shape), np.dtype(dtype)) for name, (shape, dtype) in shapes.items()}
        self._offsets: dict[str, int] = {}
        self._stride = 0
        for name, (shape, dtype) in self._shapes.items():
            self._offsets[name] = self._stride
            count = rows * int(np.prod(shape)) * dtype.itemsize
            self._stride += -(-count // _ALIGNMENT) * _ALIGNMENT
        self._rows = rows
        # Pages are only made when they are written to; an empty file cannot be mapped.
        self.bytes = max(slots * self._stride, mmap.PAGESIZE)
        os.ftruncate(descriptor, self.bytes)
        self._map = mmap.mmap(descriptor, self.bytes)
        self._held = [0] * slots

    def places(self, row: int) -> dict[str, tuple[int, int]]:
        """Return the offset in slot 0 and the distance between slots, bytes, of a worker's arrays."""
        sizes = {name: int(np.prod(shape)) * dtype.itemsize for name, (shape, dtype) in self._shapes.items()}
        return {name: (offset + row * sizes[name], self._stride) for name, offset in self._offsets.items()}

    def free_slot(self) -> int:
        """Return a slot that nobody reads; the last one is kept for when all others are held."""
        return next((slot for slot, held in enumerate(self._held[:-1]) if not held), len(self._held) - 1)

    def read(self, slot: int, names: list[str]) -> dict[str, NDArray[Any]]:
        """Return a slot's arrays, (rows, *shape) each.

        They lie in the shared memory and stay as they are for as long as anybody holds them or a part of them. Only
        where every other slot is held, they are copies.
        """
        spare = slot == len(self._held) - 1
        return {name: self._array(slot, name).copy() if spare else self._lend(slot, name) for name in names}

    def _array(self, slot: int, name: str) -> NDArray[Any]:
        shape, dtype = self._shapes[name]
        start = slot * self._stride + self._offsets[name]
        array: NDArray[Any] = np.ndarray((self._rows, *shape), dtype, self._map, start)
        return array

    def _lend(self, slot: int, name: str) -> NDArray[Any]:
        array = self._array(slot, name)
        # Views keep this very array alive: numpy follows a view's bases up to where their type changes, and this
        # one's base is no array but the memory map.
        self._held[slot] += 1
        weakref.finalize(array, self._give_back, self._held, slot).atexit = False
        return array

    @staticmethod
    def _give_back(held: list[int], slot: int) -> None:
        held[slot] -= 1
