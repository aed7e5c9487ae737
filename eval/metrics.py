"""Metrics: pure functions of a trajectory. Distances are metres, rates are fractions.

Every function needs `trajectory.distances`, which the environment measured by its benchmark's rule, so the same
functions serve nav-graph and continuous environments. `eval.rules` says which of them a benchmark reports.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import groupby
from typing import TypeAlias

from navagent.types import Distances, Trajectory

Metric: TypeAlias = Callable[[Trajectory], float]

SUCCESS_DISTANCE = 3.0
"""Metres. Anderson et al. 2018 (arXiv 1711.07280); the comparison is strict (R2R's `eval.py`). Where another distance
counts, functions take it as `within`."""


def _distances(trajectory: Trajectory) -> Distances:
    if trajectory.distances is None:
        raise ValueError(f"episode {trajectory.episode_id} has no goal, so it cannot be scored")
    return trajectory.distances


def trajectory_length(trajectory: Trajectory) -> float:
    """TL: length of the walked path, start included, metres."""
    return sum(_distances(trajectory).between)


def navigation_error(trajectory: Trajectory) -> float:
    """NE: distance from the last pose to the goal, metres."""
    return _distances(trajectory).to_goal[-1]


def success(trajectory: Trajectory, within: float = SUCCESS_DISTANCE) -> float:
    """SR: whether the agent ended closer than 3 m to the goal. R2R's official rule does not ask for STOP."""
    return float(navigation_error(trajectory) < within)


def success_with_stop(trajectory: Trajectory, within: float = SUCCESS_DISTANCE) -> float:
    """SR with STOP: success, and the agent itself ended the episode (R2R-CE's rule).

    Raises:
        ValueError: The trajectory does not say whether the agent stopped.
    """
    if trajectory.stopped is None:
        raise ValueError(f"episode {trajectory.episode_id} does not say whether the agent stopped")
    return success(trajectory, within) * trajectory.stopped


def oracle_success(trajectory: Trajectory, within: float = SUCCESS_DISTANCE) -> float:
    """OSR: whether any pose of the path is closer than 3 m to the goal."""
    return float(min(_distances(trajectory).to_goal) < within)


def spl(trajectory: Trajectory, within: float = SUCCESS_DISTANCE) -> float:
    """SPL: success weighted by shortest distance over path length (Anderson et al. 2018, arXiv 1807.06757)."""
    return _weighted_success(trajectory, _distances(trajectory).shortest, within)


def spl_with_stop(trajectory: Trajectory, within: float = SUCCESS_DISTANCE) -> float:
    """SPL where success needs STOP (R2R-CE's rule)."""
    return spl(trajectory, within) if success_with_stop(trajectory, within) else 0.0


def spl_path(trajectory: Trajectory) -> float:
    """SPL by the *annotated* path's length instead of the shortest distance.

    NavGPT's code and its relatives divide by it. 8 of R2R's 783 val-unseen paths are longer than the shortest one.
    """
    return _weighted_success(trajectory, _distances(trajectory).reference, SUCCESS_DISTANCE)


def _weighted_success(trajectory: Trajectory, ideal: float, within: float) -> float:
    longest = max(ideal, trajectory_length(trajectory))
    # A start that is the goal needs no path: standing still is then perfect.
    return success(trajectory, within) * (ideal / longest if longest > 0 else 1.0)


def ndtw(trajectory: Trajectory) -> float:
    """NDTW: exp(-DTW / (|reference| x 3 m)) (Ilharco et al. 2019, arXiv 1907.05446).

    Poses at the same distances to every reference point as the one before (turns on the spot) are dropped first, as
    habitat's measure does, so that a file that lists turns scores like one that does not.
    """
    rows = [row for row, _ in groupby(_distances(trajectory).to_reference)]
    best = [math.inf] * len(rows[0])  # cost of the best alignment that ends at (row, column)
    corner = 0.0  # the one above and to the left; 0 before the first pair
    for row in rows:
        left = math.inf
        for column, cost in enumerate(row):
            above = best[column]
            # Written out because min() takes half of the scoring time of a split.
            cheapest = above if above < left else left
            left = best[column] = cost + (corner if corner < cheapest else cheapest)
            corner = above
        corner = math.inf
    return math.exp(-best[-1] / (len(best) * SUCCESS_DISTANCE))


def sdtw(trajectory: Trajectory) -> float:
    """SDTW: nDTW if successful, else 0 (Ilharco et al. 2019)."""
    return ndtw(trajectory) if success(trajectory) else 0.0


def sdtw_with_stop(trajectory: Trajectory) -> float:
    """SDTW where success needs STOP (R2R-CE's rule)."""
    return ndtw(trajectory) if success_with_stop(trajectory) else 0.0


def cls(trajectory: Trajectory) -> float:
    """CLS: coverage weighted by length score (Jain et al. 2019, arXiv 1905.12255).

    Coverage is the mean over reference points of exp(-distance to the path / 3 m). The length score compares the
    walked length with coverage x reference length.
    """
    distances = _distances(trajectory)
    nearest = [min(column) for column in zip(*distances.to_reference, strict=True)]
    coverage = sum(math.exp(-d / SUCCESS_DISTANCE) for d in nearest) / len(nearest)
    expected = coverage * distances.reference
    off = abs(expected - trajectory_length(trajectory))
    length_score = expected / (expected + off) if expected + off > 0 else 1.0
    return coverage * length_score


def steps(trajectory: Trajectory) -> float:
    """Number of moves (poses after the start)."""
    return float(len(trajectory.poses) - 1)
