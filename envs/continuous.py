"""What continuous environments share, and R2R-CE and RxR-Habitat episode files -> episodes.

The files are in Habitat's y-up frame; `Episode` is z up: (x, y, z) of ours = (x, -z, y) of Habitat's.
"""

from __future__ import annotations

import gzip
import json
import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from navagent.contracts import Env, Shared
from navagent.data import data_root, fingerprint
from navagent.errors import ConfigError, DataError, listing, nearest
from navagent.types import Distances, Episode, Goal, Pose, Position

Version: TypeAlias = Literal["v1-3", "v1-3_preprocessed"]
"""R2R-CE's releases: the same episodes, the second one with shorter vocabulary and padded tokens (VLN-CE, README)."""

VERSIONS: tuple[Version, ...] = ("v1-3", "v1-3_preprocessed")

SCENES_PREFIX = "data/scene_datasets/"
"""What some files put before a scene's path; habitat-lab takes it off again."""

Role: TypeAlias = Literal["guide", "follower"]
"""Who wrote the instruction and who followed it (RxR)."""


class ContinuousEnv(Env):
    """An environment of primitive actions that can measure; an oracle over places asks it how far each is."""

    @abstractmethod
    def distance_to_goal(self, position: Position) -> float:
        """Return the geodesic distance in metres from the floor's point nearest to `position` to the episode's goal.

        Raises:
            ValueError: The split has no goals.
        """


# ------------------------------------------------------------------------------------------------- frames
def from_habitat(position: Sequence[float]) -> Position:
    """Return a position of Habitat's y-up frame in ours (Matterport3D's, z up)."""
    x, y, z = position
    return float(x), -float(z), float(y)


def to_habitat(position: Sequence[float]) -> tuple[float, float, float]:
    """Return a position of ours (Matterport3D's, z up) in Habitat's y-up frame."""
    x, y, z = position
    return float(x), float(z), -float(y)


def heading_of(rotation: Sequence[float]) -> float:
    """Return the heading (radians, clockwise from +y) of a rotation (x, y, z, w) about Habitat's y axis."""
    return -2 * math.atan2(rotation[1], rotation[3]) % (2 * math.pi)


def rotation_of(heading: float) -> tuple[float, float, float, float]:
    """Return the rotation (x, y, z, w) about Habitat's y axis of a heading (radians, clockwise from +y)."""
    return 0.0, math.sin(-heading / 2), 0.0, math.cos(heading / 2)


def continuous_distances(
    positions: Sequence[Position], to_goal: Sequence[float], reference: Sequence[Position]
) -> Distances:
    """Return what metrics need by R2R-CE's rule: path lengths Euclidean in three dimensions, goals by geodesic.

    Args:
        positions: The walked path, metres.
        to_goal: Geodesic distance to the goal from each of them.
        reference: The path that nDTW is measured against; may be empty.
    """
    walked, known = np.asarray(positions, np.float64), np.asarray(reference, np.float64).reshape(-1, 3)
    to_reference: NDArray[np.float64] = np.linalg.norm(walked[:, None] - known[None], axis=2)
    return Distances(
        between=tuple(float(np.linalg.norm(b - a)) for a, b in pairwise(walked)),
        to_goal=tuple(map(float, to_goal)),
        to_reference=tuple(map(tuple, to_reference.tolist())),
        shortest=float(to_goal[0]),
        reference=float(np.linalg.norm(np.diff(known, axis=0), axis=1).sum()),
    )


# --------------------------------------------------------------------------------------------------- data
@dataclass(frozen=True, slots=True)
class GroundTruth:
    """How the shortest-path follower walked an episode's reference path.

    Attributes:
        locations: The start and where each forward step ended, metres; nDTW is measured against them.
        actions: 0 stop, 1 forward, 2 left, 3 right; STOP last. Empty where the file has none.
    """

    locations: tuple[Position, ...]
    actions: tuple[int, ...] = ()


