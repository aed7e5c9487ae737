"""What the first use of a house costs: made or read from disk, then made ready; and the memory it holds.

`python -m tests.benchmarks.houses_first_use [houses]`; medians over the houses, one core.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
import tracemalloc
from collections import defaultdict
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from envs.houses.cache import load_house
from envs.houses.export import scene_glb
from envs.houses.floor import Floor
from envs.houses.follower import Follower
from envs.houses.generate import generate
from envs.houses.geodesic import Geodesic
from envs.houses.house import House
from envs.houses.render import Renderer
from envs.houses.textures import texture_atlas
from envs.houses.viewpoints import place_viewpoints
from navagent.cache_folder import CACHE_VARIABLE

GOALS = 64
"""Goals whose distances a house keeps at most."""

T = TypeVar("T")


class Clock:
    """Milliseconds by name."""

    def __init__(self) -> None:
        self.times: dict[str, list[float]] = defaultdict(list)

    def timed(self, name: str, work: Callable[[], T]) -> T:
        """Return what `work` returns."""
        start = time.perf_counter()
        result = work()
        self.times[name].append(1000 * (time.perf_counter() - start))
        return result


def use(seed: int, clock: Clock) -> None:
    """Time each step of a house's first use."""
    clock.timed("make", lambda: generate(seed))
    load_house(seed)
    house = clock.timed("read from disk", lambda: load_house(seed))
    floor = clock.timed("floor", lambda: Floor.of(house))
    goal = floor.sample(np.random.default_rng(seed))[0]
    clock.timed("graph of corners, first goal", lambda: Geodesic(floor).goal(goal))
    clock.timed("renderer", lambda: Renderer([house], texture_atlas()))
    clock.timed("nav-graph (data sets only)", lambda: place_viewpoints(house, floor))
    clock.timed("GLB (export only)", lambda: scene_glb(house))


def megabytes(house: House) -> float:
    """Return what a house ready to walk in holds, with the distances of as many goals as are kept."""
    tracemalloc.start()
    floor = Floor.of(house)
    ready = (Follower(Geodesic(floor)), Renderer([house], texture_atlas()))
    for goal in floor.sample(np.random.default_rng(0), GOALS):
        ready[0].geodesic.goal(goal)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return held / 1e6


def main() -> None:
    """Print the figures."""
    houses = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    with tempfile.TemporaryDirectory() as folder:
        os.environ[CACHE_VARIABLE] = folder
        use(houses, Clock())  # compiles
        clock = Clock()
        for seed in range(houses):
            use(seed, clock)
        for name, times in clock.times.items():
            print(f"{name:<30} median {statistics.median(times):7.1f} ms, at most {max(times):7.1f} ms")
        held = [megabytes(load_house(seed)) for seed in range(houses)]
    print(f"{f'memory, {GOALS} goals':<30} median {statistics.median(held):7.2f} MB, at most {max(held):7.2f} MB")


if __name__ == "__main__":
    main()
