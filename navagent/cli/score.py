"""`navagent score`: score anyone's prediction file."""

from __future__ import annotations

import argparse
import gc
from collections.abc import Sequence
from pathlib import Path

from envs.r2r.dataset import load_r2r
from envs.r2r.submission import read_submission, stay_at_start
from eval.rules import R2R
from eval.scoring import score_predictions
from navagent.cli.score_continuous import continuous_kind, run_continuous, show_scores, warn
from navagent.errors import ConfigError, DataError, listing


def run(arguments: Sequence[str]) -> int:
    """Score a file and print a table, or one JSON object."""
    options = _parser().parse_args(arguments)
    if kind := continuous_kind(options.predictions):
        return run_continuous(kind, options)
    if len(options.predictions) > 1:
        raise ConfigError("Several files together are scored only if they are stats_ep_*.json of one evaluation.")
    (file,) = options.predictions
    gc.disable()  # hundreds of thousands of small tuples, none in a cycle: collecting takes a quarter of the time
    data = load_r2r(options.split, options.data_dir)
    if not data.has_goals:
        raise DataError(f"Split {data.split} has no goals: its scores come from the leaderboard's server only.")
    submission = read_submission(file, data, options.allow_jumps)
    missing = [stay_at_start(episode, data) for episode in submission.missing]
    scores = {"split": data.split, **score_predictions(R2R, list(submission.trajectories.values()), missing)}
    if submission.jumps:
        ids = listing(submission.jumps)
        warn(f"{len(submission.jumps):,} trajectories jump and are measured by the shortest distance: {ids}.")
    if missing:
        ids = listing(episode.episode_id for episode in submission.missing)
        warn(f"{len(missing):,} of {scores['expected']:,} instr_ids are missing and count as failures: {ids}.")
    return show_scores(scores, f"{file} on R2R {data.split}", options.json)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="navagent score",
        description="Score a prediction file by its benchmark's rules (TL, NE, OSR, SR, SPL, nDTW, SDTW, CLS): R2R's "
        "submissions (a list), R2R-CE's predictions (an object of positions; the buildings must be there), or VLN-CE's "
        "per-episode results (stats_ep_*.json, all of one evaluation), averaged anew with intervals.",
    )
    parser.add_argument("predictions", type=Path, nargs="+", help="the file (JSON)")
    parser.add_argument("--split", required=True, help="the split that it predicts: train, val_seen or val_unseen")
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object: rates as fractions, metres as metres"
    )
    parser.add_argument(
        "--allow-jumps",
        action="store_true",
        help="measure moves between non-neighbours by the shortest distance instead of refusing them",
    )
    parser.add_argument("--data-dir", help="the data folder (default: $NAVAGENT_DATA, else ./data)")
    parser.add_argument("--python", help="R2R-CE in Matterport3D: a Python that has habitat-sim and habitat-lab")
    parser.add_argument("--scenes-dir", help="R2R-CE in Matterport3D: the folder that holds mp3d/")
    return parser
