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
    rows = [rules.score(trajectory) for trajectory in predicted]
    rows += [rules.score_failure(trajectory) for trajectory in missing]
    estimates = estimate(rows, [trajectory.scene for trajectory in (*predicted, *missing)])
    return {
        "n": len(predicted),
        "expected": len(rows),
        "metrics": {name: value.mean for name, value in estimates.items()},
        "ci95": {name: [value.low, value.high] for name, value in estimates.items()},
    }
