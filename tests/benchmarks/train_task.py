"""The task that `train_rivals` gives to everybody, and its network."""

from __future__ import annotations

from typing import Any

import gymnasium

import envs.houses.pool
from navagent.networks.architecture import SensorNetwork
from tests.train.rooms import empty_room

AGENTS, STEPS, EPOCHS, MINI_BATCHES = 32, 128, 2, 4
ENTROPY_WEIGHT, MAX_GRADIENT_NORM = 0.01, 0.2
ADAM_EPSILON = 1e-8
"""PyTorch's, which RLlib's learners have without a say; our default and Stable-Baselines3's is 1e-5. It matters, since
gradients that are cut to a length of 0.2 are of 1e-4 per weight."""
NETWORK = SensorNetwork(hidden_size=256, memory="lstm")


def task(where: str) -> dict[str, Any]:
    """Return the environment's options.

    Args:
        where: houses, seen by depth; or room, an empty one without pictures, which is learned in a few minutes. In this
            process, houses are such rooms from now on.
    """
    if where == "room":
        setattr(envs.houses.pool, "load_house", empty_room)  # noqa: B010 (no attribute that the module exports)
        return {"sensors": (), "houses": 2, "max_steps": 100}
    return {"size": 64, "sensors": ("depth",), "houses": 16, "residents": 8, "max_steps": 200}


def learning_rate(where: str) -> float:
    """Return Adam's."""
    return 1e-3 if where == "room" else 2.5e-4


def make(agents: int, seed: int, where: str) -> Any:
    """Return the vector environment."""
    kind = "vector_entry_point"
    return gymnasium.make_vec("navagent/HousePointNav-v0", agents, vectorization_mode=kind, seed=seed, **task(where))
