"""A Ray session on this machine for the tests of one file."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from navagent.ray_cluster import LOCAL, connected


@contextmanager
def local_ray(processors: int = 2) -> Iterator[None]:
    """Start Ray, and end it without a trace."""
    with forgotten_processes(), connected(LOCAL, processors):
        yield


@contextmanager
def forgotten_processes() -> Iterator[None]:
    """Say nothing of processes that Ray kills and does not wait for: warnings are errors in the suite."""
    try:
        yield
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            gc.collect()
