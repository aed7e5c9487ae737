"""A house drawn by OpenGL (moderngl over EGL), as a rival to measure: textures, depth and semantic ids, read back.

Needs `pip install moderngl` and a driver, such as Debian's `libegl1 libegl-mesa0 libgl1-mesa-dri`, which draws on the
processor (llvmpipe).
"""

from __future__ import annotations

import importlib
import importlib.util
import math
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.houses.house import House
from envs.houses.raster import NEAR

_FAR = 100.0

_VERTEX = """#version 330
uniform mat4 camera; in vec3 place; in vec2 uv; in vec3 color; in float layer; in int id;
out vec2 at; flat out vec3 paint; flat out float texture_layer; flat out int object;
void main() { gl_Position = camera * vec4(place, 1); at = uv; paint = color; texture_layer = layer; object = id; }"""

_FRAGMENT = """#version 330
uniform sampler2DArray atlas; in vec2 at; flat in vec3 paint; flat in float texture_layer; flat in int object;
layout(location = 0) out vec4 rgb; layout(location = 1) out int semantic;
void main() { rgb = vec4(paint * texture(atlas, vec3(at, texture_layer)).r * 2, 1); semantic = object; }"""


class OpenGL:
    """Draws one house, one view at a time, on one core.

    Args:
        house: The house.
        atlas: (textures, 64, 64) uint8.
        size: Pixels along a picture's sides; the angle of view is 90 degrees.

    Raises:
        Exception: moderngl's own, if there is no driver.
    """

    def __init__(self, house: House, atlas: NDArray[np.uint8], size: int) -> None:
        os.environ["LP_NUM_THREADS"] = "0"  # llvmpipe: draw in the calling thread
        moderngl: Any = importlib.import_module("moderngl")
        self._context = moderngl.create_standalone_context(backend="egl")
        self.driver = str(self._context.info["GL_RENDERER"])
        self._context.enable(moderngl.DEPTH_TEST | moderngl.CULL_FACE)
        program = self._context.program(_VERTEX, _FRAGMENT)
        textures = self._context.texture_array((64, 64, len(atlas)), 1, atlas.tobytes())
        textures.build_mipmaps()
        textures.use(0)
        vertices = self._context.buffer(_vertices(house).tobytes())
        parts = ("place", "uv", "color", "layer", "id")
        self._mesh = self._context.vertex_array(program, [(vertices, "3f 2f 3f 1f 1i", *parts)])
        self._camera = program["camera"]
        colors = [self._context.texture((size, size), 4), self._context.texture((size, size), 1, dtype="i4")]
        self._target = self._context.framebuffer(colors, self._context.depth_texture((size, size)))
        self._target.use()

    def draw(self, place: NDArray[np.float64], heading: float) -> tuple[bytes, bytes, bytes]:
        """Return the bytes of rgb, semantic ids and depth buffer of a level view."""
        self._camera.write(_matrix(place, heading).T.astype(np.float32).tobytes())
        self._target.clear()
        self._mesh.render()
        read = self._target.read
        return (
            read(components=3, alignment=1),
            read(components=1, attachment=1, dtype="i4"),
            read(components=1, attachment=-1, dtype="f4"),
        )

    def close(self) -> None:
        """Release the context."""
        self._context.release()


def available() -> bool:
    """Whether moderngl is installed."""
    return importlib.util.find_spec("moderngl") is not None


def _vertices(house: House) -> NDArray[np.void]:
    """Three vertices of each triangle, as the program reads them."""
    mesh, scale = house.mesh, np.array([m.scale for m in house.materials], np.float32)
    kind = [("place", "f4", 3), ("uv", "f4", 2), ("color", "f4", 3), ("layer", "f4"), ("id", "i4")]
    rows = np.zeros((len(mesh.triangles), 3), kind)
    rows["place"] = mesh.vertices[mesh.triangles]
    rows["uv"] = mesh.uvs / scale[mesh.materials][:, None, None]
    rows["color"] = (np.array([m.color for m in house.materials]) / 255)[mesh.materials][:, None]
    rows["layer"] = np.array([m.texture for m in house.materials])[mesh.materials][:, None]
    rows["id"] = mesh.instances[:, None]
    return rows.reshape(-1)


def _matrix(place: NDArray[np.float64], heading: float) -> NDArray[np.float64]:
    """World to clip space of a level camera with an angle of view of 90 degrees."""
    forward, right = (math.sin(heading), math.cos(heading), 0.0), (math.cos(heading), -math.sin(heading), 0.0)
    view = np.eye(4)
    view[:3, :3] = right, (0.0, 0.0, 1.0), np.negative(forward)
    view[:3, 3] = -view[:3, :3] @ place
    lens = np.zeros((4, 4))
    lens[0, 0] = lens[1, 1] = 1.0
    lens[2, 2:] = -(_FAR + NEAR) / (_FAR - NEAR), -2 * _FAR * NEAR / (_FAR - NEAR)
    lens[3, 2] = -1.0
    return lens @ view
