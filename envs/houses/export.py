"""Houses as habitat-sim's scenes: a textured GLB, a semantic GLB, and the JSON files that name them.

Per house, in `<folder>/houses/<house id>/` (where `scene_id` of the R2R-CE episodes points):

- `<id>.glb`: the renderer's triangles, y up, a node per object instance with its category and semantic id; each
  material's picture is its colour times its pattern, and COLOR_0 holds the renderer's light, so that flat shading
  shows what the renderer shows;
- `<id>.semantic.glb` and `<id>.semantic.txt`: HM3D's way to store semantics (habitat-sim 0.3.3,
  `HM3DSemanticScene.cpp` and `GenericSemanticMeshData.cpp`): each instance has a vertex colour of its own, and the text
  says which id, category and room (region) a colour means;
- `<id>.stage_config.json` (`StageAttributesManager.cpp`) and `<id>.navmesh_settings.json` (`NavMeshSettings` in
  `PathFinder.h`, as its `read_from_json` takes it: the `.navmesh` itself only habitat-sim can write).

Semantic id 0 means unknown to habitat-sim, so an id is the index into `House.objects` plus 1.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from envs.houses.cache import load_house
from envs.houses.formats import SCENES, scene_file, write_json, y_up
from envs.houses.generate import check_seed
from envs.houses.glb import Look, Node, Part, glb
from envs.houses.house import AGENT_HEIGHT, AGENT_RADIUS, House, Material, house_name
from envs.houses.surfaces import light
from envs.houses.textures import NEUTRAL, TEXTURES, texture_atlas
from navagent.errors import RunError, listing
from navagent.files import write_whole

NAVMESH_SETTINGS: dict[str, float | bool] = {
    "cellSize": 0.05,
    "cellHeight": 0.05,
    "agentHeight": AGENT_HEIGHT,
    "agentRadius": AGENT_RADIUS,
    "agentMaxClimb": 0.05,
    "agentMaxSlope": 45.0,
    "regionMinSize": 20.0,
    "regionMergeSize": 20.0,
    "edgeMaxLen": 12.0,
    "edgeMaxError": 1.3,
    "vertsPerPoly": 6.0,
    "detailSampleDist": 6.0,
    "detailSampleMaxError": 1.0,
    "filterLowHangingObstacles": True,
    "filterLedgeSpans": True,
    "filterWalkableLowHeightSpans": True,
}
"""habitat-sim's defaults (`NavMeshSettings::setDefaults`), whose agent is R2R-CE's, but for two: cells 0.05 m high
instead of 0.2 m (which would make the agent 1.6 m high) and a climb of 0.05 m, over rugs but onto nothing that blocks
here."""

_SPREAD = 0x9E3779
"""Odd, so that multiples of it are different colours up to 2**24 instances, and far apart for neighbours."""

DATASET_FILE = f"{SCENES}/{SCENES}.scene_dataset_config.json"
"""habitat-sim's scene data set configuration, in the folder of scenes."""

_SCENE_DATASET: dict[str, Any] = {
    "stages": {"paths": {".json": ["house_*"]}},
    "scene_instances": {"default_attributes": {"default_lighting": "no_lights"}},
}
"""Lists every stage configuration in the folders beside it."""

_HEADER = "HM3D Semantic Annotations"

OnHouse = Callable[[int], None]


def export_houses(
    folder: Path, seeds: Sequence[int], overwrite: bool = False, on_house: OnHouse | None = None
) -> list[Path]:
    """Write houses as scenes that habitat-sim loads, with the scene data set that lists them.

    Args:
        folder: Where; `houses/` is made in it.
        seeds: The houses.
        overwrite: Write houses anew that are there already.
        on_house: Called after each house with the number done.

    Returns:
        The GLB of each house.

    Raises:
        ConfigError: A seed is none; nothing is written.
        RunError: A house is there already, and nothing is written; or the folder cannot be written.
    """
    for seed in seeds:
        check_seed(seed)
    files = [folder / scene_file(house_name(seed)) for seed in seeds]
    there = [str(file.parent) for file in files if file.parent.exists()]
    if there and not overwrite:
        raise RunError(f"Houses are there already ({listing(there)}): choose another folder, or give --overwrite.")
    try:
        for done, (seed, file) in enumerate(zip(seeds, files, strict=True), start=1):
            _write_house(load_house(seed), file)
            if on_house is not None:
                on_house(done)
        write_json(folder / DATASET_FILE, _SCENE_DATASET)
    except OSError as error:
        raise RunError(
            f"{error.filename or folder} cannot be written ({error.strerror}): choose another folder."
        ) from error
    return files


def semantic_id(instance: int) -> int:
    """Return habitat-sim's semantic id of an index into `House.objects`."""
    return instance + 1


def semantic_color(identity: int) -> tuple[int, int, int]:
    """Return the colour (r, g, b), 0 to 255, that stands for a semantic id in a semantic mesh."""
    mixed = identity * _SPREAD % 2**24
    return mixed >> 16, mixed >> 8 & 255, mixed & 255


def _write_house(house: House, file: Path) -> None:
    stem = file.with_suffix("")
    write_whole(file, scene_glb(house))
    write_whole(stem.with_suffix(".semantic.glb"), semantic_glb(house))
    write_whole(stem.with_suffix(".semantic.txt"), semantic_text(house).encode())
    write_json(stem.with_suffix(".stage_config.json"), stage_config(house.house_id))
    write_json(stem.with_suffix(".navmesh_settings.json"), NAVMESH_SETTINGS)


