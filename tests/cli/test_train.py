from __future__ import annotations

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
import yaml

from tests.command_line import CHECKOUT, environment, navagent_command, run_navagent

pytest.importorskip("torch", reason="needs torch: pip install torch==2.13.0")
safe_open = pytest.importorskip("safetensors", reason="needs safetensors: pip install safetensors").safe_open

SMALL = (
    *("--training.env", "navagent/HousePointNav-v0"),
    *("--training.env_options", "{sensors: [], houses: 3, max_steps: 30}"),
    *("--training.agents", "4"),
    *("--training.learning.rollout_steps", "10"),
    *("--training.network.hidden_size", "16"),
    *("--name", "t"),
)


def steps_done(folder: Path) -> list[int]:
    file = folder / "runs" / "t" / "progress.csv"
    if not file.exists():
        return []
    with file.open(newline="") as stream:
        return [int(row["steps"]) for row in csv.DictReader(stream)]


def test_a_training_runs_and_is_found_finished(tmp_path: Path) -> None:
    done = run_navagent("train", *SMALL, "--training.steps", "200", data=tmp_path, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Run directory: runs/t" in done.stdout
    assert re.search(r"Evaluation after 200 steps: tl [\d.]+, ne [\d.]+, .*sr [\d.]+, .*episodes \d+\n", done.stdout)
    assert steps_done(tmp_path)[-1] == 200
    with safe_open(tmp_path / "runs" / "t" / "last.safetensors", "pt") as weights:
        assert json.loads(weights.metadata()["navagent"])["command"].startswith("navagent train --training.env ")
    again = run_navagent("train", *SMALL, "--training.steps", "280", data=tmp_path, cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert [step for step in steps_done(tmp_path) if step > 200] == [240, 280, 280]  # the last row is the evaluation


@pytest.mark.parametrize(
    ("sign", "workers"), [(signal.SIGUSR1, 1), (signal.SIGTERM, 2), (signal.SIGINT, 2)], ids=["alone", "TERM", "INT"]
)
def test_a_signal_saves_and_the_same_command_goes_on(sign: signal.Signals, workers: int, tmp_path: Path) -> None:
    command = navagent_command("train", *SMALL, "--training.steps", "1000000", "--workers", str(workers))
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        deadline = time.monotonic() + 120
        while len(steps_done(tmp_path)) < 3 and time.monotonic() < deadline:
            time.sleep(0.1)
        os.kill(process.pid, sign)
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "Saved. The same command goes on from there." in said
    reached = steps_done(tmp_path)[-1]
    assert reached >= 120
    done = run_navagent("train", *SMALL, "--training.steps", str(reached + 40), data=tmp_path, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert steps_done(tmp_path)[-1] == reached + 40


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--training.env", "navagent/HousePointNva-v0"), "HousePointNva-v0 cannot be made"),
        (("--training.agents", "0"), "agents must be at least 1, not 0"),
        (("--training.device", "cuda:99"), "The device 'cuda:99' cannot be used"),
        (("--training.learning.memory", "2"), "memory"),
        (("--training.env_options", "{houses: -1}"), "train cannot have -1 houses"),
    ],
)
def test_bad_options_are_one_sentence(options: tuple[str, ...], said: str, tmp_path: Path) -> None:
    done = run_navagent("train", *SMALL, *options, data=tmp_path, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_vision_language_network_is_named_by_its_class_alone(tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason='needs transformers: pip install "navagent[vision]"')
    network = "{class_path: VLMNetwork, init_args: {tower: {kind: vit, patch: 7}, context: 8}}"
    options = ("--training.env_options", "{houses: 2, residents: 2, size: 40}", "--training.network", network)
    done = run_navagent("train", *SMALL[:2], *options, data=tmp_path, cwd=tmp_path)
    assert done.returncode == 2
    assert "pictures of 40 x 40 pixels are not made of whole patches of 7" in done.stderr
    assert "Traceback" not in done.stderr


def test_another_training_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    run_navagent("train", *SMALL, "--training.steps", "40", data=tmp_path, cwd=tmp_path)
    other = run_navagent("train", *SMALL, "--training.learning.clip", "0.1", data=tmp_path, cwd=tmp_path)
    assert other.returncode == 2
    assert "holds a run with another configuration (learning.clip" in other.stderr
    shutil.rmtree(tmp_path / "runs" / "t" / "checkpoints")  # the weights alone are worth as much
    other = run_navagent("train", *SMALL, "--training.learning.clip", "0.1", data=tmp_path, cwd=tmp_path)
    assert other.returncode == 2
    before = (tmp_path / "runs" / "t" / "last.safetensors").read_bytes()
    same = run_navagent("train", *SMALL, "--training.steps", "40", data=tmp_path, cwd=tmp_path)
    assert same.returncode == 2
    assert "holds weights and no checkpoints to go on from" in same.stderr
    assert (tmp_path / "runs" / "t" / "last.safetensors").read_bytes() == before


def test_a_mistake_that_is_mended_does_not_bar_the_folder(tmp_path: Path) -> None:
    wrong = run_navagent("train", *SMALL, "--training.start_from", "absent.safetensors", data=tmp_path, cwd=tmp_path)
    assert wrong.returncode == 2
    mended = run_navagent("train", *SMALL, "--training.steps", "40", data=tmp_path, cwd=tmp_path)
    assert mended.returncode == 0, mended.stderr


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_network_of_the_users_is_found_beside_the_command(workers: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from dataclasses import dataclass\n"
        "from navagent.networks.architecture import SensorNetwork\n\n"
        "@dataclass(frozen=True)\n"
        "class Mine(SensorNetwork):\n"
        "    memory: str = 'lstm'\n"
    )
    options = ("--training.steps", "40", "--workers", workers, "--training.agents", "4", "--name", "t")
    small = (*SMALL[:4], "--training.learning.rollout_steps", "5")
    network = ("--training.network", "mine.Mine", "--training.network.hidden_size", "24")
    done = run_navagent("train", *small, *network, *options, data=tmp_path, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert steps_done(tmp_path)[-1] == 40
    with safe_open(tmp_path / "runs" / "t" / "last.safetensors", "pt") as weights:
        assert weights.get_tensor("value.weight").shape == (1, 24)


@pytest.mark.parametrize(
    ("name", "env"),
    [
        ("houses_pointnav_ddppo.yaml", "navagent/HousePointNav-v0"),
        ("houses_looking.yaml", "navagent/HouseR2RWaypoints-v0"),
        ("houses_imitation.yaml", "navagent/HouseR2RWaypoints-v0"),
        ("houses_finetune.yaml", "navagent/HouseR2RWaypoints-v0"),
    ],
)
def test_a_recipe_names_only_what_can_be_set(name: str, env: str, tmp_path: Path) -> None:
    recipe = CHECKOUT / "configs" / name
    assert yaml.safe_load(recipe.read_text())["training"]["env"] == env
    options = "{houses: 2, size: 36, max_steps: 5}"
    small = ("--training.env_options", options, "--training.evaluate_options", "{split: val_unseen, houses: 1}")
    changed = ("--training.steps", "160", "--training.agents", "16", *small)
    quick = ("--training.learning.rollout_steps", "10", "--training.evaluate_steps", "0")
    done = run_navagent("train", "--config", str(recipe), *changed, *quick, data=tmp_path, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_r2r_is_trained_and_then_played_to_the_same_score(tiny_data: Path, tmp_path: Path) -> None:
    """The recipes on made-up scans; what the first found at its end is what `navagent eval` finds."""
    recipe, second = (CHECKOUT / "configs" / name for name in ("r2r_imitation.yaml", "r2r_finetune.yaml"))
    small = ("--training.steps", "160", "--training.agents", "4", "--training.learning.rollout_steps", "10")
    split = ("--training.evaluate_steps", "0", "--training.evaluate_options", "{split: val_unseen, max_steps: 8}")
    done = run_navagent("train", "--config", str(recipe), *small, *split, "--name", "t", data=tiny_data, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    with (tmp_path / "runs" / "t" / "progress.csv").open(newline="") as stream:
        found = list(csv.DictReader(stream))[-1]
    weights = ("--policy", "TrainedOnGraph", "--policy.weights", "runs/t/best.safetensors")
    played = ("--env", "R2R", "--env.split", "val_unseen", "--env.max_steps", "8", "--name", "e")
    done = run_navagent("eval", *played, *weights, data=tiny_data, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "runs" / "e" / "summary.json").read_text())
    assert not summary["privileged"]
    for name in ("sr", "spl", "ne", "ndtw", "steps"):
        assert summary["metrics"][name] == pytest.approx(float(found[f"evaluation_{name}"])), name
    begin = ("--training.start_from", "runs/t/best.safetensors", "--name", "mix")
    mixed = run_navagent("train", "--config", str(second), *small, *split, *begin, data=tiny_data, cwd=tmp_path)
    assert mixed.returncode == 0, mixed.stderr
    with (tmp_path / "runs" / "mix" / "progress.csv").open(newline="") as stream:
        assert any(float(row["policy_loss"] or 0) for row in csv.DictReader(stream))  # the agents' own episodes teach


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_killed_worker_is_started_again_and_the_curve_goes_on(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="needs Ray: pip install 'navagent[train]'")
    options = ("--training.steps", "200000", "--training.save_seconds", "2", "--workers", "2")
    command = navagent_command("train", *SMALL, *options, "--training.agents", "16")
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        while not list((tmp_path / "runs").glob("t/checkpoints/worker_1/*.pt")):
            assert process.poll() is None
            time.sleep(0.2)
        before = steps_done(tmp_path)[-1]
        found = subprocess.check_output(["pgrep", "-f", "ray::RayTrainWorker"], text=True).split()
        os.kill(int(found[-1]), signal.SIGKILL)
        said, _ = process.communicate(timeout=500)
    assert process.returncode == 0, said
    curve = steps_done(tmp_path)
    assert before < 200_000
    assert curve == sorted(curve)
    assert curve[-1] >= 200_000


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_cluster_that_is_not_there_is_one_sentence(workers: str, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="needs Ray: pip install 'navagent[train]'")
    options = ("--workers", workers, "--ray-address", "127.0.0.1:1")
    done = run_navagent("train", *SMALL, *options, data=tmp_path, cwd=tmp_path)
    assert done.returncode == 2
    assert "The Ray cluster at '127.0.0.1:1' cannot be reached" in done.stderr
    assert "Traceback" not in done.stderr
