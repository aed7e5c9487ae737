"""The one way that houses compile a function: cached on disk, without the interpreter's lock, with C's arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba  # type: ignore[import-untyped, unused-ignore]
import numpy as np

Function = TypeVar("Function", bound=Callable[..., Any])

Index = np.uint64
"""Type of places in arrays in loops that must be fast: with a signed one numba tests for negative places, which count
from the end, and a loop with that test never becomes vector instructions."""


def kernel(function: Function) -> Function:
    """Compile with numba at the first call; a later process reads the machine code from disk.

    `error_model="numpy"`: a division by zero gives infinity instead of an exception, whose test would keep loops from
    becoming vector instructions. No `fastmath`: the same pose gives the same bytes, whatever the loop became.
    """
    return cast(Function, numba.njit(cache=True, nogil=True, error_model="numpy")(function))


def part(function: Function) -> Function:
    """Compile a part of a kernel, as `kernel` does, into the kernel itself.

    Numba counts the references that a function holds to its arrays, and removes the counting only where it sees the
    whole function. The counters are shared: threads that draw the same houses would wait for each other at them.
    """
    return cast(Function, numba.njit(cache=True, nogil=True, error_model="numpy", forceinline=True)(function))