def stage_config(house_id: str) -> dict[str, Any]:
    """Return habitat-sim's stage configuration."""
    return {
        "render_asset": f"{house_id}.glb",
        "collision_asset": f"{house_id}.glb",
        "semantic_asset": f"{house_id}.semantic.glb",
        "semantic_descriptor_filename": f"{house_id}.semantic.txt",
        "nav_asset": f"{house_id}.navmesh",  # once habitat-sim has written it
        "has_semantic_textures": False,
        "up": [0.0, 1.0, 0.0],
        "front": [0.0, 0.0, -1.0],
        "origin": [0.0, 0.0, 0.0],
        "units_to_meters": 1.0,
        "force_flat_shading": True,
    }


# ------------------------------------------------------------------------------------------------ meshes
def scene_glb(house: House) -> bytes:
    """Return a house as textured GLB: its triangles, y up, a node per object."""
    mesh = house.mesh
    corners = mesh.vertices[mesh.triangles]
    normals = _normals(corners)
    scales = np.array([material.scale for material in house.materials])
    uvs = mesh.uvs / scales[mesh.materials][:, None, None]
    shades = light(normals)[:, None, None] * np.ones((1, 3, 3))
    looks = {
        "POSITION": y_up(corners),
        "NORMAL": _per_corner(y_up(normals)),
        "TEXCOORD_0": uvs,
        "COLOR_0": shades,
    }
    return _glb(house, looks, mesh.materials, [_look(material) for material in house.materials])


def semantic_glb(house: House) -> bytes:
    """Return a house as GLB whose vertices have the colour of their instance, in linear light as glTF wants it."""
    mesh = house.mesh
    colors = np.array([semantic_color(semantic_id(i)) for i in range(len(house.objects))])
    linear = _linear(colors / 255.0)[mesh.instances]
    looks = {"POSITION": y_up(mesh.vertices[mesh.triangles]), "COLOR_0": _per_corner(linear)}
    return _glb(house, looks, None, [])


def semantic_text(house: House) -> str:
    """Return what the semantic colours mean: id, colour, category, region (the index of the room), HM3D's way."""
    lines = [_HEADER]
    for i, thing in enumerate(house.objects):
        r, g, b = semantic_color(semantic_id(i))
        lines.append(f'{semantic_id(i)},{r:02X}{g:02X}{b:02X},"{thing.category}",{thing.room}')
    return "\n".join(lines) + "\n"


def _glb(
    house: House, looks: dict[str, NDArray[Any]], materials: NDArray[np.int16] | None, pictures: Sequence[Look]
) -> bytes:
    """Return a GLB from (T, 3, k) values of the triangles' corners, a node per object with a part per material."""
    instances = house.mesh.instances
    own = np.zeros(len(instances), np.int64) if materials is None else materials.astype(np.int64)
    order = np.lexsort((own, instances))
    instances, own = instances[order], own[order]
    starts = np.flatnonzero((np.diff(instances, prepend=-1) != 0) | (np.diff(own, prepend=-1) != 0)).tolist()
    corners = np.concatenate([values[order].astype(np.float32) for values in looks.values()], axis=2)
    vertices, known = [], 0
    triangles = np.empty((len(order), 3), np.int64)
    parts: dict[int, tuple[Part, ...]] = {}
    for start, end in zip(starts, [*starts[1:], len(order)], strict=True):
        # Corners that agree in everything are one vertex; those of other parts are not looked at.
        single, places = np.unique(corners[start:end].reshape(-1, corners.shape[2]), axis=0, return_inverse=True)
        triangles[start:end] = known + places.reshape(-1, 3)
        vertices.append(single)
        material = None if materials is None else int(own[start])
        part = Part((known, known + len(single)), (start, end), material)
        parts[int(instances[start])] = (*parts.get(int(instances[start]), ()), part)
        known += len(single)
    columns = np.split(np.concatenate(vertices), np.cumsum([values.shape[2] for values in looks.values()])[:-1], axis=1)
    nodes = [_node(house, instance, drawn) for instance, drawn in parts.items()]
    extras = {"house": house.house_id, "seed": house.seed}
    return glb(dict(zip(looks, columns, strict=True)), triangles, nodes, pictures, extras)


def _node(house: House, instance: int, parts: tuple[Part, ...]) -> Node:
    thing = house.objects[instance]
    extras = {
        "semantic_id": semantic_id(instance),
        "category": thing.category,
        "color": thing.color,
        "room": thing.room,
        "room_category": house.rooms[thing.room].category,
    }
    return Node(f"{thing.category}_{semantic_id(instance)}", parts, extras)


def _look(material: Material) -> Look:
    """Return a material's picture: colour times pattern, as the renderer multiplies them."""
    grey = texture_atlas()[material.texture].astype(np.float64)
    picture = grey[:1, :1] if material.texture == 0 else grey
    rgb = np.rint(picture[..., None] * np.array(material.color) / NEUTRAL).clip(0, 255).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(rgb).save(stream, "PNG")
    r, g, b = material.color
    return Look(f"{TEXTURES[material.texture]}_{r:02x}{g:02x}{b:02x}_{material.scale:g}m", stream.getvalue())


def _normals(corners: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return (T, 3) unit normals of triangles (T, 3, 3)."""
    points = corners.astype(np.float64)
    normals = np.cross(points[:, 1] - points[:, 0], points[:, 2] - points[:, 0])
    unit: NDArray[np.float64] = normals / np.linalg.norm(normals, axis=1, keepdims=True)
    return unit


def _per_corner(values: NDArray[Any]) -> NDArray[Any]:
    """Return (T, 3, k): a triangle's values at each of its corners."""
    return np.repeat(values[:, None], 3, axis=1)


def _linear(srgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return linear light of sRGB values, both 0 to 1 (IEC 61966-2-1)."""
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