@dataclass(frozen=True)
class ContinuousData(Shared):
    """A split's episodes with what else its files say of them, by episode id.

    Attributes:
        split: The split's name.
        episodes: All episodes, in the file's order.
        fingerprints: sha256 of each file.
        scene_files: Where each episode's building lies under the scenes' folder, as "mp3d/X/X.glb".
        geodesics: Metres from start to goal along the floor, as the file says; empty where it does not.
        truths: How the follower walked; empty without a ground-truth file.
        tokens: Word numbers of each instruction, without padding; empty where the file has none.
        vocabulary: The words; empty for RxR-Habitat, whose files have none.
        instruction_ids: RxR's ids of the instructions, which its submissions name; empty for R2R-CE.
    """

    split: str
    episodes: tuple[Episode, ...]
    fingerprints: Mapping[str, str]
    scene_files: Mapping[str, str] = field(default_factory=dict)
    geodesics: Mapping[str, float] = field(default_factory=dict)
    truths: Mapping[str, GroundTruth] = field(default_factory=dict)
    tokens: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    vocabulary: tuple[str, ...] = ()
    instruction_ids: Mapping[str, int] = field(default_factory=dict)

    @property
    def has_goals(self) -> bool:
        """Whether the split can be scored (test cannot)."""
        return self.episodes[0].goal is not None


def load_r2r_ce(
    split: str, data_dir: str | None = None, version: Version = "v1-3"
) -> tuple[tuple[Episode, ...], dict[str, str]]:
    """Return the episodes of `read_r2r_ce` and the sha256 of each file."""
    data = read_r2r_ce(split, data_dir, version)
    return data.episodes, dict(data.fingerprints)


def read_r2r_ce(split: str, data_dir: str | None = None, version: Version = "v1-3") -> ContinuousData:
    """Load a split from `{data_dir}/r2r_ce/R2R_VLNCE_{version}/{split}/`.

    The reference path of an episode is its dense ground truth (`locations`), against which R2R-CE measures nDTW;
    without a ground-truth file it is the annotated `reference_path`. Both releases have the same episodes and one
    ground truth, which is taken from the other's folder where it is missing here.

    Raises:
        ConfigError: There is no such split.
        DataError: A file is absent or damaged.
    """
    folder = data_root(data_dir) / "r2r_ce"
    root = folder / f"R2R_VLNCE_{version}"
    file = root / split / f"{split}.json.gz"
    if not file.exists():
        raise _no_split(split, root)
    around = [version, *(other for other in VERSIONS if other != version)]
    truths = [folder / f"R2R_VLNCE_{name}" / split / f"{split}_gt.json.gz" for name in around]
    return _read(split, file, next((truth for truth in truths if truth.exists()), truths[0]))


def read_rxr_ce(
    split: str, data_dir: str | None = None, role: Role = "guide", languages: Sequence[str] = ()
) -> ContinuousData:
    """Load a split of RxR-Habitat from `{data_dir}/rxr_ce/RxR_VLNCE_v0/{split}/{split}_{role}.json.gz`.

    Args:
        split: train, val_seen, val_unseen or test_challenge.
        data_dir: The data folder; by default $NAVAGENT_DATA, else ./data.
        role: Whose episodes.
        languages: en-US, en-IN, hi-IN, te-IN; by default all.

    Raises:
        ConfigError: There is no such split or language.
        DataError: A file is absent or damaged.
    """
    root = data_root(data_dir) / "rxr_ce" / "RxR_VLNCE_v0"
    file = root / split / f"{split}_{role}.json.gz"
    if not file.exists():
        raise _no_split(split, root)
    return _read(split, file, file.with_name(f"{split}_{role}_gt.json.gz"), frozenset(languages))


def _no_split(split: str, root: Path) -> ConfigError:
    splits = sorted(path.name for path in root.glob("*") if path.is_dir())
    return ConfigError(
        f"There is no split '{split}' in {root}: choose {', '.join(splits) or 'another folder'}."
        f"{nearest(split, splits)}"
    )


