"""Scoring trajectories that are already there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eval.rules import Rules
from eval.statistics import estimate
from navagent.types import Trajectory


def score_predictions(rules: Rules, predicted: Sequence[Trajectory], missing: Sequence[Trajectory]) -> dict[str, Any]:
    """Return mean metrics over all expected episodes, as JSON data.

    Args:
        rules: The benchmark's rules.
        predicted: What was predicted.
        missing: For each episode without a prediction, the trajectory that stays at its start; a failure.

    Returns:
        `n` predictions, `expected` episodes, `metrics` and `ci95` by name.
    """
    rows = [(trajectory, rules.score(trajectory)) for trajectory in predicted]
    rows += [(trajectory, rules.score_failure(trajectory)) for trajectory in missing]
    rows.sort(key=lambda row: row[0].episode_id)  # as in a run's summary, so that both have the same last bit
    estimates = estimate([scores for _, scores in rows], [trajectory.scene for trajectory, _ in rows])
    return {
        "n": len(predicted),
        "expected": len(rows),
        "metrics": {name: value.mean for name, value in estimates.items()},
        "ci95": {name: [value.low, value.high] for name, value in estimates.items()},
    }
