"""An environment whose steps take a given time, and on one worker four times as long.

It stands for machines of their own: sleeping workers do not compete for this machine's cores.
"""

from __future__ import annotations

import time
from typing import Any

import gymnasium

from envs.houses.vector import HouseVectorEnv

ID = "tests.benchmarks.sleepy:navagent/SleepyPointNav-v0"


class SleepyPointNav(HouseVectorEnv):
    """PointNav without pictures in steps of `step_seconds`; the worker of rank 0 takes `slowdown` times as long."""

    def __init__(
        self, num_envs: int = 1, seed: int = 0, step_seconds: float = 0.0, slowdown: float = 1.0, **options: Any
    ):
        super().__init__("pointnav", num_envs, seed=seed, **options)
        # A trainer's seed for a worker ends in its rank.
        self._step_seconds = step_seconds * (slowdown if seed % 1000 == 0 else 1.0)

    def step(self, actions: Any) -> Any:
        """Act, and sleep for what is left of the time."""
        end = time.perf_counter() + self._step_seconds
        result = super().step(actions)
        time.sleep(max(0.0, end - time.perf_counter()))
        return result


gymnasium.register("navagent/SleepyPointNav-v0", vector_entry_point=SleepyPointNav)
