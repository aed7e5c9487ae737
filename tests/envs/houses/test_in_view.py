from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from envs.houses.generate import generate
from envs.houses.in_view import KINDS, OBJECTS, THIRDS
from envs.houses.plan import ROOM_CATEGORIES
from envs.houses.vector import HouseVectorEnv

EVERYWHERE = {"wall", "floor", "ceiling", "ceiling lamp"}


def test_kinds_are_all_that_houses_have() -> None:
    found = Counter(thing.category for seed in range(60) for thing in generate(seed).objects)
    assert set(found) - EVERYWHERE == set(OBJECTS)
    assert len(set(KINDS)) == len(KINDS) == len(OBJECTS) + len(ROOM_CATEGORIES)


@pytest.mark.parametrize("height", [24, 48, 9])
def test_labels_are_what_the_semantic_picture_shows(height: int) -> None:
    """Against the sensor's own picture of the same size, looked at pixel by pixel."""
    env = HouseVectorEnv("r2r", 5, houses=3, residents=3, size=(height, 24), sensors=("semantic",), hfov=math.pi / 2)
    observations, _ = env.reset(seed=4)
    rng = np.random.default_rng(0)
    for _ in range(30):
        told = env.in_view()
        assert told.shape == (5, env.labels_in_view)
        for agent in range(5):
            house = env._pool.residents[env.state()["agents"]["house"][agent]].house
            expected = np.zeros((THIRDS, len(KINDS)), np.bool_)
            for column, ids in enumerate(observations["semantic"][agent, :, :, 0].T):
                for thing in (house.objects[index] for index in set(ids.tolist()) - {-1}):
                    for kind in {thing.category, house.rooms[thing.room].category} - EVERYWHERE:
                        expected[column // 8, KINDS.index(kind)] = True
            assert (told[agent] == expected.ravel()).all()
        observations, *_ = env.step(rng.choice([1, 1, 2, 3], 5))
    assert told.any()
