"""What an agent of a batch observes, told from houses by nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from envs.continuous import ContinuousData
from envs.habitat.agent import Agent
from envs.habitat.env import LONGEST, padded_tokens
from envs.pose_sensors import pose_readings
from navagent.instructions import InstructionSpace

SENSORS = ("rgb", "depth")

FARTHEST = 100.0
"""Metres; bound of the spaces of distances, as houses have it."""


def observation_space(task: str, sensors: Sequence[str], size: int, words: Sequence[str]) -> spaces.Dict:
    """Return what one agent observes.

    Args:
        task: pointnav or r2r.
        sensors: Which of rgb, depth.
        size: Height and width of the pictures, pixels.
        words: The vocabulary of the instructions.
    """
    known: dict[str, spaces.Space[Any]] = {
        "rgb": spaces.Box(0, 255, (size, size, 3), np.uint8),
        "depth": spaces.Box(0, FARTHEST, (size, size, 1), np.float32),
    }
    seen = {name: known[name] for name in sensors}
    if task == "r2r":
        return spaces.Dict({**seen, "instruction": InstructionSpace(words, LONGEST)})
    pose = {
        "gps": spaces.Box(-FARTHEST, FARTHEST, (2,), np.float32),
        "compass": spaces.Box(-math.pi, math.pi, (1,), np.float32),
        "pointgoal_with_gps_compass": spaces.Box(-FARTHEST, FARTHEST, (2,), np.float32),
    }
    return spaces.Dict({**seen, **pose})


def readings(task: str, data: ContinuousData, agent: Agent) -> dict[str, NDArray[Any]]:
    """Return what an agent observes beside its pictures."""
    assert agent.episode is not None
    if task == "r2r":
        return {"instruction": padded_tokens(data, agent.episode)}
    assert agent.episode.goal is not None
    start = agent.episode.start
    return pose_readings(start, agent.pose or start, agent.episode.goal.position)
