"""`navagent score` on R2R-CE's predictions in houses, and on per-episode results."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from envs.houses.dataset import make_data
from envs.houses.env import HouseEnv
from envs.houses.splits import plan_splits
from eval.rules import RULES
from navagent.rollout import rollout
from policies.baselines import ShortestPath
from tests.command_line import run_navagent
from tests.tiny_ce import make_ce_world


@pytest.fixture(scope="module")
def houses(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("houses")
    make_data(root, plan_splits(train=0, val_seen=0, val_unseen=2, paths=1))
    return root


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_ce_world(tmp_path_factory.mktemp("world"))


def _score(data: Path, cwd: Path, *files: Path) -> tuple[int, str, str]:
    arguments = [*map(str, files), "--split", "val_unseen", "--json"]
    done = run_navagent("score", *arguments, data=data, cwd=cwd)
    return done.returncode, done.stdout, done.stderr


# ----------------------------------------------------------------------------------------- R2R-CE in houses
@pytest.fixture(scope="module")
def run(houses: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the oracle, as a user makes it."""
    folder = tmp_path_factory.mktemp("run")
    arguments = ("--env", "HouseEnv", "--env.size", "16", "--policy", "ShortestPath", "--workers", "1", "--name", "x")
    assert run_navagent("eval", *arguments, data=houses, cwd=folder).returncode == 0
    return folder / "runs" / "x"


def test_a_runs_own_predictions_score_as_the_run_did(run: Path, houses: Path) -> None:
    code, output, errors = _score(houses, run, run / "submission.json")
    assert (code, errors) == (0, "")
    scores, summary = json.loads(output), json.loads((run / "summary.json").read_text())
    assert (scores["n"], scores["expected"]) == (6, 6)
    assert set(scores["metrics"]) == set(summary["metrics"])
    for name, value in summary["metrics"].items():
        assert scores["metrics"][name] == pytest.approx(value, abs=1e-9), name
        assert scores["ci95"][name] == pytest.approx(summary["ci95"][name], abs=1e-9), name


def test_missing_predictions_are_failures_and_said_so(run: Path, houses: Path, tmp_path: Path) -> None:
    predictions = json.loads((run / "submission.json").read_text())
    for key in ("1", "2", "3"):
        del predictions[key]
    file = tmp_path / "p.json"
    file.write_text(json.dumps(predictions))
    code, output, errors = _score(houses, tmp_path, file)
    assert code == 0
    assert "3 of 6 episodes are missing and count as failures: 1, 2, 3." in errors
    assert json.loads(output)["metrics"]["sr"] == pytest.approx(0.5)


def test_a_path_through_a_wall_is_refused(run: Path, houses: Path, tmp_path: Path) -> None:
    predictions = json.loads((run / "submission.json").read_text())
    predictions["2"][5]["position"] = [500.0, 0.0, 500.0]
    file = tmp_path / "p.json"
    file.write_text(json.dumps(predictions))
    code, _, errors = _score(houses, tmp_path, file)
    assert code == 2
    assert "1 paths with positions off the floor (2)." in errors
    assert errors.count("\n") == 1


def test_matterport_without_habitat_says_what_to_do(world: Path, tmp_path: Path) -> None:
    file = tmp_path / "p.json"
    file.write_text(json.dumps({"1": [{"position": [0, 0, 0], "heading": 0, "stop": True}]}))
    done = run_navagent(
        "score", str(file), "--split", "val_unseen", "--python", "/nowhere/python", data=world, cwd=tmp_path
    )
    assert done.returncode == 2
    assert "'/nowhere/python' cannot be started" in done.stderr


