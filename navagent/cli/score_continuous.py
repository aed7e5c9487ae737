"""`navagent score` for R2R-CE: predictions, and per-episode results of VLN-CE's descendants."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import envs
from envs.continuous import ContinuousData, read_r2r_ce
from envs.continuous_submission import read_r2r_ce_submission, stay_at_start
from eval.episode_stats import aggregate, read_episode_stats
from eval.rules import R2R_CE
from eval.scoring import score_predictions
from eval.tables import plain_console, print_metrics
from navagent.data import load_json
from navagent.errors import ConfigError, DataError, listing

PREDICTIONS, RESULTS = "predictions", "results"

HOUSES = "houses/"
"""What the scene files of procedural houses begin with."""


def continuous_kind(files: Sequence[Path]) -> str | None:
    """Return whether files are R2R-CE's predictions or per-episode results, or None for anything else."""
    try:
        with files[0].open("rb") as stream:
            beginning = stream.read(64).lstrip()
    except OSError:
        return None  # the reader of R2R's files says what is wrong
    if not beginning.startswith(b"{"):
        return None
    content = load_json(files[0], "give the path of a prediction file")
    first = next(iter(content.values()), None)
    return RESULTS if isinstance(first, dict) else PREDICTIONS if isinstance(first, list) else None


def run_continuous(kind: str, options: argparse.Namespace) -> int:
    """Score and print."""
    data = read_r2r_ce(options.split, options.data_dir)
    scenes = {episode.episode_id: episode.scene for episode in data.episodes}
    if kind == RESULTS:
        scores = aggregate(read_episode_stats(options.predictions), scenes)
        if scores["n"] < scores["expected"]:
            warn(f"these are means over {scores['n']:,} of the split's {scores['expected']:,} episodes.")
        title = f"{listing(options.predictions)}, averaged anew, on R2R-CE {data.split}"
    else:
        scores = _score_predictions(options, data)
        title = f"{options.predictions[0]} on R2R-CE {data.split}"
    return show_scores({"split": data.split, **scores}, title, options.json)


def _score_predictions(options: argparse.Namespace, data: ContinuousData) -> dict[str, Any]:
    if not data.has_goals:
        raise DataError(f"Split {data.split} has no goals: its scores come from the leaderboard's server only.")
    if len(options.predictions) > 1:
        raise ConfigError("Several files together are scored only if they are stats_ep_*.json of one evaluation.")
    env = _environment(options, data)
    try:
        submission = read_r2r_ce_submission(options.predictions[0], data, env.measure)
        predicted = list(submission.trajectories.values())
        stopped = None if any(trajectory.stopped is None for trajectory in predicted) else False
        missing = [stay_at_start(episode, env.measure, stopped) for episode in submission.missing]
    finally:
        env.close()
    if missing:
        ids = listing(episode.episode_id for episode in submission.missing)
        warn(f"{len(missing):,} of {len(data.episodes):,} episodes are missing and count as failures: {ids}.")
    if stopped is None:
        warn("the file does not say where agents stopped, so there is no SR, SPL and SDTW, which need STOP.")
    return score_predictions(R2R_CE, predicted, missing)


def _environment(options: argparse.Namespace, data: ContinuousData) -> Any:
    """Return what knows the floors: procedural houses, or Matterport3D's buildings in Habitat.

    Either is imported here, by its package on first use: who scores R2R waits for neither.
    """
    if all(file.startswith(HOUSES) for file in data.scene_files.values()):
        return envs.HouseEnv(options.split, options.data_dir, size=1)
    return envs.HabitatR2RCE(
        options.split, options.data_dir, scenes_dir=options.scenes_dir, python=options.python, rgb=8, depth=8
    )


def show_scores(scores: Mapping[str, Any], title: str, as_json: bool) -> int:
    """Print a table, or one JSON object."""
    if as_json:
        print(json.dumps(scores, allow_nan=False))
    else:
        title = f"{title}, {scores['n']:,} of {scores['expected']:,} episodes"
        print_metrics(plain_console(), title, scores["metrics"], scores["ci95"])
    return 0


def warn(text: str) -> None:
    """Print a warning where it does not mix with scores."""
    print(f"navagent score: {text}", file=sys.stderr)
