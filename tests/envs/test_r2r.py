from __future__ import annotations

import json
import math
from pathlib import Path

import networkx as nx
import pytest

from envs.r2r.dataset import load_r2r
from envs.r2r.env import R2R
from envs.r2r.graph import load_graph
from envs.r2r.networkx_graph import to_networkx
from eval.rules import RULES
from eval.statistics import estimate
from navagent.contracts import Policy
from navagent.errors import ConfigError, DataError
from navagent.geometry import wrap
from navagent.rollout import rollout
from navagent.types import MoveTo
from policies.baselines import Random, ShortestPath, Stop
from tests.conformance.env_suite import EnvSuite
from tests.tiny import COLUMNS, ROWS, SPACING, viewpoint_id


class TestTinyR2R(EnvSuite):
    @pytest.fixture
    def env(self, tiny_data: Path) -> R2R:
        return R2R("val_unseen", str(tiny_data))


class TestTinyR2RWithoutGoals(EnvSuite):
    @pytest.fixture
    def env(self, tiny_data: Path) -> R2R:
        return R2R("test", str(tiny_data))


class TestRealR2R(EnvSuite):
    @pytest.fixture
    def env(self, real_data: Path) -> R2R:
        return R2R("val_unseen", str(real_data))


def test_an_agent_faces_the_way_it_came(tiny_data: Path) -> None:
    env = R2R("val_unseen", str(tiny_data))
    observation = env.reset(env.episodes[0])
    assert observation.pose is not None
    assert observation.candidates is not None
    target = observation.candidates[0]
    after = env.step(MoveTo(target.id))
    assert after.pose is not None
    assert wrap(after.pose.heading - observation.pose.heading - target.heading) == pytest.approx(0, abs=1e-9)
    back = next(c for c in after.candidates or () if c.id == observation.viewpoint)
    assert abs(back.heading) == pytest.approx(math.pi)


def test_a_viewpoint_that_is_not_included_is_no_candidate(tiny_data: Path) -> None:
    graph = load_graph(tiny_data / "r2r" / "connectivity" / "scanA_connectivity.json", "scanA")
    assert len(graph.positions) == COLUMNS * ROWS
    assert {c.id for c in graph.candidates(viewpoint_id("scanA", 0), 0.0)} == {
        viewpoint_id("scanA", 1),
        viewpoint_id("scanA", COLUMNS),
    }


def test_distances_and_directions_are_metric(tiny_data: Path) -> None:
    graph = load_graph(tiny_data / "r2r" / "connectivity" / "scanA_connectivity.json", "scanA")
    east, north = viewpoint_id("scanA", 1), viewpoint_id("scanA", COLUMNS)
    found = {c.id: c for c in graph.candidates(viewpoint_id("scanA", 0), 0.0)}
    assert found[east].heading == pytest.approx(math.pi / 2)
    assert found[east].distance == pytest.approx(SPACING)
    assert found[north].heading == pytest.approx(0)
    assert found[north].elevation == pytest.approx(math.atan2(0.9, SPACING))
    assert graph.distances[east][north] == pytest.approx(found[east].distance + found[north].distance)


def test_the_test_split_runs_but_has_no_scores(tiny_data: Path) -> None:
    env = R2R("test", str(tiny_data))
    assert rollout(env, Random(), env.episodes[0]).distances is None
    with pytest.raises(ValueError, match="no goals"):
        env.oracle_action()


# ------------------------------------------------------------------------------------------------ real data
def test_real_splits_have_their_published_sizes(real_data: Path) -> None:
    sizes = {split: len(load_r2r(split, str(real_data)).episodes) for split in ("val_seen", "val_unseen", "test")}
    assert sizes == {"val_seen": 1021, "val_unseen": 2349, "test": 4173}


def test_candidates_reproduce_navgpts_files(real_data: Path) -> None:
    """All 90 scans of NavGPT's `navigable` files, made by the Matterport3D Simulator itself."""
    count = 0
    for file in sorted((real_data / "navgpt" / "navigable").glob("*.json")):
        scan = file.name.split("_")[0]
        graph = load_graph(real_data / "r2r" / "connectivity" / f"{scan}_connectivity.json", scan)
        theirs = json.loads(file.read_text())
        assert set(theirs) == set(graph.positions)
        for viewpoint, neighbours in theirs.items():
            ours = {candidate.id: candidate for candidate in graph.candidates(viewpoint, 0.0)}
            assert ours.keys() == neighbours.keys()
            for neighbour, expected in neighbours.items():
                assert abs(wrap(ours[neighbour].heading - expected["heading"])) < 1e-3
                assert ours[neighbour].elevation == pytest.approx(expected["elevation"], abs=1e-3)
                assert ours[neighbour].distance == pytest.approx(expected["distance"], abs=1e-4)
                count += 1
    assert count == 42_936


def test_distances_agree_with_networkx(real_data: Path) -> None:
    """Five scans of train and val_seen are not connected; distances are infinite there."""
    for scan in ("8194nk5LbLH", "pLe4wQe7qrG", "JeFG25nYj2p"):
        graph = load_graph(real_data / "r2r" / "connectivity" / f"{scan}_connectivity.json", scan)
        theirs = dict(nx.all_pairs_dijkstra_path_length(to_networkx(graph)))
        for origin, row in graph.distances.items():
            for target, distance in row.items():
                assert distance == pytest.approx(theirs[origin].get(target, math.inf))


