"""The one way that houses compile a function: cached on disk, without the interpreter's lock, with C's arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba  # type: ignore[import-untyped, unused-ignore]

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """Compile with numba at the first call; a later process reads the machine code from disk.

    `error_model="numpy"`: a division by zero gives infinity instead of an exception, whose test would keep loops from
    becoming vector instructions. No `fastmath`: the same pose gives the same bytes, whatever the loop became.
    """
    return cast(Function, numba.njit(cache=True, nogil=True, error_model="numpy")(function))
