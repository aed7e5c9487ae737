"""What a worker process adds to a step, and what a second one gains: `python -m tests.benchmarks.habitat_transport`.

A stand-in takes the simulator's place: the same calls and the same pictures (224 x 224 RGB, 256 x 256 depth), drawn in
no time for the first figure; for the second, in 5 ms of computing, which takes a core for each worker, and in 5 ms of
waiting, as for a GPU, which takes none and so shows what the protocol itself allows. Both homes are measured in turns,
so that a noisy neighbour meets both; with other work on the machine, only the fastest tenth of the steps says what
transport costs.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import ClassVar

import numpy as np

from envs.habitat.link import Link, Simulator
from envs.habitat.vector import HabitatVectorEnv
from tests.envs.habitat import stand_in
from tests.envs.habitat.test_link import EPISODE
from tests.tiny_ce import make_ce_world

STEPS, ROUNDS = 200, 5
SIZES = {"rgb": 224, "depth": 256}


class Drawing(HabitatVectorEnv):
    """Workers that compute for 5 ms."""

    simulator: ClassVar[tuple[Path, str]] = (Path(stand_in.__file__), "Drawing")


class Waiting(HabitatVectorEnv):
    """Workers that wait for 5 ms."""

    simulator: ClassVar[tuple[Path, str]] = (Path(stand_in.__file__), "Waiting")


def transport() -> dict[str, list[float]]:
    """Return the milliseconds of each step in this process and through a worker."""
    links: dict[str, Link] = {
        "in process": Simulator(Path(stand_in.__file__), "StandIn", SIZES).open(),
        "worker": Simulator(Path(stand_in.__file__), "StandIn", SIZES, sys.executable).open(),
    }
    taken: dict[str, list[float]] = {name: [] for name in links}
    for link in links.values():
        link.call("reset", episode=EPISODE)
    for turn in range(ROUNDS + 1):
        for name, link in links.items():
            for _ in range(STEPS):
                start = time.perf_counter()
                link.call("step", action=1 + turn % 3)
                if turn:  # the first round warms up
                    taken[name].append(1e3 * (time.perf_counter() - start))
    for link in links.values():
        link.close()
    return taken


def rate(kind: type[HabitatVectorEnv], workers: int, folder: Path) -> float:
    """Return the median steps/s of so many workers together."""
    env = kind("pointnav", workers, "val_unseen", str(folder), "v1-3", python=sys.executable, size=224)
    env.reset()
    actions = np.full(workers, 2)
    seconds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for _ in range(20):
            env.step(actions)
        seconds.append(time.perf_counter() - start)
    env.close()
    return 20 * workers / float(np.median(seconds))


def main() -> None:
    """Print the figures."""
    taken = transport()
    medians = {name: float(np.median(times)) for name, times in taken.items()}
    fastest = {name: float(np.quantile(times, 0.1)) for name, times in taken.items()}
    for name in taken:
        print(f"{name:>10}  {medians[name]:.3f} ms per step (median), {fastest[name]:.3f} ms (fastest tenth)")
    print(
        f"transport adds {medians['worker'] - medians['in process']:.3f} ms (medians), "
        f"{fastest['worker'] - fastest['in process']:.3f} ms (fastest tenths)"
    )
    folder = make_ce_world(Path(tempfile.mkdtemp()))
    for kind in (Drawing, Waiting):
        one, two = rate(kind, 1, folder), rate(kind, 2, folder)
        print(f"{kind.__name__.lower():>10}  one worker {one:.0f} steps/s, two {two:.0f}: {two / one:.2f} x")


if __name__ == "__main__":
    main()