def _read(split: str, file: Path, truth_file: Path, languages: frozenset[str] = frozenset()) -> ContinuousData:
    content = _load(file)
    truth = _load(truth_file) if truth_file.exists() else {}
    prints = {"episodes": fingerprint([file])}
    if truth:
        prints["ground_truth"] = fingerprint([truth_file])
    try:
        truths = {str(key): _ground_truth(entry) for key, entry in truth.items()}
        entries = _of_languages(content["episodes"], languages, file)
        vocabulary = content.get("instruction_vocab") or {}
        return ContinuousData(
            split,
            tuple(_episode(entry, truths) for entry in entries),
            prints,
            {str(entry["episode_id"]): str(entry["scene_id"]).removeprefix(SCENES_PREFIX) for entry in entries},
            {key: value for entry in entries for key, value in _geodesic(entry)},
            truths,
            {key: tokens for entry in entries for key, tokens in _tokens(entry, vocabulary.get("PAD_INDEX", 0))},
            tuple(map(str, vocabulary.get("word_list", ()))),
            {key: value for entry in entries for key, value in _instruction_id(entry)},
        )
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise DataError(
            f"{file} is no R2R-CE or RxR-Habitat episode file ({type(error).__name__}: {error}): fetch it again."
        ) from error


def _load(file: Path) -> Any:
    try:
        return json.loads(gzip.decompress(file.read_bytes()))
    except OSError as error:
        raise DataError(f"{file} cannot be read ({error}), maybe cut short: fetch it again.") from error
    except (EOFError, ValueError) as error:
        raise DataError(f"{file} is no whole gzipped JSON ({error}), maybe cut short: fetch it again.") from error


def _of_languages(entries: list[dict[str, Any]], languages: frozenset[str], file: Path) -> list[dict[str, Any]]:
    if not entries:
        raise ValueError("it has no episodes")
    if not languages:
        return entries
    known = sorted({str(entry["instruction"].get("language")) for entry in entries})
    unknown = sorted(languages - set(known))
    if unknown:
        raise ConfigError(f"{file} has no instructions in {listing(unknown)}: choose {', '.join(known)}.")
    return [entry for entry in entries if entry["instruction"].get("language") in languages]


def _ground_truth(entry: dict[str, Any]) -> GroundTruth:
    return GroundTruth(tuple(map(from_habitat, entry["locations"])), tuple(map(int, entry.get("actions") or ())))


def _geodesic(entry: dict[str, Any]) -> list[tuple[str, float]]:
    length = (entry.get("info") or {}).get("geodesic_distance")
    return [] if length is None else [(str(entry["episode_id"]), float(length))]


def _tokens(entry: dict[str, Any], padding: int) -> list[tuple[str, tuple[int, ...]]]:
    tokens = entry["instruction"].get("instruction_tokens")
    if not tokens:
        return []
    return [(str(entry["episode_id"]), tuple(int(token) for token in tokens if token != padding))]


def _instruction_id(entry: dict[str, Any]) -> list[tuple[str, int]]:
    number = entry["instruction"].get("instruction_id")
    return [] if number is None else [(str(entry["episode_id"]), int(number))]


def _episode(entry: dict[str, Any], truths: Mapping[str, GroundTruth]) -> Episode:
    episode_id = str(entry["episode_id"])
    goal = None
    if goals := entry.get("goals") or []:
        known = truths.get(episode_id)
        path = known.locations if known is not None else tuple(map(from_habitat, entry["reference_path"]))
        goal = Goal(from_habitat(goals[0]["position"]), reference_positions=path)
    return Episode(
        episode_id=episode_id,
        scene=Path(entry["scene_id"]).stem,
        instruction=str(entry["instruction"]["instruction_text"]).strip(),
        start=Pose(from_habitat(entry["start_position"]), heading_of(entry["start_rotation"])),
        path_id=str(entry["trajectory_id"]),
        goal=goal,
    )
