"""Steps per second of the houses' vector environment, its start-up in a second process, and memory per house.

`python -m tests.benchmarks.houses_steps`; medians of 5. A step is everything that a learner waits for: action,
collision, distance, reward, rendering of rgb, depth and semantic, autoreset, and the copy of the observations.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

import gymnasium
import numpy as np

import envs  # noqa: F401 (registers the ids)
from envs.houses.vector import HouseVectorEnv

AGENTS, HOUSES, STEPS, REPEATS = 64, 8, 20, 5
SENSORS = ("rgb", "depth", "semantic")
START = """
import time
start = time.perf_counter()
import gymnasium, numpy, envs
env = gymnasium.make_vec("navagent/HousePointNav-v0", 16, vectorization_mode="vector_entry_point", size=64)
env.reset(seed=0)
env.step(numpy.ones(16, int))
print(time.perf_counter() - start)
"""


def make(size: int, threads: int, sensors: tuple[str, ...] = SENSORS) -> HouseVectorEnv:
    """Return a batch that has begun."""
    env = gymnasium.make_vec(
        "navagent/HousePointNav-v0",
        AGENTS,
        vectorization_mode="vector_entry_point",
        size=size,
        threads=threads,
        sensors=sensors,
        houses=HOUSES,
    )
    assert isinstance(env, HouseVectorEnv)
    env.reset(seed=0)
    return env


def rates(batches: dict[str, HouseVectorEnv]) -> dict[str, float]:
    """Return median steps/s of environments, measured in turns so that a noisy neighbour meets all of them."""
    rng = np.random.default_rng(0)
    actions = rng.choice([1, 1, 1, 2, 3, 0], (STEPS, AGENTS), p=[0.25, 0.25, 0.19, 0.15, 0.15, 0.01])
    seconds: dict[str, list[float]] = {name: [] for name in batches}
    for _ in range(REPEATS + 1):
        for name, env in batches.items():
            start = time.perf_counter()
            for row in actions:
                env.step(row)
            seconds[name].append(time.perf_counter() - start)
    return {name: STEPS * AGENTS / statistics.median(times[1:]) for name, times in seconds.items()}


def main() -> None:
    """Print the figures."""
    for size in (64, 128, 224):
        one, two = make(size, 1), make(size, 2)
        found = rates({"one": one, "two": two, "blind": make(size, 1, ())})
        print(
            f"{size:>4} px  one thread {found['one']:,.0f} steps/s, two {found['two'] / found['one']:.2f} x; "
            f"without pictures {found['blind']:,.0f}"
        )
    houses = [resident.house for resident in one._pool.residents]
    triangles = sum(len(house.mesh.triangles) for house in houses) / len(houses)
    print(f"{HOUSES} houses of {triangles:,.0f} triangles on average, {AGENTS} agents")
    started = [float(subprocess.check_output([sys.executable, "-c", START])) for _ in range(3)]
    print(f"a further process, from the interpreter's first line to the first step: {statistics.median(started):.2f} s")


if __name__ == "__main__":
    main()
