"""A small made-up data folder in R2R-CE's and RxR-Habitat's layouts: one building of 20 m with its floor at 0.5 m.

Everything here is invented, so it can be shipped; the layout is that of the real files, so the same loaders read it.
"""

from __future__ import annotations

import gzip
import json
import math
import random
from pathlib import Path
from typing import Any

FLOOR = 0.5
"""Height of the floor, metres."""

SCENE = "mp3d/roomA/roomA.glb"


def make_ce_world(root: Path) -> Path:
    """Write the data folder and return it: R2R-CE's val_unseen and test, an empty file for the building."""
    episodes = [_episode(number) for number in range(1, 7)]
    truth = {str(entry["episode_id"]): _truth(entry) for entry in episodes}
    plain = root / "r2r_ce" / "R2R_VLNCE_v1-3"
    _write(plain / "val_unseen" / "val_unseen.json.gz", _file(episodes))
    _write(plain / "val_unseen" / "val_unseen_gt.json.gz", truth)
    hidden = [{k: v for k, v in entry.items() if k not in ("goals", "reference_path", "info")} for entry in episodes]
    _write(plain / "test" / "test.json.gz", _file(hidden))
    padded = [{**e, "instruction": {**e["instruction"], "instruction_tokens": [4, 3, 5] + [0] * 197}} for e in episodes]
    _write(root / "r2r_ce" / "R2R_VLNCE_v1-3_preprocessed" / "val_unseen" / "val_unseen.json.gz", _file(padded, "#"))
    scene = root / "scene_datasets" / SCENE
    scene.parent.mkdir(parents=True)
    scene.write_bytes(b"no building: the stand-in does not read it")
    return root


def make_rxr_world(root: Path) -> Path:
    """Write RxR-Habitat's val_unseen for guides and test_challenge, without a vocabulary, and return the folder."""
    episodes = [_rxr_episode(number) for number in range(1, 5)]
    folder = root / "rxr_ce" / "RxR_VLNCE_v0"
    _write(folder / "val_unseen" / "val_unseen_guide.json.gz", {"episodes": episodes})
    truth = {entry["episode_id"]: {**_truth(entry), "episode_id": entry["episode_id"]} for entry in episodes}
    _write(folder / "val_unseen" / "val_unseen_guide_gt.json.gz", truth)
    hidden = [{**entry, "goals": None, "reference_path": None} for entry in episodes]
    _write(folder / "test_challenge" / "test_challenge_guide.json.gz", {"episodes": hidden})
    return root


def _file(episodes: list[dict[str, Any]], third: str = "<s>") -> dict[str, Any]:
    """The two releases have different words (the real ones in different numbers, too)."""
    words = ["<pad>", "<unk>", third, "to", "go", "there"]
    index = {word: i for i, word in enumerate(words)}
    vocabulary = {"word_list": words, "word2idx_dict": index, "stoi": index, "itos": words}
    return {
        "episodes": episodes,
        "instruction_vocab": {**vocabulary, "num_vocab": len(words), "UNK_INDEX": 1, "PAD_INDEX": 0},
    }


def _episode(number: int) -> dict[str, Any]:
    """Starts and goals lie 4 to 8 m apart, where the follower's 0.25 m steps bring it."""
    rng = random.Random(number)
    start = [rng.uniform(-8, 8), FLOOR, rng.uniform(-8, 8)]
    distance, angle = rng.uniform(4, 8), math.atan2(-start[2], -start[0])
    goal = [start[0] + distance * math.cos(angle), FLOOR, start[2] + distance * math.sin(angle)]
    yaw = math.radians(30 * rng.randrange(12))
    return {
        "episode_id": number,
        "trajectory_id": 10 + number // 3,
        "scene_id": SCENE,
        "start_position": start,
        "start_rotation": [0.0, math.sin(yaw / 2), 0.0, math.cos(yaw / 2)],
        "info": {"geodesic_distance": math.dist(start, goal)},
        "goals": [{"position": goal, "radius": 3.0}],
        "instruction": {"instruction_text": "Go to there.\r\n", "instruction_tokens": [4, 3, 5]},
        "reference_path": [start, goal],
    }


def _rxr_episode(number: int) -> dict[str, Any]:
    language = ["en-US", "en-IN", "hi-IN", "te-IN"][number % 4]
    instruction = {
        "instruction_id": 100 - number,
        "instruction_text": f"You are in a room, episode {number}.",
        "language": language,
        "annotator_id": "a1",
        "edit_distance": 0.0,
        "timed_instruction": [{"end_time": 1.0, "start_time": 0.0, "word": "You"}],
        "instruction_tokens": None,
    }
    return {**_episode(number), "episode_id": str(number), "trajectory_id": "7_a", "instruction": instruction}


def _truth(entry: dict[str, Any]) -> dict[str, Any]:
    start, goal = entry["start_position"], entry["goals"][0]["position"]
    steps = int(math.dist(start, goal) / 0.25)
    places = [[a + (b - a) * k / steps for a, b in zip(start, goal, strict=True)] for k in range(steps + 1)]
    return {"locations": places, "actions": [2] + [1] * steps + [0], "forward_steps": steps}


def _write(file: Path, content: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(gzip.compress(json.dumps(content).encode()))
