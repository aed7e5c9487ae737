"""What continuous environments share, and R2R-CE episode files: `{split}.json.gz`, `{split}_gt.json.gz` -> episodes.

The files are in Habitat's y-up frame; `Episode` is z up: (x, y, z) of ours = (x, -z, y) of Habitat's.
"""

from __future__ import annotations

import gzip
import json
import math
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from navagent.contracts import Env
from navagent.data import data_root, fingerprint
from navagent.errors import ConfigError, DataError, nearest
from navagent.types import Episode, Goal, Pose, Position


class ContinuousEnv(Env):
    """An environment of primitive actions that can measure; an oracle over places asks it how far each is."""

    @abstractmethod
    def distance_to_goal(self, position: Position) -> float:
        """Return the geodesic distance in metres from the floor's point nearest to `position` to the episode's goal.

        Raises:
            ValueError: The split has no goals.
        """


def from_habitat(position: Sequence[float]) -> Position:
    """Return a position of Habitat's y-up frame in ours."""
    x, y, z = position
    return float(x), -float(z), float(y)


def heading_of(rotation: Sequence[float]) -> float:
    """Return the heading (radians, clockwise from +y) of a rotation (x, y, z, w) about Habitat's y axis."""
    return -2 * math.atan2(rotation[1], rotation[3]) % (2 * math.pi)


def load_r2r_ce(split: str, data_dir: str | None = None) -> tuple[tuple[Episode, ...], dict[str, str]]:
    """Load a split from `{data_dir}/r2r_ce/R2R_VLNCE_v1-3/{split}/`.

    The reference path of an episode is its dense ground truth (`locations`), against which R2R-CE measures nDTW;
    without the ground-truth file it is the annotated `reference_path`.

    Returns:
        The episodes, and the sha256 of each file.

    Raises:
        ConfigError: There is no such split.
        DataError: A file is absent or damaged.
    """
    root = data_root(data_dir) / "r2r_ce" / "R2R_VLNCE_v1-3"
    file, truth_file = root / split / f"{split}.json.gz", root / split / f"{split}_gt.json.gz"
    if not file.exists():
        splits = sorted(path.name for path in root.glob("*") if path.is_dir())
        raise ConfigError(f"There is no split '{split}' in {root}: choose {', '.join(splits)}.{nearest(split, splits)}")
    content = _load(file)
    truth = _load(truth_file) if truth_file.exists() else {}
    prints = {"episodes": fingerprint([file])}
    if truth:
        prints["ground_truth"] = fingerprint([truth_file])
    try:
        return tuple(_episode(entry, truth) for entry in content["episodes"]), prints
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise DataError(
            f"{file} is no R2R-CE episode file ({type(error).__name__}: {error}): fetch it again."
        ) from error


def _load(file: Path) -> Any:
    try:
        return json.loads(gzip.decompress(file.read_bytes()))
    except OSError as error:
        raise DataError(f"{file} cannot be read ({error}), maybe cut short: fetch it again.") from error
    except (EOFError, ValueError) as error:
        raise DataError(f"{file} is no whole gzipped JSON ({error}), maybe cut short: fetch it again.") from error


def _episode(entry: dict[str, Any], truth: dict[str, Any]) -> Episode:
    episode_id = str(entry["episode_id"])
    known = truth.get(episode_id)
    path = known["locations"] if known is not None else entry["reference_path"]
    goals = entry.get("goals") or []
    goal = None
    if goals:
        goal = Goal(from_habitat(goals[0]["position"]), reference_positions=tuple(map(from_habitat, path)))
    return Episode(
        episode_id=episode_id,
        scene=Path(entry["scene_id"]).stem,
        instruction=str(entry["instruction"]["instruction_text"]).strip(),
        start=Pose(from_habitat(entry["start_position"]), heading_of(entry["start_rotation"])),
        path_id=str(entry["trajectory_id"]),
        goal=goal,
    )
