"""An empty room, the simplest house to learn in."""

from __future__ import annotations

import numpy as np

from envs.houses.house import House, Material, Mesh, Object, Room

SIDE = 5.0
"""Metres."""


def empty_room(seed: int) -> House:
    """A room with a floor and nothing else."""
    corners = ((0.0, 0.0), (SIDE, 0.0), (SIDE, SIDE), (0.0, SIDE))
    return House(
        seed=seed,
        rooms=(Room("bedroom", corners),),
        doors=(),
        objects=(Object("floor", "grey", 0, (SIDE / 2, SIDE / 2, 0.0), (SIDE, SIDE, 0.0), 0.0),),
        materials=(Material((128, 128, 128)),),
        mesh=Mesh(
            vertices=np.array([[x, y, 0] for x, y in corners], np.float32),
            triangles=np.array([[0, 1, 2], [0, 2, 3]], np.int32),
            uvs=np.zeros((2, 3, 2), np.float32),
            materials=np.zeros(2, np.int16),
            instances=np.zeros(2, np.int32),
            rooms=np.zeros(2, np.int16),
        ),
        floor=((corners,),),
    )
