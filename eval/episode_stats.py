"""Per-episode result files of VLN-CE's descendants (`stats_ep_*.json`): averaged anew, with intervals.

`{episode id: {"distance_to_goal": metres, "success": 0 or 1, ...}}`, one file for each process of an evaluation
(`..._r0_w4.json`). They say nothing of scenes, so the split's episodes must be known.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eval.statistics import estimate
from navagent.data import load_json
from navagent.errors import DataError, listing

NAMES: Mapping[str, str] = {
    "path_length": "tl",
    "distance_to_goal": "ne",
    "oracle_success": "osr",
    "success": "sr",
    "spl": "spl",
    "ndtw": "ndtw",
    "sdtw": "sdtw",
    "steps_taken": "steps",
}
"""Our names of VLN-CE's measures, in table order; others keep theirs."""


def read_episode_stats(files: Sequence[Path]) -> dict[str, dict[str, float]]:
    """Read the result files of one evaluation; measures that are no numbers, and those not in all episodes, are left.

    Raises:
        DataError: A file is not the format, or two of them disagree.
    """
    rows: dict[str, dict[str, float]] = {}
    clashes = []
    for file in files:
        content = load_json(file, "give the path of a stats_ep_*.json")
        if not isinstance(content, dict) or not content or not all(isinstance(row, dict) for row in content.values()):
            raise DataError(
                f'{file} is no per-episode result file: it must be of the form {{"1": {{"success": 1.0, ...}}, ...}}.'
            )
        for key, row in content.items():
            numbers = {str(name): float(value) for name, value in row.items() if isinstance(value, bool | int | float)}
            # A distributed sampler gives an episode to two processes to make their shares equal.
            if rows.setdefault(key, numbers) != numbers:
                clashes.append(key)
    if clashes:
        raise DataError(
            f"The files disagree on {len(clashes)} episodes ({listing(clashes)}): they are of several runs."
        )
    common = set.intersection(*(set(row) for row in rows.values()))
    if not common:
        raise DataError(f"{files[0]} has no measure that all its episodes have.")
    for name in sorted(common):
        odd = [key for key, row in rows.items() if not math.isfinite(row[name])]
        if odd:
            raise DataError(f"{name} is no finite number in {len(odd)} episodes ({listing(odd)}).")
    order = [name for name in NAMES if name in common] + [
        n for n in next(iter(rows.values())) if n in common - set(NAMES)
    ]
    return {key: {NAMES.get(name, name): row[name] for name in order} for key, row in rows.items()}


def aggregate(rows: Mapping[str, Mapping[str, float]], scenes: Mapping[str, str]) -> dict[str, Any]:
    """Return means with intervals over scenes, as JSON data.

    Args:
        rows: Measures by episode.
        scenes: The scene of every episode of the split.

    Returns:
        `n` episodes that were there, `expected` of the split, `metrics` and `ci95` by name.

    Raises:
        DataError: An episode is not of the split.
    """
    unknown = [key for key in rows if key not in scenes]
    if unknown:
        raise DataError(f"{len(unknown)} episodes are not of this split ({listing(unknown)}).")
    keys = sorted(rows)
    estimates = estimate([rows[key] for key in keys], [scenes[key] for key in keys])
    return {
        "n": len(rows),
        "expected": len(scenes),
        "metrics": {name: value.mean for name, value in estimates.items()},
        "ci95": {name: [value.low, value.high] for name, value in estimates.items()},
    }
