"""R2R submission files: `[{"instr_id", "trajectory": [[viewpoint, heading, elevation], ...]}]`."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from envs.r2r.dataset import R2RData
from envs.r2r.env import measure
from navagent.data import load_json
from navagent.errors import DataError, listing
from navagent.types import Episode, Pose, Trajectory

FORM = '[{"instr_id": "4332_0", "trajectory": [["viewpoint", heading, elevation], ...]}, ...]'

_Walk = list[tuple[str, float, float]]


@dataclass(frozen=True)
class Submission:
    """A submission file against its split.

    Attributes:
        trajectories: Predicted trajectories by `instr_id`.
        missing: Episodes that the file does not predict.
        jumps: `instr_id`s with a move between viewpoints that are no neighbours.
    """

    trajectories: Mapping[str, Trajectory]
    missing: tuple[Episode, ...]
    jumps: tuple[str, ...]


def read_submission(file: Path, data: R2RData, allow_jumps: bool = False) -> Submission:
    """Read anyone's predictions.

    An entry of a trajectory is `[viewpoint, heading, elevation]` as the official format has it, or, as DUET's family
    writes it, a list of the viewpoints that one decision led through.

    Args:
        file: The submission file.
        data: The split that it predicts.
        allow_jumps: Measure a move between non-neighbours by the shortest distance instead of refusing it.

    Raises:
        DataError: The file is not the format, or its ids, starts, viewpoints or moves do not fit the split; every kind
            of problem is named with its count and ids.
    """
    entries = load_json(file, "give the path of a submission file")
    if not isinstance(entries, list) or not entries:
        raise DataError(f"{file} is not an R2R submission: it must be a list, not empty, of the form {FORM}.")
    episodes = {episode.episode_id: episode for episode in data.episodes}
    problems: dict[str, list[str]] = {}
    trajectories: dict[str, Trajectory] = {}
    for number, entry in enumerate(entries):
        instr_id, walk = _read_entry(entry, f"{file}, entry {number}")
        episode = episodes.get(instr_id)
        problem = _problem(episode, walk, data) if instr_id not in trajectories else "duplicate instr_ids"
        if problem is not None:
            problems.setdefault(problem, []).append(instr_id)
        if episode is not None and problem in (None, JUMPS):
            trajectories[instr_id] = _trajectory(episode, walk, data)
    jumps = tuple(problems.get(JUMPS, ()))
    if allow_jumps:
        problems.pop(JUMPS, None)
    if problems:
        found = "; ".join(f"{len(ids)} {problem} ({listing(ids)})" for problem, ids in problems.items())
        hint = " --allow-jumps scores jumps by the shortest distance." if set(problems) == {JUMPS} else ""
        raise DataError(f"{file} does not fit {data.split}: {found}.{hint}")
    missing = tuple(episode for episode in data.episodes if episode.episode_id not in trajectories)
    return Submission(trajectories, missing, jumps)


JUMPS = "trajectories with a jump between viewpoints that are no neighbours"


def _problem(episode: Episode | None, walk: _Walk, data: R2RData) -> str | None:
    """Return what is wrong with one prediction, or None."""
    if episode is None:
        return "unknown instr_ids"
    graph = data.graphs[episode.scene]
    if any(viewpoint not in graph for viewpoint, _, _ in walk):
        return "trajectories with viewpoints unknown to their scan"
    if walk[0][0] != episode.start_viewpoint:
        return "trajectories that do not begin at their episode's start viewpoint"
    moves = ((a, b) for (a, _, _), (b, _, _) in pairwise(walk) if a != b)
    jumps = [(a, b) for a, b in moves if not graph.is_edge(a, b)]
    if any(graph.distances[a][b] == math.inf for a, b in jumps):
        return "trajectories with a jump to where no way leads"
    return JUMPS if jumps else None


def _read_entry(entry: Any, where: str) -> tuple[str, _Walk]:
    try:
        walk: _Walk = []
        for step in entry["trajectory"]:
            if not isinstance(step, list) or not isinstance(step[0], str):
                raise TypeError(f"{step!r} is no [viewpoint, heading, elevation]")
            if all(isinstance(viewpoint, str) for viewpoint in step):
                walk.extend((viewpoint, 0.0, 0.0) for viewpoint in step)
            else:
                viewpoint, heading, elevation = step
                if not all(type(angle) in (int, float) and abs(angle) < math.inf for angle in (heading, elevation)):
                    raise TypeError(f"{step!r:.80} has no finite numbers for heading and elevation")
                walk.append((viewpoint, float(heading), float(elevation)))
        if not walk:
            raise ValueError("the trajectory is empty")
        return str(entry["instr_id"]), walk
    except (KeyError, IndexError, TypeError, ValueError, OverflowError) as error:
        raise DataError(f"{where} is not of the form {FORM} ({type(error).__name__}: {error!s:.200}).") from error


def _trajectory(episode: Episode, walk: _Walk, data: R2RData) -> Trajectory:
    graph = data.graphs[episode.scene]
    viewpoints = [viewpoint for viewpoint, _, _ in walk]
    poses = tuple(Pose(graph.positions[viewpoint], heading, up) for viewpoint, heading, up in walk)
    distances = measure(graph, viewpoints, episode.goal)
    return Trajectory(episode.episode_id, episode.scene, poses, tuple(viewpoints), None, distances)


def stay_at_start(episode: Episode, data: R2RData) -> Trajectory:
    """Return the trajectory of an agent that never moves: what a missing prediction is scored as."""
    return _trajectory(episode, [(str(episode.start_viewpoint), episode.start.heading, 0.0)], data)


def submission_text(predictions: Iterable[tuple[str, Iterable[tuple[str, float, float]]]]) -> str:
    """Return a submission file's text.

    Args:
        predictions: `instr_id` with [viewpoint, heading, elevation] (radians) of each pose, the start first.
    """
    return json.dumps([{"instr_id": instr_id, "trajectory": list(walk)} for instr_id, walk in predictions])
