from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.command_line import CHECKOUT, environment, navagent_command, run_navagent

RECIPES = [file for file in sorted((CHECKOUT / "configs").glob("*.yaml")) if "llm:" in file.read_text()]
OFFLINE = ("--config", str(CHECKOUT / "configs" / "r2r_navgpt.yaml"))


def _summary(run: Path) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads((run / "summary.json").read_text())
    return summary


def _lines(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "episodes.jsonl").read_text().split("\n")[:-1]]


def _metrics(run: Path) -> dict[str, dict[str, float]]:
    return {line["episode_id"]: line["metrics"] for line in _lines(run)}


@pytest.fixture(scope="module")
def houses(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One house with two paths, of three instructions each."""
    folder = tmp_path_factory.mktemp("houses")
    splits = ("--train", "0", "--val_seen", "0", "--val_unseen", "1", "--paths", "2")
    made = run_navagent("houses", "make", "houses", *splits, data=folder, cwd=folder)
    assert made.returncode == 0, made.stderr
    return folder / "houses"


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.stem)
def test_every_recipe_runs(recipe: Path, tiny_data: Path, houses: Path, tmp_path: Path) -> None:
    data = houses if recipe.stem.startswith("houses_") else tiny_data
    done = run_navagent("eval", "--config", str(recipe), "--episodes", "4", data=data, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "SPL success by path length" in done.stdout
    assert "No language model" in done.stdout


def test_the_shipped_follower_runs_in_houses(houses: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs torch: pip install torch==2.13.0")
    pytest.importorskip("transformers", reason='needs transformers: pip install "navagent[vision]"')
    recipe = CHECKOUT / "configs" / "houses_follower.yaml"
    done = run_navagent("eval", "--config", str(recipe), "--name", "f", data=houses, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    summary = _summary(tmp_path / "runs" / "f")
    assert (summary["n"], summary["complete"], summary["privileged"]) == (6, True, False)


def test_a_run_leaves_everything_that_the_design_names(tiny_data: Path, tmp_path: Path) -> None:
    done = run_navagent("eval", *OFFLINE, "--name", "x", data=tiny_data, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run = tmp_path / "runs" / "x"
    assert "Run directory: runs/x" in done.stdout
    assert len(_lines(run)) == len(list((run / "traces").iterdir())) == 30
    summary = _summary(run)
    assert (summary["n"], summary["expected"], summary["complete"]) == (30, 30, True)
    assert summary["stand_in"]
    assert not summary["privileged"]
    assert summary["rules"] == "r2r-1"
    assert set(summary["fingerprints"]) == {"annotations", "connectivity", "navgpt"}
    assert summary["versions"]["navagent"]
    assert summary["usage"]["models"] == ["offline-rules"]
    low, high = summary["ci95"]["spl"]
    assert low <= summary["metrics"]["spl"] <= high
    page = (run / "report.html").read_text()
    assert all(line["episode_id"] in page for line in _lines(run))


def test_scoring_the_submission_gives_the_runs_own_numbers(tiny_data: Path, tmp_path: Path) -> None:
    run_navagent("eval", *OFFLINE, "--name", "x", data=tiny_data, cwd=tmp_path)
    file = str(tmp_path / "runs" / "x" / "submission.json")
    scored = run_navagent("score", file, "--split", "val_unseen", "--json", data=tiny_data, cwd=tmp_path)
    theirs = json.loads(scored.stdout)
    ours = _summary(tmp_path / "runs" / "x")
    for name, value in theirs["metrics"].items():
        assert ours["metrics"][name] == pytest.approx(value, abs=1e-12), name
        assert ours["ci95"][name] == pytest.approx(theirs["ci95"][name], abs=1e-9), name


def test_the_kept_configuration_runs_again_to_the_same_scores(tiny_data: Path, tmp_path: Path) -> None:
    run_navagent("eval", *OFFLINE, "--episodes", "7", "--seed", "5", "--name", "x", data=tiny_data, cwd=tmp_path)
    config = str(tmp_path / "runs" / "x" / "config.yaml")
    done = run_navagent("eval", "--config", config, "--name", "again", data=tiny_data, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert _metrics(tmp_path / "runs" / "x") == _metrics(tmp_path / "runs" / "again")
    assert yaml.safe_load(Path(config).read_text())["episodes"] == 7


def test_the_same_command_finds_its_finished_run(tiny_data: Path, tmp_path: Path) -> None:
    for _ in range(2):
        done = run_navagent("eval", "--env", "R2R", "--policy", "Random", data=tiny_data, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert "Resuming: 30 of 30" in done.stderr
    assert len(list((tmp_path / "runs").iterdir())) == 1


def test_another_configuration_in_the_same_folder_is_refused(tiny_data: Path, tmp_path: Path) -> None:
    random_policy = ("eval", "--env", "R2R", "--policy", "Random", "--name", "x")
    run_navagent(*random_policy, data=tiny_data, cwd=tmp_path)
    done = run_navagent(*random_policy, "--policy.seed", "3", data=tiny_data, cwd=tmp_path)
    assert done.returncode == 2
    assert "policy.init_args.seed is 0 there and 3 here" in done.stderr
    assert run_navagent(*random_policy, "--workers", "2", data=tiny_data, cwd=tmp_path).returncode == 0


def test_the_test_split_is_exported_but_not_scored(tiny_data: Path, tmp_path: Path) -> None:
    done = run_navagent("eval", *OFFLINE, "--env.split", "test", "--name", "x", data=tiny_data, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "no goals" in done.stdout
    assert len(json.loads((tmp_path / "runs" / "x" / "submission.json").read_text())) == 30


def test_an_oracle_marks_the_run_as_privileged(tiny_data: Path, tmp_path: Path) -> None:
    done = run_navagent("eval", "--env", "R2R", "--policy", "ShortestPath", data=tiny_data, cwd=tmp_path)
    assert "Privileged" in done.stdout
    assert "100.00 %" in done.stdout


SLOW_POLICY = """
import time
from policies.baselines import Random

class Slow(Random):
    def act(self, observation):
        time.sleep(0.02)
        return super().act(observation)
"""


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM], ids=lambda sign: sign.name)
def test_a_run_that_is_stopped_five_times_ends_as_an_undisturbed_one(
    sign: signal.Signals, tiny_data: Path, tmp_path: Path
) -> None:
    (tmp_path / "slow.py").write_text(SLOW_POLICY)
    command = ("eval", "--env", "R2R", "--policy", "slow.Slow", "--workers", "3")
    undisturbed = run_navagent(*command, "--name", "whole", data=tiny_data, cwd=tmp_path)
    assert undisturbed.returncode == 0, undisturbed.stderr
    run, rng, stopped = tmp_path / "runs" / "stopped", random.Random(0), 0
    for target in sorted(rng.sample(range(2, 27), 5)):
        stopped += _stop_after(target, sign, run, tiny_data, tmp_path, *command, "--name", "stopped")
    assert stopped == 5
    assert run_navagent(*command, "--name", "stopped", data=tiny_data, cwd=tmp_path).returncode == 0
    ids = [line["episode_id"] for line in _lines(run)]
    assert len(ids) == len(set(ids)) == 30
    assert _metrics(run) == _metrics(tmp_path / "runs" / "whole")
    ours, whole = _summary(run), _summary(tmp_path / "runs" / "whole")
    assert ours["metrics"] == pytest.approx(whole["metrics"], abs=1e-12)


def _stop_after(episodes: int, sign: signal.Signals, run: Path, data: Path, cwd: Path, *command: str) -> bool:
    """Start a run, send it a signal once it holds so many episodes and a new one, and wait for its end."""
    results = run / "episodes.jsonl"
    before = results.read_bytes().count(b"\n") if results.exists() else 0
    with subprocess.Popen(
        navagent_command(*command), env=environment(data), cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        while process.poll() is None:
            if results.exists() and results.read_bytes().count(b"\n") >= max(episodes, before + 1):
                os.kill(process.pid, sign)
                break
            time.sleep(0.001)
        output, _ = process.communicate(timeout=60)
    if sign is not signal.SIGKILL:
        assert process.returncode == 130
        assert b"Go on with the same command: navagent eval --env R2R" in output
    return process.returncode != 0


def test_nohup_keeps_its_promise(tiny_data: Path, tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(SLOW_POLICY)
    command = [
        "nohup",
        *navagent_command("eval", "--env", "R2R", "--policy", "slow.Slow", "--workers", "1", "--name", "x"),
    ]
    with subprocess.Popen(
        command, env=environment(tiny_data), cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        results = tmp_path / "runs" / "x" / "episodes.jsonl"
        while process.poll() is None and not results.exists():
            time.sleep(0.002)
        process.send_signal(signal.SIGHUP)
        assert process.wait(timeout=60) == 0
    assert len(_lines(tmp_path / "runs" / "x")) == 30


BREAKING_POLICY = """
from policies.baselines import Random

class Breaking(Random):
    def act(self, observation):
        import os
        if "MEND" not in os.environ and observation.instruction.startswith("Go"):
            raise RuntimeError("my bug")
        return super().act(observation)
"""


def test_broken_episodes_are_said_out_loud_and_can_be_played_again(tiny_data: Path, tmp_path: Path) -> None:
    (tmp_path / "breaking.py").write_text(BREAKING_POLICY)
    command = ("eval", "--env", "R2R", "--policy", "breaking.Breaking", "--name", "x")
    first = run_navagent(*command, data=tiny_data, cwd=tmp_path)
    assert first.returncode == 0
    assert "10 episodes broke and count as failures" in first.stdout
    assert "RuntimeError: my bug (breaking.py, line 8)" in first.stdout
    assert _summary(tmp_path / "runs" / "x")["errors"]["count"] == 10
    second = run_navagent(*command, "--retry-errors", data=tiny_data, cwd=tmp_path, MEND="1")
    assert second.returncode == 0, second.stderr
    assert _summary(tmp_path / "runs" / "x")["errors"]["count"] == 0
    assert len(_lines(tmp_path / "runs" / "x")) == 30


def test_edited_code_is_a_new_run(tiny_data: Path, tmp_path: Path) -> None:
    """Whoever edits a planner and repeats the command wants new numbers, not those of the old code."""
    command = ("eval", "--env", "R2R", "--policy", "mine.Mine")
    for base in ("Random", "Stop"):
        (tmp_path / "mine.py").write_text(f"from policies.baselines import {base}\nclass Mine({base}):\n    pass\n")
        done = run_navagent(*command, data=tiny_data, cwd=tmp_path)
        assert "Resuming" not in done.stderr
    assert len(list((tmp_path / "runs").iterdir())) == 2
    named = [run_navagent(*command, "--name", "x", data=tiny_data, cwd=tmp_path)]
    (tmp_path / "mine.py").write_text("from policies.baselines import Random\nclass Mine(Random):\n    pass\n")
    named.append(run_navagent(*command, "--name", "x", data=tiny_data, cwd=tmp_path))
    assert [done.returncode for done in named] == [0, 2]
    assert "code.mine is " in named[1].stderr


MY_METRIC = """
def turns(trajectory):
    return sum(a.heading != b.heading for a, b in zip(trajectory.poses, trajectory.poses[1:]))
"""


def test_a_metric_is_one_function_in_a_file_of_the_users_own(tiny_data: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MY_METRIC)
    options = ("--env", "R2R", "--policy", "Random", "--extra-metrics", "[mine.turns]", "--name", "x")
    done = run_navagent("eval", *options, data=tiny_data, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert _summary(tmp_path / "runs" / "x")["metrics"]["turns"] > 0


@pytest.mark.parametrize(
    ("start", "names"),
    [
        (navagent_command(), ("eval", "policies", "envs", "navagent", "json", "numpy")),
        # Python itself takes `-m navagent` from the current folder if it is there.
        ([sys.executable, "-m", "navagent"], ("eval", "policies", "envs", "numpy")),
    ],
    ids=["script", "module"],
)
def test_files_of_the_current_folder_never_shadow_our_packages(
    start: list[str], names: tuple[str, ...], tiny_data: Path, tmp_path: Path
) -> None:
    for name in names:
        (tmp_path / f"{name}.py").write_text("raise SystemExit('shadowed')")
    (tmp_path / "mine.py").write_text("from policies.baselines import Random\nclass Mine(Random):\n    pass\n")
    command = [*start, "eval", "--env", "R2R", "--policy", "mine.Mine"]
    done = subprocess.run(
        command, env=environment(tiny_data), cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_two_runs_compare_episode_by_episode(tiny_data: Path, tmp_path: Path) -> None:
    for policy in ("Random", "ShortestPath"):
        run_navagent("eval", "--env", "R2R", "--policy", policy, "--name", policy, data=tiny_data, cwd=tmp_path)
    done = run_navagent("compare", "runs/ShortestPath", "runs/Random", data=tiny_data, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "runs/ShortestPath minus runs/Random, 30 episodes" in done.stdout
    run_navagent(
        "eval",
        "--env",
        "R2R",
        "--env.split",
        "train",
        "--policy",
        "Random",
        "--name",
        "other",
        data=tiny_data,
        cwd=tmp_path,
    )
    refused = run_navagent("compare", "runs/other", "runs/Random", data=tiny_data, cwd=tmp_path)
    assert refused.returncode == 2
    assert "their data set differ" in refused.stderr


def test_a_report_is_written_anew(tiny_data: Path, tmp_path: Path) -> None:
    run_navagent("eval", "--env", "R2R", "--policy", "Random", "--name", "x", data=tiny_data, cwd=tmp_path)
    (tmp_path / "runs" / "x" / "report.html").unlink()
    done = run_navagent("report", "runs/x", data=tiny_data, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "runs" / "x" / "report.html").exists()
