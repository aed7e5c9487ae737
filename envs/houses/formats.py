"""Houses' episodes in the benchmarks' own file formats, so that the loaders of R2R and R2R-CE read them unchanged.

Ours is z up; Habitat is y up: (x, y, z)_habitat = (x, z, -y). A heading, clockwise from +y, is a rotation by its
negative about Habitat's +y: on the real files R2R-CE's `start_rotation` so agrees with R2R's `heading`, to its
30-degree steps.
"""

from __future__ import annotations

import gzip
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from envs.houses.house import SENSOR_HEIGHT, Point
from envs.houses.language import Instruction
from navagent.files import write_whole

SCENES = "houses"
"""Name of the scene data set, and of its folder."""

GOAL_RADIUS = 3.0
"""Metres (R2R-CE's `goals[].radius`)."""


@dataclass(frozen=True)
class PathRecord:
    """One annotated path with everything that the files hold of it.

    Attributes:
        path_id: Unique in the data set.
        house_id: The house.
        viewpoints: Names of the viewpoints along the path.
        points: Their positions, metres.
        heading: First heading, radians.
        length: Length of the path along the nav-graph, metres.
        geodesic: Shortest distance from start to goal on the floor, metres.
        instructions: Three of them.
        actions: The oracle follower's actions (R2R-CE's codes, STOP last).
        locations: Where each action began, metres; the dense path that nDTW is measured against.
    """

    path_id: int
    house_id: str
    viewpoints: tuple[str, ...]
    points: tuple[Point, ...]
    heading: float
    length: float
    geodesic: float
    instructions: tuple[Instruction, ...]
    actions: tuple[int, ...]
    locations: tuple[Point, ...]


def viewpoint_name(house_id: str, index: int) -> str:
    """Return a 32-digit hexadecimal name, as Matterport3D's viewpoints have."""
    return sha256(f"{house_id}/{index}".encode()).hexdigest()[:32]


def y_up(points: ArrayLike) -> NDArray[Any]:
    """Return (..., 3) points or directions of ours, z up, in Habitat's and glTF's y-up frame; floats keep their type.

    (x, y, z) becomes (x, z, -y), a turn about x: what was counterclockwise stays so. Every position that leaves for
    Habitat, of episodes and of meshes, passes here.
    """
    given = np.asarray(points)
    return np.stack((given[..., 0], given[..., 2], 0.0 - given[..., 1]), axis=-1).astype(given.dtype)


def to_habitat(point: Point, height: float = 0.0) -> list[float]:
    """Return a point on the floor, or `height` metres above it, in Habitat's y-up frame."""
    there: list[float] = y_up((*point, height)).tolist()
    return there


def scene_file(house_id: str) -> str:
    """Return where a house's GLB lies in a folder of scenes, as R2R-CE's `scene_id` names it."""
    return f"{SCENES}/{house_id}/{house_id}.glb"


def rotation(heading: float) -> list[float]:
    """Return a heading as Habitat's quaternion (x, y, z, w)."""
    return [0.0, math.sin(-heading / 2), 0.0, math.cos(heading / 2)]


# ------------------------------------------------------------------------------------------------- R2R
def connectivity(house_id: str, points: Sequence[Point], edges: Iterable[tuple[int, int]]) -> list[dict[str, Any]]:
    """Return a nav-graph in the schema of Matterport3D Simulator's connectivity files."""
    free = {(a, b) for one, other in edges for a, b in ((one, other), (other, one))}
    return [
        {
            "image_id": viewpoint_name(house_id, i),
            "pose": [1, 0, 0, x, 0, 1, 0, y, 0, 0, 1, SENSOR_HEIGHT, 0, 0, 0, 1],
            "included": True,
            "visible": [i != j for j in range(len(points))],
            "unobstructed": [(i, j) in free for j in range(len(points))],
            "height": SENSOR_HEIGHT,
        }
        for i, (x, y) in enumerate(points)
    ]


def r2r_entry(record: PathRecord) -> dict[str, Any]:
    """Return a path as an entry of `R2R_{split}.json`, with its sub-instructions beside what R2R has."""
    return {
        "distance": round(record.length, 2),
        "scan": record.house_id,
        "path_id": record.path_id,
        "path": list(record.viewpoints),
        "heading": record.heading,
        "instructions": [instruction.text for instruction in record.instructions],
        "sub_instructions": [[asdict(part) for part in instruction.parts] for instruction in record.instructions],
    }


# ---------------------------------------------------------------------------------------------- R2R-CE
def ce_file(records: Sequence[PathRecord], words: Sequence[str]) -> dict[str, Any]:
    """Return a split in R2R-CE's episode format."""
    episodes = [
        _ce_episode(record, text, number * len(record.instructions) + i + 1, words)
        for number, record in enumerate(records)
        for i, text in enumerate(instruction.text for instruction in record.instructions)
    ]
    index = {word: i for i, word in enumerate(words)}
    vocabulary = {
        "word_list": list(words),
        "word2idx_dict": index,
        "stoi": index,
        "itos": list(words),
        "num_vocab": len(words),
        "UNK_INDEX": 1,
        "PAD_INDEX": 0,
    }
    return {"episodes": episodes, "instruction_vocab": vocabulary}


def _ce_episode(record: PathRecord, text: str, episode_id: int, words: Sequence[str]) -> dict[str, Any]:
    index = {word: i for i, word in enumerate(words)}
    return {
        "episode_id": episode_id,
        "trajectory_id": record.path_id,
        "scene_id": scene_file(record.house_id),
        "start_position": to_habitat(record.points[0]),
        "start_rotation": rotation(record.heading),
        "info": {"geodesic_distance": record.geodesic},
        "goals": [{"position": to_habitat(record.points[-1]), "radius": GOAL_RADIUS}],
        "instruction": {
            "instruction_text": text,
            "instruction_tokens": [index.get(word, 1) for word in tokenize(text)],
        },
        "reference_path": [to_habitat(point) for point in record.points],
    }


def ce_ground_truth(records: Sequence[PathRecord]) -> dict[str, Any]:
    """Return a split's ground truth in R2R-CE's format: dense locations and actions by episode id."""
    truth: dict[str, Any] = {}
    episode_id = 0
    for record in records:
        entry = {
            "locations": [to_habitat(point) for point in record.locations],
            "actions": list(record.actions),
            "forward_steps": sum(action == 1 for action in record.actions),
        }
        for _ in record.instructions:
            episode_id += 1
            truth[str(episode_id)] = entry
    return truth


def tokenize(text: str) -> list[str]:
    """Return an instruction's words and sentence marks, lower case."""
    return re.findall(r"[a-z0-9']+|[.,]", text.lower())


def vocabulary(texts: Iterable[str]) -> list[str]:
    """Return the words of texts in R2R-CE's order: <pad>, <unk>, <s>, then alphabetically."""
    return ["<pad>", "<unk>", "<s>", *sorted({word for text in texts for word in tokenize(text)})]


# ---------------------------------------------------------------------------------------------- writing
def write_json(file: Path, content: Mapping[str, Any] | Sequence[Any]) -> None:
    """Write JSON, compressed if the name ends in .gz; the same content gives the same bytes."""
    data = json.dumps(content).encode()
    write_whole(file, gzip.compress(data, mtime=0) if file.suffix == ".gz" else data)