# ----------------------------------------------------------------------------------------- per-episode results
def _results(ids: list[int], seed: int = 0) -> dict[str, Any]:
    rng = random.Random(seed)
    return {
        str(i): {
            "steps_taken": float(rng.randrange(10, 90)),
            "distance_to_goal": rng.uniform(0, 9),
            "success": float(rng.random() < 0.4),
            "oracle_success": 1.0,
            "path_length": rng.uniform(5, 12),
            "collisions": 0.1,
            "spl": 0.3,
            "ndtw": 0.5,
            "sdtw": 0.2,
            "loc_noise_history": [],
        }
        for i in ids
    }


def test_results_of_several_processes_are_averaged_as_one(world: Path, tmp_path: Path) -> None:
    whole = _results([1, 2, 3, 4, 5, 6])
    files = [tmp_path / f"stats_ep_ckpt_59_val_unseen_r{rank}_w2.json" for rank in range(2)]
    # Episode 3 is in both: the sampler makes their shares equal.
    for file, keys in zip(files, ("123", "3456"), strict=True):
        file.write_text(json.dumps({key: whole[key] for key in keys}))
    code, output, errors = _score(world, tmp_path, *files)
    assert (code, errors) == (0, "")
    scores = json.loads(output)
    assert (scores["n"], scores["expected"]) == (6, 6)
    assert list(scores["metrics"]) == ["tl", "ne", "osr", "sr", "spl", "ndtw", "sdtw", "steps", "collisions"]
    assert scores["metrics"]["sr"] == pytest.approx(sum(row["success"] for row in whole.values()) / 6)
    assert scores["metrics"]["ne"] == pytest.approx(sum(row["distance_to_goal"] for row in whole.values()) / 6)
    low, high = scores["ci95"]["ne"]
    assert low <= scores["metrics"]["ne"] <= high


def test_real_results_have_intervals_over_scenes(real_data: Path, tmp_path: Path) -> None:
    file = tmp_path / "stats_ep_ckpt_1_val_unseen_r0_w1.json"
    file.write_text(json.dumps(_results(list(range(1, 1840)))))
    code, output, errors = _score(real_data, tmp_path, file)
    assert (code, errors) == (0, "")
    scores = json.loads(output)
    assert scores["n"] == scores["expected"] == 1839
    low, high = scores["ci95"]["sr"]
    assert low < scores["metrics"]["sr"] < high


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ([_results([1, 2])], "these are means over 2 of the split's 6 episodes."),
        ([_results([1, 77])], "1 episodes are not of this split (77)."),
        ([_results([1]), _results([1], seed=1)], "The files disagree on 1 episodes (1)"),
        ([{"1": {"a": "x"}}], "no measure that all its episodes have"),
        ([{"1": {"success": float("inf")}}], "success is no finite number in 1 episodes (1)."),
        ([_results([1]), []], "is no per-episode result file"),
    ],
)
def test_odd_results_are_one_sentence(contents: list[Any], message: str, world: Path, tmp_path: Path) -> None:
    files = [tmp_path / f"stats_ep_{number}.json" for number in range(len(contents))]
    for file, content in zip(files, contents, strict=True):
        file.write_text(json.dumps(content))
    code, _, errors = _score(world, tmp_path, *files)
    assert code == (0 if "means over" in message else 2)
    assert message in errors
    assert errors.count("\n") == 1


def test_several_r2r_files_are_refused(world: Path, tmp_path: Path) -> None:
    files = [tmp_path / "a.json", tmp_path / "b.json"]
    for file in files:
        file.write_text("[]")
    code, _, errors = _score(world, tmp_path, *files)
    assert code == 2
    assert "Several files together" in errors


# ------------------------------------------------------------------------------------------------ one rule
def test_a_house_measures_a_path_as_it_measured_the_walk(houses: Path) -> None:
    env = HouseEnv("val_unseen", str(houses), size=8)
    episode = env.episodes[3]
    walked = rollout(env, ShortestPath(), episode)
    assert env.measure(episode, [pose.position for pose in walked.poses]) == walked.distances
    assert RULES["r2r_ce"].score(walked)["sr"] == 1.0
