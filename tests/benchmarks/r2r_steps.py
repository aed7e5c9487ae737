"""Steps per second of R2R's vector environment on the real graphs, beside the environment for one agent.

`python -m tests.benchmarks.r2r_steps` with NAVAGENT_DATA set; medians of 5 turns, in which both are measured. A step is
everything that a learner waits for: move, distances, reward, metrics, autoreset and observations with words.
"""

from __future__ import annotations

import statistics
import time

import numpy as np

from envs.r2r.env import R2R
from envs.r2r.vector import STOP, GraphVectorEnv
from navagent.types import MoveTo, Stop

AGENTS, STEPS, REPEATS = 64, 100, 5


def batched(env: GraphVectorEnv, rng: np.random.Generator) -> float:
    """Return steps per second of random walks of all agents at once."""
    observations, _ = env.reset()
    start = time.perf_counter()
    for _ in range(STEPS):
        counts = observations["candidates"].sum(axis=1)
        moves = 1 + np.floor(rng.random(AGENTS) * counts).astype(np.int64)
        observations, *_ = env.step(np.where(rng.random(AGENTS) < 0.1, STOP, moves))
    return STEPS * AGENTS / (time.perf_counter() - start)


def one_by_one(env: R2R, rng: np.random.Generator) -> float:
    """Return steps per second of random walks one after the other, measured as `trajectory` does."""
    steps, start = 0, time.perf_counter()
    for episode in env.episodes[:200]:
        observation = env.reset(episode)
        while not observation.done:
            ways = observation.candidates
            assert ways is not None
            stop = rng.random() < 0.1
            observation = env.step(Stop() if stop else MoveTo(ways[int(rng.integers(len(ways)))].id))
            steps += 1
        env.trajectory()
    return steps / (time.perf_counter() - start)


def main() -> None:
    """Print the figures."""
    rng = np.random.default_rng(0)
    many, one = GraphVectorEnv(AGENTS, "val_unseen"), R2R("val_unseen")
    rates = [(batched(many, rng), one_by_one(one, rng)) for _ in range(REPEATS + 1)][1:]
    ratio = statistics.median(fast / slow for fast, slow in rates)
    fast, slow = (statistics.median(column) for column in zip(*rates, strict=True))
    print(f"{AGENTS} agents at once: {fast:,.0f} steps/s; one by one, without words: {slow:,.0f}; {ratio:.1f} x")


if __name__ == "__main__":
    main()
