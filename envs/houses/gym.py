"""Houses as a `gymnasium.Env`: one agent."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from envs.houses.vector import Arrays, HouseVectorEnv


class HouseGymEnv(gymnasium.Env[Arrays, np.int64]):
    """One agent in houses: what `HouseVectorEnv` is for one, without autoreset.

    Args:
        task: pointnav, objectnav or r2r.
        render_mode: "rgb_array" for `render`.
        **options: As of `HouseVectorEnv`: split, size, sensors, seed, houses, ...

    Raises:
        ConfigError: An option is out of its range.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012 (as gymnasium declares it)

    def __init__(self, task: str, render_mode: str | None = None, **options: Any) -> None:
        self._batch = HouseVectorEnv(task, 1, render_mode=render_mode, **options)
        self.render_mode = render_mode
        self.observation_space = self._batch.single_observation_space
        self.action_space = self._batch.single_action_space

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Arrays, dict[str, Any]]:
        """Begin the next episode; with a seed, the first of those that belong to it."""
        super().reset(seed=seed)
        observations, infos = self._batch.reset(seed=seed)
        return _first(observations), _told(infos)

    def step(self, action: np.int64) -> tuple[Arrays, float, bool, bool, dict[str, Any]]:
        """Act.

        Raises:
            ValueError: The action is none of 0 to 3, or the episode is over.
        """
        if self._batch.over[0]:
            raise ValueError("the episode is over: call reset")
        observations, rewards, terminated, truncated, infos = self._batch.step(np.array([action]))
        return _first(observations), float(rewards[0]), bool(terminated[0]), bool(truncated[0]), _told(infos)

    def render(self) -> NDArray[np.uint8] | None:
        """Return what the agent sees, (H, W, 3), if `render_mode` is "rgb_array"."""
        pictures = self._batch.render()
        return None if pictures is None else pictures[0]

    def close(self) -> None:
        """Stop the making of houses."""
        self._batch.close()


def _first(observations: Arrays) -> Arrays:
    return {name: array[0] for name, array in observations.items()}


def _told(infos: dict[str, Any]) -> dict[str, Any]:
    """Return what a batch of one tells, without gymnasium's masks."""
    return {name: values[0] for name, values in infos.items() if not name.startswith("_") and infos[f"_{name}"][0]}
