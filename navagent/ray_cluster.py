"""Connecting to a Ray cluster, for training and for evaluation."""

from __future__ import annotations

import logging
import math
import os
import socket
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray

from navagent.errors import ConfigError, first_line

LOCAL = "local"
"""The address that starts Ray on this machine and ends it afterwards."""

_GRAIN = 10_000
"""Ray counts processors in ten-thousandths."""


@dataclass(frozen=True)
class Share:
    """What one worker takes of its node.

    Attributes:
        cpus: Processors; may be less than one.
        gpus: Graphics processors; may be less than one.
    """

    cpus: float
    gpus: float = 0.0

    def __str__(self) -> str:
        return f"{self.cpus:g} CPU" + (f" and {self.gpus:g} GPU" if self.gpus else "")


@contextmanager
def connected(address: str, processors: int | None = None) -> Iterator[None]:
    """Be connected to Ray.

    Args:
        address: Of a running cluster, as host:port; "auto" finds it, `LOCAL` starts Ray here.
        processors: Which `LOCAL` takes itself to have; None counts them.

    Raises:
        ConfigError: The cluster cannot be reached, or none can be started.
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
    except Exception as error:  # a start that takes too long raises no more special one
        if address == LOCAL:
            raise ConfigError(f"Ray cannot be started on this machine ({first_line(error)}).") from error
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


def share(workers: int, cpus: float | None, gpus: float) -> Share:
    """Return what each worker takes, and warn if the cluster has not room for all.

    Args:
        workers: How many there are to be.
        cpus: Processors of each; None is one, or the largest of 1/2, 1/3, 1/4 ... that leaves room for all.
        gpus: Graphics processors of each.

    Raises:
        ConfigError: No node has room for even one.
    """
    if gpus > 1 and gpus != int(gpus):
        raise ConfigError(f"--worker-gpus above 1 must be a whole number, not {gpus:g}.")
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
    taken = Share(_equal_part(nodes, workers) if cpus is None else cpus, gpus)
    room = _room(nodes, taken)
    if room == 0:
        largest = max(
            (Share(node.get("CPU", 0.0), node.get("GPU", 0.0)) for node in nodes), key=lambda s: (s.gpus, s.cpus)
        )
        raise ConfigError(
            f"A worker takes {taken}, and no node of the Ray cluster has so much (the largest: {largest})."
        )
    if room < workers:
        warnings.warn(
            f"The Ray cluster has room for {room} of the {workers} workers, at {taken} each.",
            stacklevel=2,
        )
    return taken


def _equal_part(nodes: Sequence[Mapping[str, float]], workers: int) -> float:
    """Return 1, or the largest of 1/2, 1/3, 1/4 ... processors with which so many workers have room."""
    for parts in range(1, _GRAIN):
        cpus = math.floor(_GRAIN / parts) / _GRAIN
        if _room(nodes, Share(cpus)) >= workers:
            return cpus
    return 1.0


def _room(nodes: Sequence[Mapping[str, float]], taken: Share) -> int:
    """Return for how many workers the nodes have room, whoever else uses them."""
    return sum(
        min(_times(node.get("CPU", 0.0), taken.cpus), _times(node.get("GPU", 0.0), taken.gpus)) for node in nodes
    )


def _times(there: float, taken: float) -> int:
    return math.floor(there / taken + 1 / _GRAIN) if taken else 10**9
