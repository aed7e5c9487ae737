"""The task that `train_rivals` gives to everybody, and its network."""

from __future__ import annotations

from typing import Any

import gymnasium

import envs  # noqa: F401 (registers the ids)
from navagent.networks.architecture import SensorNetwork

AGENTS, STEPS, EPOCHS, MINI_BATCHES = 32, 128, 2, 4
LEARNING_RATE, ENTROPY_WEIGHT, MAX_GRADIENT_NORM = 2.5e-4, 0.01, 0.2
NETWORK = SensorNetwork(hidden_size=256, memory="lstm")


def task(blind: bool = False) -> dict[str, Any]:
    """Return the environment's options; `blind` leaves the pictures out."""
    sensors = () if blind else ("depth",)
    return {"size": 64, "sensors": sensors, "houses": 16, "residents": 8, "max_steps": 200}


def make(agents: int, seed: int, blind: bool = False) -> Any:
    """Return the vector environment."""
    kind = "vector_entry_point"
    return gymnasium.make_vec("navagent/HousePointNav-v0", agents, vectorization_mode=kind, seed=seed, **task(blind))
