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
    with connected(LOCAL, processors):
        yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray kills its processes and does not wait for them
        gc.collect()
