"""Prediction files of R2R-CE and RxR-Habitat, as their leaderboards on EvalAI take them.

R2R-CE: `{episode id: [{"position": [x, y, z], "heading": radians, "stop": bool}, ...]}`, the start first, then a pose
after each action. RxR-Habitat: a JSON line `{"instruction_id": int, "path": [[x, y, z], ...]}` for each instruction,
in the order of the ids, positions that did not change left out. Positions are in Habitat's y-up frame, headings
counterclockwise from -z (VLN-CE, `BaseVLNCETrainer.inference` and `VLNCEInferenceEnv.get_info`).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, TypeAlias

from envs.continuous import ContinuousData, from_habitat, to_habitat
from navagent.data import load_json
from navagent.errors import DataError, listing
from navagent.geometry import wrap
from navagent.types import Distances, Episode, Pose, Position, Trajectory

FORM = '{"1": [{"position": [x, y, z], "heading": radians, "stop": false}, ...], ...}'

START_SLACK = 0.5
"""Metres by which a first position may miss its episode's start: simulators put an agent onto their navmesh."""

Measure: TypeAlias = Callable[[Episode, Sequence[Position]], Distances | None]
"""What measures a path: `HouseEnv.measure` or `HabitatR2RCE.measure`."""


@dataclass(frozen=True)
class ContinuousSubmission:
    """A prediction file against its split.

    Attributes:
        trajectories: Predicted trajectories by episode id.
        missing: Episodes that the file does not predict.
    """

    trajectories: Mapping[str, Trajectory]
    missing: tuple[Episode, ...]


# ------------------------------------------------------------------------------------------------- writing
def r2r_ce_text(predictions: Iterable[tuple[str, Sequence[Pose], bool]]) -> str:
    """Return an R2R-CE prediction file's text.

    Args:
        predictions: Episode id, its poses with the start first, and whether the agent stopped. STOP is a pose of its
            own in the file, where the agent stood.
    """
    return json.dumps({episode_id: _steps(poses, stopped) for episode_id, poses, stopped in predictions})


def _steps(poses: Sequence[Pose], stopped: bool) -> list[dict[str, Any]]:
    shown = [(pose, False) for pose in poses] + ([(poses[-1], True)] if stopped else [])
    return [
        {"position": to_habitat(pose.position), "heading": wrap(-pose.heading), "stop": stop} for pose, stop in shown
    ]


def rxr_text(predictions: Iterable[tuple[str, Sequence[Pose]]], instruction_ids: Mapping[str, int]) -> str:
    """Return an RxR-Habitat prediction file's text.

    Args:
        predictions: Episode id and its poses, the start first.
        instruction_ids: The instructions' ids by episode (`ContinuousData.instruction_ids`).
    """
    lines = {
        instruction_ids[episode_id]: [to_habitat(position) for position, _ in groupby(pose.position for pose in poses)]
        for episode_id, poses in predictions
    }
    return "".join(json.dumps({"instruction_id": key, "path": lines[key]}) + "\n" for key in sorted(lines))


# ------------------------------------------------------------------------------------------------- reading
def read_r2r_ce_submission(file: Path, data: ContinuousData, measure: Measure) -> ContinuousSubmission:
    """Read anyone's R2R-CE predictions.

    Args:
        file: The prediction file.
        data: The split that it predicts.
        measure: What measures a path.

    Raises:
        DataError: The file is not the format, or its ids, starts or positions do not fit the split; every kind of
            problem is named with its count and ids.
    """
    entries = load_json(file, "give the path of a prediction file")
    if not isinstance(entries, dict) or not entries:
        raise DataError(f"{file} is no R2R-CE prediction file: it must be an object, not empty, of the form {FORM}.")
    episodes = {episode.episode_id: episode for episode in data.episodes}
    problems: dict[str, list[str]] = {}
    walks: dict[str, tuple[tuple[Pose, ...], bool | None]] = {}
    for key, steps in entries.items():
        poses, stopped = _read_walk(steps, f"{file}, episode {key}")
        if key not in episodes:
            problems.setdefault("unknown episode ids", []).append(key)
        elif math.dist(poses[0].position, episodes[key].start.position) > START_SLACK:
            problems.setdefault("paths that do not begin at their episode's start", []).append(key)
        else:
            walks[key] = poses, stopped
    # Whether agents stopped is known of all paths or of none, so that all have the same metrics.
    says = all(stopped is not None for _, stopped in walks.values())
    trajectories = {}
    # By building, so that each is opened once.
    for key in sorted(walks, key=lambda key: (episodes[key].scene, key)):
        episode, (poses, stopped) = episodes[key], walks[key]
        try:
            distances = measure(episode, [pose.position for pose in poses])
        except ValueError:
            problems.setdefault("paths with positions off the floor", []).append(key)
            continue
        trajectories[key] = Trajectory(key, episode.scene, poses, None, stopped if says else None, distances)
    if problems:
        found = "; ".join(f"{len(ids)} {problem} ({listing(ids)})" for problem, ids in problems.items())
        raise DataError(f"{file} does not fit {data.split}: {found}.")
    return ContinuousSubmission(trajectories, tuple(e for e in data.episodes if e.episode_id not in trajectories))


def stay_at_start(episode: Episode, measure: Measure, stopped: bool | None = False) -> Trajectory:
    """Return the trajectory of an agent that never moves: what a missing prediction is scored as.

    Args:
        episode: The episode.
        measure: What measures a path.
        stopped: None where the file does not say whether agents stopped.
    """
    distances = measure(episode, [episode.start.position])
    return Trajectory(episode.episode_id, episode.scene, (episode.start,), None, stopped, distances)


def _read_walk(steps: Any, where: str) -> tuple[tuple[Pose, ...], bool | None]:
    """Return poses and whether the agent stopped, None where the file does not say."""
    try:
        poses = [Pose(_position(step["position"]), -float(step.get("heading", 0.0)) % (2 * math.pi)) for step in steps]
        stops = [bool(step["stop"]) for step in steps if "stop" in step]
        if not poses:
            raise ValueError("the path is empty")
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{where} is not of the form {FORM} ({type(error).__name__}: {error!s:.200}).") from error
    if stops and stops[-1] and len(poses) > 1 and poses[-1].position == poses[-2].position:
        poses.pop()  # STOP's own entry
    return tuple(poses), any(stops) if stops else None


def _position(numbers: Any) -> Position:
    if len(numbers) != 3 or not all(type(x) in (int, float) and math.isfinite(x) for x in numbers):
        raise ValueError(f"{numbers!r:.80} is no position [x, y, z]")
    return from_habitat(numbers)
