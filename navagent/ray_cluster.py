"""Connecting to a Ray cluster, for training and for evaluation."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray

from navagent.errors import ConfigError, first_line

LOCAL = "local"
"""The address that starts Ray on this machine and ends it afterwards."""


@contextmanager
def connected(address: str, processors: int | None = None) -> Iterator[None]:
    """Be connected to Ray.

    Args:
        address: Of a running cluster, as host:port; "auto" finds it, `LOCAL` starts Ray here.
        processors: Which `LOCAL` takes itself to have; None counts them.

    Raises:
        ConfigError: The cluster cannot be reached.
    """
    # A worker imports us from where we are, installed or not.
    root = str(Path(__file__).resolve().parents[1])
    paths = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    options: dict[str, Any] = {"runtime_env": {"env_vars": {"PYTHONPATH": paths}}, "log_to_driver": False}
    if address == LOCAL:
        options |= {"num_cpus": processors, "include_dashboard": False}
    try:
        if address not in (LOCAL, "auto"):
            _check_reachable(address)
        with _outside_the_current_folder():
            ray.init(address=address, logging_level=logging.ERROR, **options)
    except (OSError, RuntimeError, ValueError) as error:
        raise ConfigError(
            f"The Ray cluster at '{address}' cannot be reached ({first_line(error)}): start one with `ray start "
            "--head`, or leave --ray-address out."
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def _check_reachable(address: str) -> None:
    """Raise OSError or ValueError unless somebody listens there: Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():
        raise ValueError("it must be host:port, auto or local")
    with socket.create_connection((host, int(port)), timeout=10):
        pass


@contextmanager
def _outside_the_current_folder() -> Iterator[None]:
    """Stand elsewhere for a moment.

    Ray's workers look for modules in the folder where it was connected to, before all other places; no `eval` or
    `json.py` of the user's may take the place of ours or Python's.
    """
    before = Path.cwd()
    os.chdir("/")
    try:
        yield
    finally:
        os.chdir(before)
