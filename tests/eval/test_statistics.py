from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.statistics import estimate


@given(st.lists(st.tuples(st.floats(-5, 5), st.sampled_from("abcdef")), min_size=1, max_size=60))
def test_the_interval_contains_the_mean(rows: list[tuple[float, str]]) -> None:
    found = estimate([{"x": value} for value, _ in rows], [scene for _, scene in rows])["x"]
    assert found.mean == pytest.approx(np.mean([value for value, _ in rows]), abs=1e-9)
    assert min(v for v, _ in rows) - 1e-9 <= found.low <= found.high <= max(v for v, _ in rows) + 1e-9
    assert found.n == len(rows)


def test_scenes_are_resampled_as_a_whole() -> None:
    """100 copies of each scene's value carry no more information than one."""
    values = {"a": 0.0, "b": 1.0, "c": 0.2, "d": 0.9}
    once = estimate([{"x": v} for v in values.values()], list(values))["x"]
    often = estimate([{"x": v} for v in values.values() for _ in range(100)], [s for s in values for _ in range(100)])[
        "x"
    ]
    assert (often.low, often.high) == pytest.approx((once.low, once.high))


def test_the_interval_agrees_with_a_plain_bootstrap() -> None:
    rng = np.random.default_rng(5)
    scenes = [f"s{i % 12}" for i in range(300)]
    effect = {scene: rng.normal() for scene in set(scenes)}
    values = np.array([effect[scene] + rng.normal() for scene in scenes])
    found = estimate([{"x": v} for v in values], scenes)["x"]
    groups = [values[np.array(scenes) == scene] for scene in sorted(set(scenes))]
    draws = [np.concatenate([groups[i] for i in rng.integers(0, 12, 12)]).mean() for _ in range(4000)]
    low, high = np.quantile(draws, [0.025, 0.975])
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.06)


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    """With 11 scenes, as in val_unseen, the percentile bootstrap is known to cover somewhat less than 95 %."""
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(200):
        effects = rng.normal(size=11)
        values = [{"x": float(effects[i % 11] + rng.normal())} for i in range(110)]
        found = estimate(values, [str(i % 11) for i in range(110)])["x"]
        hits += found.low <= 0 <= found.high
    assert 0.84 <= hits / 200 <= 0.99


def test_nothing_to_average_is_refused() -> None:
    with pytest.raises(ValueError, match="no episode"):
        estimate([], [])
