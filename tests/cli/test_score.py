from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from envs.r2r.dataset import load_r2r
from envs.r2r.env import R2R
from envs.r2r.submission import submission_text
from eval.rules import R2R as RULES
from navagent.rollout import rollout
from navagent.types import Trajectory
from policies.baselines import Random
from tests.benchmarks.networkx_scorer import METRICS
from tests.benchmarks.networkx_scorer import score as networkx_score
from tests.command_line import run_navagent
from tests.tiny import viewpoint_id

Entries = list[dict[str, Any]]


def _walk(trajectory: Trajectory) -> list[tuple[str, float, float]]:
    assert trajectory.viewpoints is not None
    return [(v, p.heading, p.elevation) for v, p in zip(trajectory.viewpoints, trajectory.poses, strict=True)]


def _random_walks(data: Path, split: str = "val_unseen") -> Entries:
    env = R2R(split, str(data))
    walks = [rollout(env, Random(), episode) for episode in env.episodes]
    entries: Entries = json.loads(submission_text((walk.episode_id, _walk(walk)) for walk in walks))
    return entries


def _score(entries: object, data: Path, cwd: Path, *options: str) -> tuple[int, str, str]:
    file = cwd / "predictions.json"
    file.write_text(entries if isinstance(entries, str) else json.dumps(entries))
    done = run_navagent("score", str(file), "--split", "val_unseen", *options, data=data, cwd=cwd)
    return done.returncode, done.stdout, done.stderr


def test_real_random_walks_score_as_networkx_does(real_data: Path, tmp_path: Path) -> None:
    code, output, _ = _score(_random_walks(real_data), real_data, tmp_path, "--json")
    ours = json.loads(output)
    theirs = networkx_score(tmp_path / "predictions.json", real_data, "val_unseen")
    assert code == 0
    assert (ours["split"], ours["n"], ours["expected"]) == ("val_unseen", 2349, 2349)
    for name in METRICS:
        assert ours["metrics"][name] == pytest.approx(theirs["metrics"][name], abs=1e-9), name
        low, high = ours["ci95"][name]
        assert low < ours["metrics"][name] < high


def test_real_reference_paths_are_perfect_but_for_eight_detours(real_data: Path, tmp_path: Path) -> None:
    data = load_r2r("val_unseen", str(real_data))
    paths = [
        {"instr_id": e.episode_id, "trajectory": [[v, 0.0, 0.0] for v in e.goal.reference_path]}
        for e in data.episodes
        if e.goal is not None
    ]
    metrics = json.loads(_score(paths, real_data, tmp_path, "--json")[1])["metrics"]
    for name in ("sr", "osr", "spl_path", "ndtw", "sdtw", "cls"):
        assert metrics[name] == pytest.approx(1), name
    assert metrics["spl"] == pytest.approx(0.99844, abs=1e-5)
    assert metrics["ne"] == 0


def test_the_json_object_is_all_that_goes_to_standard_output(tiny_data: Path, tmp_path: Path) -> None:
    code, output, errors = _score(_random_walks(tiny_data)[3:], tiny_data, tmp_path, "--json")
    assert code == 0
    assert set(json.loads(output)) == {"split", "n", "expected", "metrics", "ci95"}
    assert set(json.loads(output)["metrics"]) == set(METRICS)
    assert "3 of 30 instr_ids are missing and count as failures: 100_0, 100_1, 100_2." in errors


def test_missing_episodes_count_as_failures_at_their_start(tiny_data: Path, tmp_path: Path) -> None:
    entries = _random_walks(tiny_data)
    output = _score(entries[:20], tiny_data, tmp_path, "--json")[1]
    env = R2R("val_unseen", str(tiny_data))
    rows = []
    for index, episode in enumerate(env.episodes):
        if index < 20:
            rows.append(RULES.score(rollout(env, Random(), episode)))
        else:
            env.reset(episode)
            rows.append(RULES.score_failure(env.trajectory()))
    found = json.loads(output)
    assert (found["n"], found["expected"]) == (20, 30)
    for name in METRICS:
        assert found["metrics"][name] == pytest.approx(sum(row[name] for row in rows) / 30), name


def test_duets_grouped_trajectories_score_alike(tiny_data: Path, tmp_path: Path) -> None:
    entries = _random_walks(tiny_data)
    official = _score(entries, tiny_data, tmp_path, "--json")[1]
    grouped = [
        {"instr_id": e["instr_id"], "trajectory": [[e["trajectory"][0][0]], [v for v, _, _ in e["trajectory"][1:]]]}
        for e in entries
        if len(e["trajectory"]) > 1
    ]
    assert len(grouped) == len(entries)
    assert _score(grouped, tiny_data, tmp_path, "--json")[1] == official


