"""`navagent score`: score anyone's R2R submission file."""

from __future__ import annotations

import argparse
import gc
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from envs.r2r.dataset import load_r2r
from envs.r2r.submission import read_submission, stay_at_start
from eval.rules import R2R
from eval.scoring import score_predictions
from eval.tables import plain_console, print_metrics
from navagent.errors import DataError, listing


def run(arguments: Sequence[str]) -> int:
    """Score a file and print a table, or one JSON object."""
    options = _parser().parse_args(arguments)
    gc.disable()  # hundreds of thousands of small tuples, none in a cycle: collecting takes a quarter of the time
    data = load_r2r(options.split, options.data_dir)
    if not data.has_goals:
        raise DataError(f"Split {data.split} has no goals: its scores come from the leaderboard's server only.")
    submission = read_submission(options.predictions, data, options.allow_jumps)
    missing = [stay_at_start(episode, data) for episode in submission.missing]
    scores = {"split": data.split, **score_predictions(R2R, list(submission.trajectories.values()), missing)}
    if submission.jumps:
        ids = listing(submission.jumps)
        _warn(f"{len(submission.jumps):,} trajectories jump and are measured by the shortest distance: {ids}.")
    if missing:
        ids = listing(episode.episode_id for episode in submission.missing)
        _warn(f"{len(missing):,} of {scores['expected']:,} instr_ids are missing and count as failures: {ids}.")
    if options.json:
        print(json.dumps(scores, allow_nan=False))
    else:
        title = f"{options.predictions} on R2R {data.split}, {scores['n']:,} of {scores['expected']:,} episodes"
        print_metrics(plain_console(), title, scores["metrics"], scores["ci95"])
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="navagent score",
        description="Score an R2R submission file by the benchmark's rules (TL, NE, OSR, SR, SPL, nDTW, SDTW, CLS).",
    )
    parser.add_argument("predictions", type=Path, help="the submission file (JSON)")
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
    return parser


def _warn(text: str) -> None:
    print(f"navagent score: {text}", file=sys.stderr)
