"""Two runs, episode by episode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eval.records import EpisodeResult
from eval.run_directory import RunDirectory
from eval.statistics import Estimate, estimate
from navagent.errors import RunError


def paired_differences(one: Sequence[EpisodeResult], other: Sequence[EpisodeResult]) -> dict[str, Estimate]:
    """Return `one` minus `other` for each metric over the episodes that both have, with 95 % intervals.

    Pairing removes what makes an episode hard for everyone, so the interval is narrower than that of two separate
    means; scenes are resampled as in `eval.statistics`.

    Raises:
        RunError: The runs have no scored episode in common.
    """
    others = {result.episode_id: result for result in other if result.metrics}
    pairs = [(result, others[result.episode_id]) for result in one if result.metrics and result.episode_id in others]
    if not pairs:
        raise RunError("The two runs have no scored episode in common, so there is nothing to compare.")
    names = [name for name in pairs[0][0].metrics if all(name in a.metrics and name in b.metrics for a, b in pairs)]
    rows = [{name: a.metrics[name] - b.metrics[name] for name in names} for a, b in pairs]
    return estimate(rows, [a.scene for a, _ in pairs])


def check_comparable(one: RunDirectory, other: RunDirectory) -> None:
    """Refuse runs whose scores follow different rules or data.

    Raises:
        RunError: Names what differs.
    """
    first, second = one.load_summary(), other.load_summary()
    for what, a, b in (
        ("rules", first["rules"], second["rules"]),
        ("data set", _data(first), _data(second)),
    ):
        if a != b:
            raise RunError(f"{one.path} and {other.path} do not compare: their {what} differ ({a} and {b}).")


def _data(summary: dict[str, Any]) -> dict[str, str]:
    shared = ("annotations", "connectivity")
    return {name: value for name, value in summary["fingerprints"].items() if name in shared}
