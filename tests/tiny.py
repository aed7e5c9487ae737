"""A small made-up R2R data folder: two scans of twelve viewpoints, three splits, NavGPT texts, room labels.

Everything here is invented, so it can be shipped; the layout is that of the real files, so the same loaders read it.
"""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from typing import Any

COLUMNS, ROWS = 4, 3
SPACING = 2.2
"""Metres between viewpoints along the grid."""

ROOMS = ("kitchen", "hallway", "bedroom", "bathroom", "office", "lounge")


def viewpoint_id(scan: str, index: int) -> str:
    """Return a 32-digit hexadecimal id, as Matterport3D's are."""
    return f"{random.Random(f'{scan}{index}').getrandbits(128):032x}"


def grid_neighbours(index: int) -> list[int]:
    """Return the indices that one move leads to."""
    row, column = divmod(index, COLUMNS)
    steps = ((row, column - 1), (row, column + 1), (row - 1, column), (row + 1, column))
    return [r * COLUMNS + c for r, c in steps if 0 <= r < ROWS and 0 <= c < COLUMNS]


def make_world(root: Path) -> Path:
    """Write the data folder and return it."""
    for scan in ("scanA", "scanB"):
        _write(root / "r2r" / "connectivity" / f"{scan}_connectivity.json", _connectivity(scan))
        _write_texts(root / "navgpt", scan)
    _write(root / "rooms" / "vp2room_label.json", {"pano_info": {scan: _labels(scan) for scan in ("scanA", "scanB")}})
    for split, scans, goals in (
        ("train", ["scanA"], True),
        ("val_unseen", ["scanA", "scanB"], True),
        ("test", ["scanB"], False),
    ):
        _write(root / "r2r" / f"R2R_{split}.json", _annotations(split, scans, goals))
    return root


def scramble_rooms(data: Path) -> None:
    """Give all viewpoints of a data folder another room."""
    file = data / "rooms" / "vp2room_label.json"
    labels = json.loads(file.read_text())
    for scan in labels["pano_info"].values():
        for place in scan.values():
            place["label_info"] = "lounge" if place["label_info"].startswith("kitchen") else "kitchen"
    file.write_text(json.dumps(labels))


def _connectivity(scan: str) -> list[dict[str, Any]]:
    """A grid; the second row lies 0.9 m higher. One more viewpoint is not included, as happens in the real files."""
    nodes = []
    count = COLUMNS * ROWS
    for index in range(count + 1):
        row, column = divmod(index, COLUMNS)
        pose = [1.0, 0, 0, column * SPACING, 0, 1.0, 0, row * SPACING, 0, 0, 1.0, 1.5 + 0.9 * (row == 1), 0, 0, 0, 1.0]
        reachable = set(grid_neighbours(index)) if index < count else {0, 1}
        if index in (0, 1):
            reachable.add(count)
        nodes.append(
            {
                "image_id": viewpoint_id(scan, index),
                "pose": pose,
                "included": index < count,
                "visible": [True] * (count + 1),
                "unobstructed": [other in reachable for other in range(count + 1)],
                "height": 1.5,
            }
        )
    return nodes


def _annotations(split: str, scans: list[str], goals: bool) -> list[dict[str, Any]]:
    rng = random.Random(split)
    paths = []
    for number in range(10):
        scan = scans[number % len(scans)]
        path = [rng.randrange(COLUMNS * ROWS)]
        while len(path) < 5:
            path.append(
                rng.choice([n for n in grid_neighbours(path[-1]) if n not in path] or grid_neighbours(path[-1]))
            )
        rooms = [ROOMS[index % 6] for index in path]
        paths.append(
            {
                "scan": scan,
                "path_id": 100 + number,
                "path": [viewpoint_id(scan, index) for index in (path if goals else path[:1])],
                "heading": rng.uniform(0, 2 * math.pi),
                "instructions": [
                    f"Leave the {rooms[0]}, walk past the {rooms[2]} and stop in the {rooms[-1]}. ",
                    f"Go to the {rooms[-1]}. ",
                    f"Walk to the {rooms[1]}, turn and wait by the {rooms[-1]}. ",
                ],
            }
        )
    return paths


def _write_texts(folder: Path, scan: str) -> None:
    names = {viewpoint_id(scan, index): ROOMS[index % 6] for index in range(COLUMNS * ROWS)}
    texts = {viewpoint: [f"A {room} seen in direction {k}." for k in range(8)] for viewpoint, room in names.items()}
    captions = {v: [f"down: floor\nmiddle: {text}\ntop: ceiling" for text in eight] for v, eight in texts.items()}
    objects = {v: [{"lamp": {"heading": 45.0 * k + 5, "distance": 1.25}} for k in range(8)] for v in names}
    _write(
        folder / "observations_summarized" / f"{scan}_summarized.json", {v: f"view of a {r}" for v, r in names.items()}
    )
    _write(folder / "observations_list_summarized" / f"{scan}.json", texts)
    _write(folder / "observations_list" / f"{scan}.json", captions)
    _write(folder / "objects_list" / f"{scan}.json", objects)


def _labels(scan: str) -> dict[str, dict[str, str]]:
    return {
        viewpoint_id(scan, index): {"label_info": f"{ROOMS[index % 6]} (not any other room)"}
        for index in range(COLUMNS * ROWS)
    }


def _write(file: Path, content: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content))
