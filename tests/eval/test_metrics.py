from __future__ import annotations

import math

import networkx as nx
import pytest
from hypothesis import given

from eval import metrics
from eval.rules import R2R
from navagent.types import Trajectory
from tests.benchmarks.networkx_scorer import score_episode
from tests.strategies import HERE, measured, walks_on_graphs

Walk = tuple["nx.Graph[int]", list[int], list[int]]


def _line(*walk: int, reference: tuple[int, ...], stopped: bool | None = True) -> Trajectory:
    """Places on a line, two metres apart."""
    graph: nx.Graph[int] = nx.Graph()
    graph.add_weighted_edges_from((place, place + 1, 2.0) for place in range(9))
    return measured(graph, list(walk), list(reference), stopped)


def test_a_perfect_walk() -> None:
    scores = R2R.score(_line(0, 1, 2, 3, reference=(0, 1, 2, 3)))
    ideal = dict.fromkeys(("osr", "sr", "sr_stop", "spl", "spl_path", "ndtw", "sdtw", "cls"), 1.0)
    assert scores == {**ideal, "tl": 6.0, "ne": 0.0, "steps": 3.0}


def test_success_is_strictly_under_three_metres() -> None:
    graph: nx.Graph[int] = nx.Graph()
    graph.add_edge(0, 1, weight=3.0)
    assert metrics.success(measured(graph, [0], [0, 1])) == 0.0
    graph.add_edge(0, 1, weight=math.nextafter(3.0, 0))
    assert metrics.success(measured(graph, [0], [0, 1])) == 1.0


def test_oracle_success_counts_a_goal_that_was_passed() -> None:
    passed = _line(0, 1, 2, 3, 4, 5, 6, reference=(0, 1, 2, 3))
    assert metrics.oracle_success(passed) == 1.0
    assert metrics.success(passed) == 0.0
    assert metrics.spl(passed) == 0.0


def test_spl_divides_by_the_longer_of_the_two() -> None:
    detour = _line(0, 1, 0, 1, 2, 3, reference=(0, 1, 2, 3))
    assert metrics.spl(detour) == pytest.approx(6 / 10)
    near = _line(0, 1, 2, reference=(0, 1, 2, 3))
    assert metrics.spl(near) == 1.0


def test_spl_path_divides_by_the_annotated_length() -> None:
    roundabout = _line(0, 1, 2, reference=(0, 1, 0, 1, 2))
    assert metrics.spl(roundabout) == 1.0
    assert metrics.spl_path(roundabout) == 1.0
    longer = _line(0, 1, 0, 1, 2, reference=(0, 1, 0, 1, 2))
    assert metrics.spl(longer) == pytest.approx(4 / 8)
    assert metrics.spl_path(longer) == 1.0


def test_success_with_stop_needs_the_agents_own_stop() -> None:
    assert R2R.score(_line(0, 1, reference=(0, 1), stopped=False))["sr_stop"] == 0.0
    assert R2R.score(_line(0, 1, reference=(0, 1), stopped=False))["sr"] == 1.0
    assert "sr_stop" not in R2R.score(_line(0, 1, reference=(0, 1), stopped=None))
    with pytest.raises(ValueError, match="does not say"):
        metrics.success_with_stop(_line(0, 1, reference=(0, 1), stopped=None))


def test_turns_on_the_spot_do_not_change_ndtw() -> None:
    plain = _line(0, 1, 2, 4, reference=(0, 1, 2, 3))
    turning = _line(0, 0, 1, 2, 2, 2, 4, 4, reference=(0, 1, 2, 3))
    assert metrics.ndtw(turning) == metrics.ndtw(plain) < 1


def test_a_trajectory_without_goal_cannot_be_scored() -> None:
    with pytest.raises(ValueError, match="no goal"):
        metrics.navigation_error(Trajectory("1_0", "scene", (HERE,)))


def test_a_failure_is_no_success_even_where_the_start_is_near_the_goal() -> None:
    still = _line(0, reference=(0, 1))
    assert R2R.score(still)["sr"] == 1
    assert {R2R.score_failure(still)[rate] for rate in R2R.rates} == {0}
    assert R2R.score_failure(still)["ndtw"] == R2R.score(still)["ndtw"]


def test_a_failure_scores_as_if_it_had_never_moved() -> None:
    broke = R2R.score_failure(_line(0, reference=(0, 1, 2, 3)))
    assert broke == R2R.score(_line(0, reference=(0, 1, 2, 3)))
    assert (broke["sr"], broke["spl"], broke["tl"], broke["ne"], broke["steps"]) == (0, 0, 0, 6, 0)


@given(walks_on_graphs())
def test_all_metrics_agree_with_the_networkx_scorer(case: Walk) -> None:
    graph, walk, reference = case
    distance = {str(a): {str(b): d for b, d in row.items()} for a, row in nx.all_pairs_dijkstra_path_length(graph)}
    theirs = score_episode(distance, list(map(str, walk)), list(map(str, reference)))
    ours = R2R.score(measured(graph, walk, reference))
    for name, value in theirs.items():
        assert ours[name] == pytest.approx(value, abs=1e-12), name


@given(walks_on_graphs())
def test_rates_lie_between_0_and_1_and_are_ordered(case: Walk) -> None:
    scores = R2R.score(measured(*case))
    for name in ("osr", "sr", "sr_stop", "spl", "spl_path", "ndtw", "sdtw", "cls"):
        assert 0 <= scores[name] <= 1
    assert scores["spl"] <= scores["sr"] <= scores["osr"]
    assert scores["sdtw"] <= scores["ndtw"]


@given(walks_on_graphs())
def test_following_the_reference_is_perfect_in_ndtw(case: Walk) -> None:
    graph, _, reference = case
    assert metrics.ndtw(measured(graph, reference, reference)) == 1.0