def _mean_scores(env: R2R, policy: Policy) -> dict[str, float]:
    trajectories = [rollout(env, policy, episode) for episode in env.episodes]
    rows = [RULES["r2r"].score(trajectory) for trajectory in trajectories]
    return {name: e.mean for name, e in estimate(rows, [t.scene for t in trajectories]).items()}


@pytest.fixture(scope="module")
def val_unseen(real_data: Path) -> R2R:
    return R2R("val_unseen", str(real_data))


def test_shortest_path_scores_as_published(val_unseen: R2R) -> None:
    scores = _mean_scores(val_unseen, ShortestPath())
    assert (scores["sr"], scores["sr_stop"], scores["spl"], scores["ne"]) == (1, 1, 1, 0)
    assert scores["tl"] == pytest.approx(9.48, abs=0.005)


def test_stop_scores_as_published(val_unseen: R2R) -> None:
    scores = _mean_scores(val_unseen, Stop())
    assert (scores["sr"], scores["osr"], scores["tl"]) == (0, 0, 0)
    assert scores["ne"] == pytest.approx(9.48, abs=0.005)


def test_random_scores_as_published(val_unseen: R2R) -> None:
    """R2R paper, table 2: TL 9.77, NE 9.23, OSR 22.0, SR 16.3. Bounds are four standard errors of a five-run mean."""
    runs = [_mean_scores(val_unseen, Random(seed)) for seed in range(5)]
    mean = {name: sum(run[name] for run in runs) / len(runs) for name in runs[0]}
    assert mean["tl"] == pytest.approx(9.77, abs=0.12)
    assert mean["ne"] == pytest.approx(9.23, abs=0.15)
    assert mean["osr"] == pytest.approx(0.22, abs=0.015)
    assert mean["sr"] == pytest.approx(0.163, abs=0.013)


def test_no_episode_starts_within_reach_of_its_goal(real_data: Path) -> None:
    """So an episode that broke scores the same in a run and in the submission file that leaves it at its start."""
    for split in ("train", "val_seen", "val_unseen"):
        data = load_r2r(split, str(real_data))
        for episode in data.episodes:
            assert episode.goal is not None
            assert episode.goal.viewpoint is not None
            assert data.graphs[episode.scene].distances[str(episode.start_viewpoint)][episode.goal.viewpoint] >= 3


# ------------------------------------------------------------------------------------------------ bad input
def test_an_unknown_split_names_the_known_ones(tiny_data: Path) -> None:
    with pytest.raises(ConfigError, match=r"no split 'val_unsen'.*train, val_unseen\. Did you mean 'val_unseen'"):
        load_r2r("val_unsen", str(tiny_data))


def test_half_a_download_says_so(own_tiny_data: Path) -> None:
    file = own_tiny_data / "r2r" / "R2R_val_unseen.json"
    file.write_text(file.read_text()[:500])
    with pytest.raises(DataError, match=r"R2R_val_unseen\.json is not whole JSON.*cut short: fetch it again"):
        load_r2r("val_unseen", str(own_tiny_data))


def test_a_scan_without_connectivity_says_which(own_tiny_data: Path) -> None:
    (own_tiny_data / "r2r" / "connectivity" / "scanB_connectivity.json").unlink()
    with pytest.raises(DataError, match=r"scanB_connectivity\.json is missing"):
        load_r2r("val_unseen", str(own_tiny_data))


@pytest.mark.parametrize(
    "damage",
    [
        lambda nodes: nodes[0].pop("pose"),
        lambda nodes: nodes[0]["unobstructed"].pop(),
        lambda nodes: nodes[0].update(pose=[1, 2, 3]),
        lambda nodes: nodes.append("x"),
    ],
)
def test_a_damaged_connectivity_file_says_so(own_tiny_data: Path, damage: object) -> None:
    file = own_tiny_data / "r2r" / "connectivity" / "scanA_connectivity.json"
    nodes = json.loads(file.read_text())
    assert callable(damage)
    damage(nodes)
    file.write_text(json.dumps(nodes))
    with pytest.raises(DataError, match=r"scanA_connectivity\.json is not a Matterport3D connectivity file"):
        load_r2r("val_unseen", str(own_tiny_data))


def test_annotations_of_another_release_are_refused(own_tiny_data: Path) -> None:
    file = own_tiny_data / "r2r" / "R2R_train.json"
    paths = json.loads(file.read_text())
    paths[3]["path"][1] = "f" * 32
    file.write_text(json.dumps(paths))
    with pytest.raises(DataError, match=r"entry 3: the path visits ffff"):
        load_r2r("train", str(own_tiny_data))


def test_an_entry_that_is_no_path_says_which(own_tiny_data: Path) -> None:
    file = own_tiny_data / "r2r" / "R2R_train.json"
    paths = json.loads(file.read_text())
    del paths[2]["heading"]
    file.write_text(json.dumps(paths))
    with pytest.raises(DataError, match=r"entry 2 is not an R2R path \(KeyError: 'heading'\)"):
        load_r2r("train", str(own_tiny_data))


def test_an_empty_folder_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no R2R_"):
        load_r2r("val_unseen", str(tmp_path))
    with pytest.raises(DataError, match=r"does not exist: set NAVAGENT_DATA"):
        load_r2r("val_unseen", str(tmp_path / "absent"))