def _jump(entries: Entries) -> None:
    start = entries[0]["trajectory"][0]
    neighbours = {tuple(step) for step in entries[0]["trajectory"]}
    far = next(v for v in (viewpoint_id("scanA", i) for i in (11, 3, 8, 0)) if v not in {n[0] for n in neighbours})
    entries[0]["trajectory"] = [start, [far, 0.0, 0.0]]


PROBLEMS: dict[str, tuple[Callable[[Entries], object], str]] = {
    "duplicate": (lambda e: e.append(e[4]), "1 duplicate instr_ids (101_1)"),
    "unknown id": (lambda e: e[4].update(instr_id="9_9"), "1 unknown instr_ids (9_9)"),
    "wrong start": (
        lambda e: e[2]["trajectory"].__delitem__(0),
        "1 trajectories that do not begin at their episode's start viewpoint (100_2)",
    ),
    "unknown viewpoint": (
        lambda e: e[2]["trajectory"][1].__setitem__(0, "f" * 32),
        "1 trajectories with viewpoints unknown to their scan (100_2)",
    ),
    "jump": (
        _jump,
        "1 trajectories with a jump between viewpoints that are no neighbours (100_0). --allow-jumps scores",
    ),
}


@pytest.mark.parametrize("kind", PROBLEMS)
def test_each_problem_is_reported_by_id_with_a_count(kind: str, tiny_data: Path, tmp_path: Path) -> None:
    damage, message = PROBLEMS[kind]
    entries = _random_walks(tiny_data)
    damage(entries)
    code, output, errors = _score(entries, tiny_data, tmp_path)
    assert code == 2
    assert output == ""
    assert message in errors
    assert errors.count("\n") == 1


def test_all_problems_are_reported_at_once(tiny_data: Path, tmp_path: Path) -> None:
    entries = _random_walks(tiny_data)
    entries[0]["instr_id"] = "9_9"
    entries.append(entries[4])
    _, _, errors = _score(entries, tiny_data, tmp_path)
    assert "1 unknown instr_ids (9_9); 1 duplicate instr_ids (101_1)" in errors


def test_jumps_are_measured_by_the_shortest_distance_if_allowed(tiny_data: Path, tmp_path: Path) -> None:
    entries = _random_walks(tiny_data)
    _jump(entries)
    code, output, errors = _score(entries, tiny_data, tmp_path, "--allow-jumps", "--json")
    assert code == 0
    assert "1 trajectories jump and are measured by the shortest distance: 100_0." in errors
    graph = load_r2r("val_unseen", str(tiny_data)).graphs["scanA"]
    (a, *_), (b, *_) = entries[0]["trajectory"]
    assert not graph.is_edge(a, b)
    lengths = [
        sum(graph_of.distances[u[0]][v[0]] for u, v in pairwise(e["trajectory"]))
        for e, graph_of in _with_graphs(entries, tiny_data)
    ]
    assert json.loads(output)["metrics"]["tl"] == pytest.approx(sum(lengths) / len(lengths))


def _with_graphs(entries: Entries, data: Path) -> list[tuple[dict[str, Any], Any]]:
    split = load_r2r("val_unseen", str(data))
    scenes = {episode.episode_id: episode.scene for episode in split.episodes}
    return [(entry, split.graphs[scenes[entry["instr_id"]]]) for entry in entries]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[{", "is not whole JSON"),
        ("{}", "must be a list, not empty, of the form"),
        ("[3]", "entry 0 is not of the form"),
        ('[{"instr_id": "100_0"}]', "entry 0 is not of the form"),
        ('[{"instr_id": "100_0", "trajectory": []}]', "the trajectory is empty"),
        ('[{"instr_id": "100_0", "trajectory": ["abc"]}]', "'abc' is no [viewpoint, heading, elevation]"),
        ('[{"instr_id": "100_0", "trajectory": [["abc", "x", 0]]}]', "entry 0 is not of the form"),
        ('[{"instr_id": "100_0", "trajectory": [[]]}]', "entry 0 is not of the form"),
    ],
)
def test_what_is_no_submission_is_refused(content: str, message: str, tiny_data: Path, tmp_path: Path) -> None:
    code, _, errors = _score(content, tiny_data, tmp_path)
    assert code == 2
    assert message in errors
    assert "Traceback" not in errors


def test_a_split_without_goals_cannot_be_scored(tiny_data: Path, tmp_path: Path) -> None:
    file = tmp_path / "p.json"
    file.write_text("[]")
    done = run_navagent("score", str(file), "--split", "test", data=tiny_data, cwd=tmp_path)
    assert done.returncode == 2
    assert "has no goals" in done.stderr


def test_an_absent_file_is_named(tiny_data: Path, tmp_path: Path) -> None:
    done = run_navagent("score", "nope.json", "--split", "val_unseen", data=tiny_data, cwd=tmp_path)
    assert done.returncode == 2
    assert "nope.json" in done.stderr
