"""What a house is. Everything else here makes one, draws one, walks in one or writes one to disk.

Coordinates are metres, z up, the floor at z = 0. Headings are radians clockwise from +y, as on R2R's nav-graph.
Habitat's y-up frame is (x, z, -y) of ours; only what reads or writes Habitat's files converts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Point = tuple[float, float]

WALL_HEIGHT = 2.6
"""Metres from floor to ceiling."""

AGENT_HEIGHT, AGENT_RADIUS = 1.5, 0.1
"""Metres (R2R-CE, habitat's `vln_r2r.yaml`): what stands lower than the height blocks, if it stands on the floor."""

SENSOR_HEIGHT = 1.25
"""Metres above the floor (R2R-CE)."""


@dataclass(frozen=True, eq=False)
class Mesh:
    """All surfaces of a house: one mesh is the truth that is drawn, walked in and exported.

    A triangle's front is the side from which its corners run counterclockwise; only fronts are drawn (a wall has two
    sides, each its own triangles, so that rooms differ in paint and a renderer can cull).

    Attributes:
        vertices: (V, 3) float32, metres.
        triangles: (T, 3) int32, indices of vertices.
        uvs: (T, 3, 2) float32, texture coordinates of the corners in metres of surface (textures repeat).
        materials: (T,) int16, index into `House.materials`.
        instances: (T,) int32, index into `House.objects`: every wall, floor, ceiling, door frame and piece of
            furniture is an object, so this is the semantic instance id.
        rooms: (T,) int16, index of the room whose inside shows the triangle (for furniture: where it stands).
    """

    vertices: NDArray[np.float32]
    triangles: NDArray[np.int32]
    uvs: NDArray[np.float32]
    materials: NDArray[np.int16]
    instances: NDArray[np.int32]
    rooms: NDArray[np.int16]


@dataclass(frozen=True)
class Material:
    """What a surface looks like.

    Attributes:
        color: (r, g, b), 0 to 255.
        texture: Index of a texture of `envs.houses.textures`, which modulates the colour; 0 is plain.
        scale: Metres of surface that one repetition of the texture covers.
    """

    color: tuple[int, int, int]
    texture: int = 0
    scale: float = 1.0


@dataclass(frozen=True)
class Object:
    """Something that can be named: furniture, or a part of the building (wall, floor, ceiling, door, window).

    Attributes:
        category: As people say it: "chair", "kitchen counter", "wall".
        color: Colour word, as an instruction may use it ("white").
        room: Index of the room that it stands in.
        center: (x, y, z) of its bounding box's centre, metres.
        size: (width, depth, height) in its own frame, metres.
        yaw: Heading that its front faces, radians.
    """

    category: str
    color: str
    room: int
    center: tuple[float, float, float]
    size: tuple[float, float, float]
    yaw: float


@dataclass(frozen=True)
class Room:
    """A room.

    Attributes:
        category: "bedroom", "kitchen", "hallway", ...
        outline: Corners of its floor, counterclockwise, metres. Axis-parallel edges; convex unless it is a hallway.
    """

    category: str
    outline: tuple[Point, ...]


@dataclass(frozen=True)
class Door:
    """An opening between two rooms.

    Attributes:
        rooms: Indices of the two rooms.
        start: One end of the opening on the wall's centre line, metres.
        end: The other end.
        height: Metres.
        kind: "door" (with a frame) or "passage" (wide, no frame).
    """

    rooms: tuple[int, int]
    start: Point
    end: Point
    height: float
    kind: str


@dataclass(frozen=True, eq=False)
class House:
    """One house.

    Attributes:
        seed: What it was made from; `house_id` is `house_{seed:06d}`.
        rooms: Its rooms.
        doors: Openings between them; the rooms they join form one connected graph.
        objects: Furniture and parts of the building; `Mesh.instances` points here.
        materials: `Mesh.materials` points here.
        mesh: All surfaces.
        floor: Where a point agent may stand: polygons, each an outer ring and its holes (walls and what blocks at less
            than `AGENT_HEIGHT`), not yet eroded by the agent's radius. Exactly one polygon after erosion.
    """

    seed: int
    rooms: tuple[Room, ...]
    doors: tuple[Door, ...]
    objects: tuple[Object, ...]
    materials: tuple[Material, ...]
    mesh: Mesh
    floor: tuple[tuple[tuple[Point, ...], ...], ...]

    @property
    def house_id(self) -> str:
        """The house's name, as a scene id."""
        return house_name(self.seed)


def house_name(seed: int) -> str:
    """Return the name of a seed's house."""
    return f"house_{seed:06d}"
