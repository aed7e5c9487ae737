"""Which metrics a benchmark reports, under a version that every summary carries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from eval import metrics
from eval.metrics import Metric
from navagent.types import Trajectory


@dataclass(frozen=True)
class Rules:
    """A benchmark's scoring rules.

    Attributes:
        name: The benchmark.
        version: Changes whenever a score could; two summaries compare only under one version.
        metrics: Reported metrics by their short names, in table order.
        rates: Names of those that a failed episode scores 0 in.
        of_runs: Names of those that need the agent's own actions, which a submission file does not tell.
        of_paths: Names of those that need the annotated path, which not every environment knows.
    """

    name: str
    version: str
    metrics: Mapping[str, Metric]
    rates: frozenset[str]
    of_runs: frozenset[str]
    of_paths: frozenset[str] = frozenset()

    def score(self, trajectory: Trajectory) -> dict[str, float]:
        """Return every metric; without those `of_runs` and `of_paths` for which the trajectory does not say enough."""
        skipped = self.of_runs if trajectory.stopped is None else frozenset()
        if trajectory.distances is not None and not trajectory.distances.to_reference[0]:
            skipped |= self.of_paths
        return {name: metric(trajectory) for name, metric in self.metrics.items() if name not in skipped}

    def score_failure(self, still: Trajectory) -> dict[str, float]:
        """Score an episode that is missing or broke: as if the agent had never left its start, and no success.

        A submission file can only say "stayed at the start" for such an episode, so this is the one rule under which
        a run and the file it writes have the same numbers.

        Args:
            still: The trajectory that stays at the episode's start.
        """
        return {name: 0.0 if name in self.rates else value for name, value in self.score(still).items()}


R2R = Rules(
    name="r2r",
    version="r2r-1",
    metrics={
        "tl": metrics.trajectory_length,
        "ne": metrics.navigation_error,
        "osr": metrics.oracle_success,
        "sr": metrics.success,
        "sr_stop": metrics.success_with_stop,
        "spl": metrics.spl,
        "spl_path": metrics.spl_path,
        "ndtw": metrics.ndtw,
        "sdtw": metrics.sdtw,
        "cls": metrics.cls,
        "steps": metrics.steps,
    },
    rates=frozenset({"osr", "sr", "sr_stop", "spl", "spl_path", "sdtw"}),
    of_runs=frozenset({"sr_stop", "steps"}),
    of_paths=frozenset({"spl_path", "ndtw", "sdtw", "cls"}),
)
"""R2R's official rules: SR without STOP, SPL by the shortest graph distance; `sr_stop` and `spl_path` beside them."""

R2R_CE = Rules(
    name="r2r_ce",
    version="r2r_ce-1",
    metrics={
        "tl": metrics.trajectory_length,
        "ne": metrics.navigation_error,
        "osr": metrics.oracle_success,
        "sr": metrics.success_with_stop,
        "spl": metrics.spl_with_stop,
        "ndtw": metrics.ndtw,
        "sdtw": metrics.sdtw_with_stop,
        "steps": metrics.steps,
    },
    rates=frozenset({"osr", "sr", "spl", "sdtw"}),
    of_runs=frozenset({"sr", "spl", "sdtw", "steps"}),
    of_paths=frozenset({"ndtw", "sdtw"}),
)
"""R2R-CE's rules (VLN-CE's measures on habitat-lab): success needs STOP, NE is geodesic, TL Euclidean."""


def _of_goals(name: str, within: float) -> Rules:
    """Return the rules of a task that ends at a goal: STOP within so many metres of it (habitat-lab's measures)."""
    return Rules(
        name=name,
        version=f"{name}-1",
        metrics={
            "tl": metrics.trajectory_length,
            "ne": metrics.navigation_error,
            "osr": partial(metrics.oracle_success, within=within),
            "sr": partial(metrics.success_with_stop, within=within),
            "spl": partial(metrics.spl_with_stop, within=within),
            "steps": metrics.steps,
        },
        rates=frozenset({"osr", "sr", "spl"}),
        of_runs=frozenset({"sr", "spl", "steps"}),
    )


POINTNAV = _of_goals("pointnav", within=0.2)
"""PointNav's rules (Anderson et al. 2018, arXiv 1807.06757; habitat-lab's `pointnav.yaml`: success_distance 0.2)."""

OBJECTNAV = _of_goals("objectnav", within=0.2)
"""ObjectNav's rules (Batra et al. 2020, arXiv 2006.13171), the distance measured to the nearest place at an object.

habitat-lab's 0.1 m is for places 0.05 m apart; ours are 0.2 m apart (`envs.houses.tasks`)."""

RULES: Mapping[str, Rules] = {rules.name: rules for rules in (R2R, R2R_CE, POINTNAV, OBJECTNAV)}

DISTANCES_IN_METRES = frozenset({"tl", "ne"})
COUNTS = frozenset({"steps"})
