"""A run in numbers: `summary.json`."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from eval.records import EpisodeResult, Usage
from eval.statistics import LEVEL, RESAMPLES, Estimate, estimate

PACKAGES = (
    "navagent",
    "numpy",
    "scipy",
    "networkx",
    "openai",
    "torch",
    "transformers",
    "llguidance",
    "ray",
    "habitat-sim",
)


def summarise(results: Sequence[EpisodeResult], expected: int, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return a run's summary as JSON data.

    Args:
        results: The finished episodes.
        expected: How many episodes the run is of.
        facts: What is known of the run beside its results (rules, fingerprints, configuration, ...).
    """
    # In one order whatever the order of play, so that a resumed run has the same numbers to the last bit.
    results = sorted(results, key=lambda result: result.episode_id)
    broken = [result for result in results if result.error is not None]
    scored = [result for result in results if result.metrics]
    usage = sum((result.usage for result in results), Usage())
    estimates = estimate_results(scored) if scored else {}
    return {
        **facts,
        "complete": len(results) == expected,
        "n": len(results),
        "expected": expected,
        "scenes": len({result.scene for result in results}),
        "metrics": {name: value.mean for name, value in estimates.items()},
        "ci95": {name: [value.low, value.high] for name, value in estimates.items()},
        "interval": f"{LEVEL:.0%} percentile bootstrap over scenes, {RESAMPLES} resamples (narrow if scenes are few)",
        "errors": {"count": len(broken), "episodes": {result.episode_id: result.error for result in broken}},
        "decisions": sum(result.decisions for result in results),
        "fallbacks": sum(result.fallbacks for result in results),
        "rejected_replies": sum(result.problems for result in results),
        "usage": {
            "calls": usage.calls,
            "cached": usage.cached,
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "cost_usd": usage.cost_usd,
            "models": list(usage.models),
        },
        "episode_seconds": sum(result.seconds for result in results),
        "versions": versions(),
    }


def estimate_results(results: Sequence[EpisodeResult]) -> dict[str, Estimate]:
    """Return means and intervals of the metrics that all results have."""
    common = set.intersection(*(set(result.metrics) for result in results))
    names = [name for name in results[0].metrics if name in common]
    rows = [{name: result.metrics[name] for name in names} for result in results]
    return estimate(rows, [result.scene for result in results])


def versions(packages: Iterable[str] = PACKAGES) -> dict[str, str]:
    """Return the versions of Python and of the installed packages that can change a score."""
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
