"""Means with 95 % bootstrap intervals, clustered by scene."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 10_000
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean and its interval.

    Attributes:
        mean: The mean over episodes.
        low: Lower end of the 95 % interval.
        high: Upper end.
        n: Number of episodes.
    """

    mean: float
    low: float
    high: float
    n: int


def estimate(values: Sequence[Mapping[str, float]], scenes: Sequence[str], seed: int = 0) -> dict[str, Estimate]:
    """Return each metric's mean with its percentile-bootstrap interval.

    Whole scenes are resampled, not episodes: three instructions share a path and dozens of paths share a building, so
    episodes are not independent. With few scenes such an interval is somewhat too narrow: with the 11 of val_unseen it
    covers the truth in about 90 % of simulated data sets, not 95 %. With one scene it is the mean itself: the data say
    nothing of other scenes.

    Args:
        values: One mapping of metric to value per episode; all with the same metrics.
        scenes: Each episode's scene.
        seed: Seed of the resampling.

    Raises:
        ValueError: There is no episode.
    """
    if not values:
        raise ValueError("no episode to average over")
    names = list(values[0])
    table = np.array([[row[name] for name in names] for row in values], dtype=np.float64)
    _, cluster = np.unique(np.asarray(scenes), return_inverse=True)
    draws = _bootstrap_means(table, cluster, seed)
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(draws, [tail, 1 - tail], axis=0)
    means = table.mean(axis=0)
    return {name: Estimate(float(means[i]), float(low[i]), float(high[i]), len(values)) for i, name in enumerate(names)}


def _bootstrap_means(table: NDArray[np.float64], cluster: NDArray[np.int_], seed: int) -> NDArray[np.float64]:
    """Return (RESAMPLES, metrics) means over scenes drawn with replacement."""
    clusters = int(cluster.max()) + 1
    sums = np.zeros((clusters, table.shape[1]))
    np.add.at(sums, cluster, table)
    sizes = np.bincount(cluster, minlength=clusters)
    rng = np.random.default_rng(seed)
    times_drawn = rng.multinomial(clusters, np.full(clusters, 1 / clusters), size=RESAMPLES)
    means: NDArray[np.float64] = (times_drawn @ sums) / (times_drawn @ sizes)[:, None]
    return means
