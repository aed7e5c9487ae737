from __future__ import annotations

import io
import json
import struct

import numpy as np
import trimesh
from PIL import Image

from envs.houses.glb import Look, Node, Part, glb


def _png(size: int = 4) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.arange(size * size * 3, dtype=np.uint8).reshape(size, size, 3)).save(stream, "PNG")
    return stream.getvalue()


def _two_nodes() -> bytes:
    """A square of two triangles and a triangle of its own, apart in the vertices."""
    positions = np.array([(0, 0, 0), (1, 0, 0), (1, 0, -1), (0, 0, -1), (5, 0, 0), (6, 0, 0), (5, 2, 0)], np.float32)
    uvs = positions[:, [0, 2]]
    triangles = np.array([(0, 1, 2), (0, 2, 3), (4, 5, 6)])
    nodes = [
        Node("floor", (Part((0, 4), (0, 2), 0),), {"semantic_id": 7}),
        Node("wall", (Part((4, 7), (2, 3), 1),)),
    ]
    looks = [Look("planks", _png()), Look("plaster", _png(3))]
    return glb({"POSITION": positions, "TEXCOORD_0": uvs}, triangles, nodes, looks, {"house": "made up"})


def test_nodes_triangles_and_pictures_come_back() -> None:
    scene = trimesh.load_scene(io.BytesIO(_two_nodes()), file_type="glb")
    assert {name: len(mesh.faces) for name, mesh in scene.geometry.items()} == {"floor": 2, "wall": 1}
    assert scene.geometry["floor"].area == 1.0
    np.testing.assert_array_equal(scene.geometry["wall"].triangles[0], [(5, 0, 0), (6, 0, 0), (5, 2, 0)])
    assert scene.geometry["floor"].visual.material.name == "planks"
    picture = np.asarray(scene.geometry["wall"].visual.material.baseColorTexture)
    np.testing.assert_array_equal(picture, np.arange(27).reshape(3, 3, 3))
    assert scene.graph.transforms.edge_data["world", "floor"]["metadata"] == {"semantic_id": 7}
    assert scene.metadata["house"] == "made up"


def test_chunks_are_padded_and_lengths_are_told() -> None:
    data = _two_nodes()
    magic, version, length, json_length, json_kind = struct.unpack_from("<4s3I4s", data)
    assert (magic, version, length, json_kind) == (b"glTF", 2, len(data), b"JSON")
    binary_length, binary_kind = struct.unpack_from("<I4s", data, 20 + json_length)
    assert (binary_kind, json_length % 4, binary_length % 4) == (b"BIN\0", 0, 0)
    assert 28 + json_length + binary_length == len(data)
    content = json.loads(data[20 : 20 + json_length])
    assert all(view["byteOffset"] % 4 == 0 for view in content["bufferViews"])
    assert content["buffers"][0]["byteLength"] <= binary_length
