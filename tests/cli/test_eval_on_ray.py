from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import run_navagent

pytest.importorskip("ray", reason="needs Ray: pip install 'navagent[train]'")

RANDOM = ("eval", "--env", "R2R", "--policy", "Random")


def results_of(run: Path) -> dict[str, Any]:
    lines = [json.loads(line) for line in (run / "episodes.jsonl").read_text().splitlines()]
    return {line.pop("episode_id"): {**line, "seconds": 0.0} for line in lines}


def test_a_plug_in_of_the_current_folder_gives_the_results_of_threads(tiny_data: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("from policies.baselines import Random\nclass Mine(Random):\n    pass\n")
    for name in ("eval", "json", "navagent"):  # none of which may take the place of the real one
        (tmp_path / f"{name}.py").write_text("raise SystemExit('shadowed')")
    command = ("eval", "--env", "R2R", "--policy", "mine.Mine", "--workers", "3")
    on_ray = run_navagent(*command, "--ray-address", "local", "--name", "ray", data=tiny_data, cwd=tmp_path)
    assert on_ray.returncode == 0, on_ray.stderr
    threads = run_navagent(*command, "--name", "threads", data=tiny_data, cwd=tmp_path)
    assert on_ray.stdout.replace("runs/ray", "runs/threads") == threads.stdout
    runs = tmp_path / "runs"
    assert results_of(runs / "ray") == results_of(runs / "threads")
    again = run_navagent(*command, "--name", "ray", data=tiny_data, cwd=tmp_path)
    assert "Resuming: 30 of 30" in again.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--ray-address", "127.0.0.1:1"), "The Ray cluster at '127.0.0.1:1' cannot be reached"),
        (("--ray-address", "somewhere"), "it must be host:port, auto or local"),
        (("--worker-gpus", "0.5"), "--worker-cpus and --worker-gpus go with --ray-address"),
    ],
)
def test_bad_options_are_one_sentence(options: tuple[str, ...], said: str, tiny_data: Path, tmp_path: Path) -> None:
    done = run_navagent(*RANDOM, *options, data=tiny_data, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
