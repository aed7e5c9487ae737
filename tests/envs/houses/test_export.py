"""Exported houses, read back by trimesh and by the rules of habitat-sim's loaders."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray

from envs.houses.export import DATASET_FILE, export_houses, semantic_color, semantic_id
from envs.houses.formats import y_up
from envs.houses.generate import generate
from envs.houses.house import House
from envs.houses.textures import NEUTRAL, TEXTURES, texture_atlas
from navagent.errors import ConfigError, RunError

SEEDS = (3, 900_000)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("scenes")
    export_houses(root, SEEDS)
    return root


@pytest.fixture(scope="module")
def house() -> House:
    return generate(SEEDS[0])


def _stem(folder: Path, house: House) -> Path:
    return folder / "houses" / house.house_id / house.house_id


def _load(file: Path) -> trimesh.Scene:
    return trimesh.load_scene(file)


def _by_object(scene: trimesh.Scene) -> dict[str, NDArray[np.float64]]:
    """Return each object's triangles (n, 3, 3); trimesh hangs an object's further materials below its first node."""
    found: dict[str, list[NDArray[np.float64]]] = {}
    for node in scene.graph.nodes_geometry:
        transform, geometry = scene.graph[node]
        np.testing.assert_array_equal(transform, np.eye(4))
        parent = scene.graph.transforms.parents[node]
        found.setdefault(node if parent == "world" else parent, []).append(scene.geometry[geometry].triangles)
    return {name: np.concatenate(parts) for name, parts in found.items()}


def _sorted(triangles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return triangles in an order of their own; the corners keep theirs, so fronts stay fronts."""
    rows = triangles.reshape(len(triangles), 9)
    return rows[np.lexsort(rows.T)]


@pytest.mark.parametrize("kind", ["glb", "semantic.glb"])
def test_the_triangles_are_the_renderers(folder: Path, house: House, kind: str) -> None:
    mesh = house.mesh
    found = _by_object(_load(Path(f"{_stem(folder, house)}.{kind}")))
    assert sum(map(len, found.values())) == len(mesh.triangles)
    x, y, z = (mesh.vertices[mesh.triangles][..., axis] for axis in range(3))
    expected = np.stack((x, z, -y), axis=-1)  # Habitat's frame, as `envs.houses.house` defines it
    for i, thing in enumerate(house.objects):
        triangles = found.pop(f"{thing.category}_{i + 1}")
        np.testing.assert_array_equal(_sorted(triangles), _sorted(expected[mesh.instances == i]))
    assert not found


def test_every_object_keeps_its_category_and_id(folder: Path, house: House) -> None:
    edges = _load(_stem(folder, house).with_suffix(".glb")).graph.transforms.edge_data
    told = [edges["world", f"{thing.category}_{i + 1}"]["metadata"] for i, thing in enumerate(house.objects)]
    assert [entry["semantic_id"] for entry in told] == [semantic_id(i) for i in range(len(house.objects))]
    assert [entry["category"] for entry in told] == [thing.category for thing in house.objects]
    assert [entry["room_category"] for entry in told] == [house.rooms[thing.room].category for thing in house.objects]


def test_pictures_are_colour_times_pattern_and_repeat_as_often_as_in_the_renderer(folder: Path, house: House) -> None:
    scene = _load(_stem(folder, house).with_suffix(".glb"))
    looks = {(m.color, m.texture, m.scale) for m in house.materials}
    seen = set()
    for mesh in scene.geometry.values():
        pattern, color, scale = mesh.visual.material.name.removesuffix("m").split("_")
        picture = np.asarray(mesh.visual.material.baseColorTexture).astype(int)
        rgb = tuple(bytes.fromhex(color))
        grey = texture_atlas()[TEXTURES.index(pattern)][: len(picture), : len(picture)].astype(int)
        assert np.abs(picture * NEUTRAL - (grey[..., None] * rgb).clip(0, 255 * NEUTRAL)).max() <= NEUTRAL / 2
        seen.add((rgb, TEXTURES.index(pattern), float(scale)))
        # A metre along an edge is 1 / scale of the picture.
        edges, uvs = mesh.triangles[:, 1] - mesh.triangles[:, 0], mesh.visual.uv[mesh.faces]
        repeats = np.linalg.norm(uvs[:, 1] - uvs[:, 0], axis=1) * float(scale)
        np.testing.assert_allclose(repeats, np.linalg.norm(edges, axis=1), atol=2e-3)
    assert seen == looks


