"""A writer of GLB files: glTF 2.0's JSON and one binary buffer in one file (Khronos, glTF 2.0 Specification).

Only what a textured, unlit mesh needs: nodes with names and extras, float attributes, one PNG per material.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MAGIC, _VERSION, _JSON, _BINARY = 0x46546C67, 2, 0x4E4F534A, 0x004E4942
"""glTF 2.0 specification, section 4.4 (GLB file format)."""

_FLOAT, _UNSIGNED_INT = 5126, 5125
_VERTEX_BUFFER, _INDEX_BUFFER = 34962, 34963
_REPEAT, _LINEAR, _LINEAR_MIPMAP_LINEAR = 10497, 9729, 9987
_UNLIT = "KHR_materials_unlit"
_KINDS = {2: "VEC2", 3: "VEC3", 4: "VEC4"}


@dataclass(frozen=True)
class Part:
    """What a node draws with one material: runs of the file's vertices and triangles.

    Attributes:
        vertices: First vertex and the one after the last; the triangles use no others.
        triangles: First triangle and the one after the last.
        material: Index of the material; None is glTF's default.
    """

    vertices: tuple[int, int]
    triangles: tuple[int, int]
    material: int | None = None


@dataclass(frozen=True)
class Node:
    """A node of the scene, without a transformation of its own.

    Attributes:
        name: What viewers show.
        parts: What it draws, at least one.
        extras: Anything else that is known of it, as JSON.
    """

    name: str
    parts: tuple[Part, ...]
    extras: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Look:
    """An unlit material (KHR_materials_unlit): a repeating picture.

    Attributes:
        name: What viewers show.
        png: The picture, sRGB.
    """

    name: str
    png: bytes


def glb(
    attributes: Mapping[str, NDArray[np.float32]],
    triangles: NDArray[np.int64],
    nodes: Sequence[Node],
    looks: Sequence[Look] = (),
    extras: Mapping[str, Any] | None = None,
) -> bytes:
    """Return a GLB file.

    Args:
        attributes: (V, 2 to 4) float32 by glTF's names (POSITION, NORMAL, TEXCOORD_0, COLOR_0). POSITION, in metres,
            y up, is required. TEXCOORD_0's v grows downwards in the picture.
        triangles: (T, 3) indices of vertices, counterclockwise from the front.
        nodes: The scene's nodes, all at its top.
        looks: The materials.
        extras: What else is known of the scene, as JSON.
    """
    file = _File()
    views = {name: file.vertex_view(array) for name, array in attributes.items()}
    local = triangles.astype(np.int64)
    for part in (part for node in nodes for part in node.parts):
        local[part.triangles[0] : part.triangles[1]] -= part.vertices[0]
    index_view = file.view(local.astype("<u4").tobytes(), target=_INDEX_BUFFER)
    for number, node in enumerate(nodes):
        primitives = []
        for part in node.parts:
            accessors = {
                name: file.vertices(views[name], array, part.vertices, bounds=name == "POSITION")
                for name, array in attributes.items()
            }
            primitive = {"attributes": accessors, "indices": file.indices(index_view, part.triangles)}
            primitives.append(primitive if part.material is None else {**primitive, "material": part.material})
        file.add("meshes", {"name": node.name, "primitives": primitives})
        file.add("nodes", {"name": node.name, "mesh": number, "extras": dict(node.extras)})
    file.add("scenes", {"nodes": list(range(len(nodes))), "extras": dict(extras or {})})
    for look in looks:
        file.look(look)
    return file.whole()


class _File:
    """The parts of a file in the making."""

    def __init__(self) -> None:
        self._json: dict[str, list[Any]] = {}
        self._binary = bytearray()

    def add(self, kind: str, entry: dict[str, Any]) -> int:
        """Append to one of the file's lists and return the index."""
        entries = self._json.setdefault(kind, [])
        entries.append(entry)
        return len(entries) - 1

    def view(self, data: bytes, **more: int) -> int:
        """Append to the buffer, at a multiple of four bytes."""
        self._binary += bytes(-len(self._binary) % 4)
        view = {"buffer": 0, "byteOffset": len(self._binary), "byteLength": len(data), **more}
        self._binary += data
        return self.add("bufferViews", view)

    def vertex_view(self, array: NDArray[np.float32]) -> int:
        """Append (V, k) values of vertices to the buffer."""
        return self.view(array.astype("<f4").tobytes(), target=_VERTEX_BUFFER, byteStride=4 * array.shape[1])

    def vertices(self, view: int, array: NDArray[np.float32], run: tuple[int, int], bounds: bool) -> int:
        """Add an accessor for a run of vertices."""
        values = array[run[0] : run[1]]
        accessor = {
            "bufferView": view,
            "byteOffset": 4 * array.shape[1] * run[0],
            "componentType": _FLOAT,
            "count": len(values),
            "type": _KINDS[array.shape[1]],
        }
        limits = {"min": values.min(axis=0).tolist(), "max": values.max(axis=0).tolist()} if bounds else {}
        return self.add("accessors", {**accessor, **limits})

    def indices(self, view: int, run: tuple[int, int]) -> int:
        """Add an accessor for the corners of a run of triangles."""
        accessor = {
            "bufferView": view,
            "byteOffset": 12 * run[0],
            "componentType": _UNSIGNED_INT,
            "count": 3 * (run[1] - run[0]),
            "type": "SCALAR",
        }
        return self.add("accessors", accessor)

    def look(self, look: Look) -> None:
        """Add a material with its picture."""
        if "samplers" not in self._json:
            wrap = {"wrapS": _REPEAT, "wrapT": _REPEAT}
            self.add("samplers", {"magFilter": _LINEAR, "minFilter": _LINEAR_MIPMAP_LINEAR, **wrap})
        image = {"name": look.name, "mimeType": "image/png", "bufferView": self.view(look.png)}
        texture = self.add("textures", {"sampler": 0, "source": self.add("images", image)})
        surface = {"baseColorTexture": {"index": texture}, "metallicFactor": 0.0, "roughnessFactor": 1.0}
        unlit: dict[str, Any] = {_UNLIT: {}}
        self.add("materials", {"name": look.name, "pbrMetallicRoughness": surface, "extensions": unlit})

    def whole(self) -> bytes:
        """Return the file."""
        content = {
            "asset": {"version": "2.0", "generator": "navagent"},
            "scene": 0,
            **self._json,
            "buffers": [{"byteLength": len(self._binary)}],
            **({"extensionsUsed": [_UNLIT]} if "materials" in self._json else {}),
        }
        text = json.dumps(content, separators=(",", ":")).encode()
        chunks = _chunk(text, _JSON, b" ") + _chunk(bytes(self._binary), _BINARY, b"\0")
        return struct.pack("<3I", _MAGIC, _VERSION, 12 + len(chunks)) + chunks


def _chunk(data: bytes, kind: int, padding: bytes) -> bytes:
    padded = data + padding * (-len(data) % 4)
    return struct.pack("<2I", len(padded), kind) + padded
