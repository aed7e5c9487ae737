"""The README's planner is run as it stands there: a newcomer copies it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command_line import CHECKOUT, environment, run_navagent

README = (CHECKOUT / "README.md").read_text()


def _block(language: str, containing: str) -> str:
    blocks = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    found = [block for block in blocks if containing in block]
    assert len(found) == 1, f"one {language} block with {containing!r} expected, found {len(found)}"
    return str(found[0])


def test_the_planner_of_the_readme_runs_from_any_folder(tiny_data: Path, tmp_path: Path) -> None:
    (tmp_path / "my_file.py").write_text(_block("python", "class MyPlanner"))
    command = _block("bash", "my_file.MyPlanner").split()
    assert command[0] == "navagent"
    done = run_navagent(*command[1:], "--name", "mine", data=tiny_data, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "runs" / "mine" / "summary.json").read_text())
    assert summary["errors"]["count"] == 0
    assert summary["n"] == 30
    assert summary["config"]["policy"]["class_path"] == "my_file.MyPlanner"
    assert summary["metrics"]["steps"] > 0


def test_the_python_example_of_the_readme_runs(tiny_data: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _block("python", "from eval.runner import evaluate")],
        env=environment(tiny_data),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert 0 <= float(done.stdout) <= 1


def test_the_gymnasium_example_of_the_readme_runs(tmp_path: Path) -> None:
    code = _block("python", "gymnasium.make_vec").replace('split="train"', 'split="train", houses=2')
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment(tmp_path), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "'rgb': (64, 64, 64, 3)" in done.stdout


def test_the_planner_of_the_readme_has_at_most_15_lines_besides_its_prompt() -> None:
    code = _block("python", "class MyPlanner")
    prompt = re.search(r'"""(.*?)"""', code, re.DOTALL)
    assert prompt is not None
    rest = code.replace(prompt.group(0), "")
    assert len([line for line in rest.splitlines() if line.strip()]) <= 15


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)#:]+)\)", README))
def test_links_into_the_repository_lead_somewhere(target: str) -> None:
    assert (CHECKOUT / target).exists()