def test_semantic_colours_mean_what_the_text_says(folder: Path, house: House) -> None:
    """As habitat-sim reads both: linear vertex colours become sRGB bytes, whose line tells id, category and region."""
    header, *lines = _stem(folder, house).with_suffix(".semantic.txt").read_text().splitlines()
    assert header == "HM3D Semantic Annotations"
    told = {}
    for line in lines:
        matched = re.fullmatch(r'(\d+),([0-9A-F]{6}),"([^"]+)",(\d+)', line)
        assert matched is not None, line
        identity, color, category, region = matched.groups()
        told[int(color, 16)] = int(identity), category, int(region)
    assert len(told) == len(lines) == len(house.objects)
    for name, linear in _vertex_colors(_stem(folder, house).with_suffix(".semantic.glb")):
        (color,) = np.unique(_srgb(linear), axis=0).tolist()
        identity, category, region = told.pop(int.from_bytes(bytes(color), "big"))
        thing = house.objects[identity - 1]
        assert (category, region) == (thing.category, thing.room)
        assert name == f"{category}_{identity}"
    assert not told


def _vertex_colors(file: Path) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Yield each mesh's name and colours as they are stored (trimesh rounds them to bytes)."""
    data = file.read_bytes()
    (length,) = struct.unpack_from("<I", data, 12)
    content = json.loads(data[20 : 20 + length])
    for mesh in content["meshes"]:
        (primitive,) = mesh["primitives"]
        accessor = content["accessors"][primitive["attributes"]["COLOR_0"]]
        view = content["bufferViews"][accessor["bufferView"]]
        start = 28 + length + view["byteOffset"] + accessor["byteOffset"]
        yield mesh["name"], np.frombuffer(data, "<f4", 3 * accessor["count"], start).reshape(-1, 3)


def _srgb(linear: NDArray[np.float32]) -> NDArray[np.uint8]:
    curve = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    srgb: NDArray[np.uint8] = np.rint(curve * 255).astype(np.uint8)
    return srgb


def test_semantic_colours_differ() -> None:
    colors = {semantic_color(identity) for identity in range(1, 20_000)}
    assert len(colors) == 19_999
    assert (0, 0, 0) not in colors  # habitat-sim's unknown


def test_habitats_files_name_each_other(folder: Path, house: House) -> None:
    stem = _stem(folder, house)
    stage = json.loads(stem.with_suffix(".stage_config.json").read_text())
    assert (stage["up"], stage["front"]) == ([0, 1, 0], [0, 0, -1])
    for key in ("render_asset", "collision_asset", "semantic_asset", "semantic_descriptor_filename"):
        assert (stem.parent / stage[key]).is_file()
    settings = json.loads(stem.with_suffix(".navmesh_settings.json").read_text())
    assert (settings["agentRadius"], settings["agentHeight"]) == (0.1, 1.5)
    dataset = json.loads((folder / DATASET_FILE).read_text())
    (pattern,) = dataset["stages"]["paths"][".json"]
    found = (folder / DATASET_FILE).parent.glob(f"{pattern}/*.stage_config.json")
    assert sorted(file.name for file in found) == [f"house_{seed:06d}.stage_config.json" for seed in SEEDS]


def test_y_up_turns_and_does_not_mirror() -> None:
    axes = y_up(np.eye(3))
    np.testing.assert_array_equal(axes @ axes.T, np.eye(3))
    assert np.linalg.det(axes) == pytest.approx(1)
    np.testing.assert_array_equal(y_up([(1.0, 2.0, 3.0)]), [(1.0, 3.0, -2.0)])
    assert y_up(np.zeros((2, 3), np.float32)).dtype == np.float32


# ------------------------------------------------------------------------------------------------ bad input
def test_what_is_there_is_kept_unless_asked(tmp_path: Path) -> None:
    export_houses(tmp_path, [1])
    file = tmp_path / "houses" / "house_000001" / "house_000001.glb"
    file.write_bytes(b"mine")
    with pytest.raises(RunError, match=r"there already \(.*house_000001\): .*--overwrite"):
        export_houses(tmp_path, [2, 1])
    assert file.read_bytes() == b"mine"
    assert not (tmp_path / "houses" / "house_000002").exists()
    export_houses(tmp_path, [1], overwrite=True)
    assert file.read_bytes()[:4] == b"glTF"


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="cannot be written"):
        export_houses(tmp_path / "file", [1])


def test_what_is_no_seed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no house seed"):
        export_houses(tmp_path, [1, -1])
    assert not list(tmp_path.iterdir())
