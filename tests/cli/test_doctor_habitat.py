"""What `navagent doctor` says of Habitat."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from navagent.cli.doctor_habitat import BUILDINGS, episode_findings, scene_findings, simulator_findings
from tests.command_line import run_navagent

PROBE = """
class Probe:
    frames = {{}}
    def __init__(self, settings): pass
    def draw(self):
        {what}
        return [8, 8, 4], {{}}
    def close(self): pass
"""


def _probe(folder: Path, what: str = "pass") -> Path:
    file = folder / "probe.py"
    file.write_text(PROBE.format(what=what))
    return file


def test_a_simulator_that_draws_is_well(tmp_path: Path) -> None:
    (version, found, remedy), (egl, drawn, nothing) = simulator_findings(sys.executable, _probe(tmp_path))
    assert (version, egl) == ("habitat-sim", "EGL")
    assert "python 3." in found
    assert "draws on gpu" in drawn
    assert remedy == nothing == ""


@pytest.mark.parametrize(
    ("what", "remedy"),
    [
        ("print('unable to find CUDA device 0 among 2 EGL devices in total'); exit(1)", "try --env.gpu -1"),
        ("print('cannot get default EGL display'); exit(1)", "apt install libegl1"),
        ("print('Unable to create windowless context'); exit(1)", "install the headless one"),
    ],
)
def test_known_failures_come_with_their_fix(what: str, remedy: str, tmp_path: Path) -> None:
    *_, (egl, drawn, advice) = simulator_findings(sys.executable, _probe(tmp_path, what))
    assert egl == "EGL"
    assert "nothing can be drawn" in drawn
    assert remedy in advice


def test_a_python_that_is_none_is_said_so() -> None:
    ((name, found, remedy),) = simulator_findings("/nowhere/python")
    assert name == "habitat-sim"
    assert "cannot be started" in found
    assert remedy


def test_a_wrong_release_of_the_episodes_is_found(tmp_path: Path) -> None:
    (tmp_path / "r2r_ce" / "R2R_VLNCE_v1").mkdir(parents=True)
    findings = list(episode_findings(tmp_path))
    assert [found for _, found, _ in findings] == ["no R2R-CE episodes", "R2R_VLNCE_v1 cannot be used"]
    assert all(remedy for *_, remedy in findings)
    (tmp_path / "r2r_ce" / "R2R_VLNCE_v1-3" / "val_unseen").mkdir(parents=True)
    assert [found for _, found, _ in episode_findings(tmp_path)][-1] == "no ground truth"
    (tmp_path / "r2r_ce" / "R2R_VLNCE_v1-3" / "val_unseen" / "val_unseen_gt.json.gz").touch()
    assert next(iter(episode_findings(tmp_path))) == ("r2r_ce/", "R2R_VLNCE_v1-3", "")


def test_buildings_without_what_they_need_are_named(tmp_path: Path) -> None:
    assert [found for _, found, _ in scene_findings(tmp_path)] == [f"0 of {BUILDINGS} buildings in mp3d/"]
    scenes = tmp_path / "scene_datasets"
    for number in range(BUILDINGS):
        place = scenes / "mp3d" / f"scan{number}"
        place.mkdir(parents=True)
        (place / f"scan{number}.glb").touch()
        (place / f"scan{number}.navmesh").touch()
    assert list(scene_findings(tmp_path)) == [("scene_datasets/", "90 of 90 buildings in mp3d/", "")]
    (scenes / "mp3d" / "scan7" / "scan7.navmesh").unlink()
    house = scenes / "houses" / "house_000001"
    house.mkdir(parents=True)
    for name in ("house_000001.glb", "house_000001.semantic.glb"):
        (house / name).touch()
    _, bare, lying = scene_findings(tmp_path)
    assert "1 buildings without a .navmesh, as scan7" in bare[1]
    assert "1 houses without a stage configuration, as house_000001" in lying[1]
    assert "z up" in lying[2]


def test_the_command_says_it_all(tmp_path: Path) -> None:
    done = run_navagent("doctor", "--python", "/nowhere/python", data=tmp_path, cwd=tmp_path)
    assert "Habitat (optional" in done.stdout
    assert "'/nowhere/python' cannot be started" in done.stdout
    assert "0 of 90 buildings" in done.stdout
    assert "Traceback" not in done.stderr
