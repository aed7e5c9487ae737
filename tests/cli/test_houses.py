from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from envs.houses.cache import load_house
from navagent.cli import main
from tests.command_line import run_navagent


def test_a_data_set_is_made_and_evaluated_without_any_other_data(tmp_path: Path) -> None:
    sizes = ("--train", "0", "--val_seen", "0", "--val_unseen", "2", "--paths", "4")
    made = run_navagent("houses", "make", "houses", *sizes, data=tmp_path, cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert "val_unseen: 2 houses, 8 paths, 24 instructions" in made.stdout
    policy = ("--policy", "NavGPT", "--policy.llm", "OfflineChat", "--policy.describer", "HouseTexts", "--name", "x")
    done = run_navagent("eval", "--env", "HouseNavGraph", *policy, data=tmp_path / "houses", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Privileged" in done.stdout
    assert "HouseNavGraph val_unseen" in done.stdout
    assert "published results" not in (tmp_path / "runs" / "x" / "report.html").read_text()
    run_navagent(
        "eval", "--env", "HouseNavGraph", "--policy", "Random", "--name", "r", data=tmp_path / "houses", cwd=tmp_path
    )
    table = run_navagent("table", "runs/x", "runs/r", data=tmp_path, cwd=tmp_path)
    assert table.returncode == 0, table.stderr
    assert "NavGPT with offline-rules on HouseNavGraph val_unseen" in table.stdout
    assert "Random on HouseNavGraph val_unseen" in table.stdout
    assert json.loads((tmp_path / "runs" / "x" / "summary.json").read_text())["n"] == 24


def test_a_house_is_drawn(tmp_path: Path) -> None:
    done = run_navagent("houses", "show", "3", "--out", "pictures/house.png", data=tmp_path, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / "pictures" / "house.png") as picture:
        colors = picture.convert("RGB").getcolors(maxcolors=10_000_000)
    assert colors is not None
    assert len(colors) > 1000


def test_bad_counts_seeds_and_files_are_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    for arguments, said in (
        (("make", "x", "--train", "-1"), "train cannot have -1 houses"),
        (("make", "x", "--paths", "0"), "cannot have 0 paths"),
        (("make", "x", "--train", "1", "--val_seen", "2"), "val_seen's houses are train's"),
        (("make", "file/x", "--train", "1", "--val_seen", "0", "--val_unseen", "0"), "cannot be written"),
        (("show", "-1"), "-1 is no house seed"),
        (("show", "1", "--out", "file/x.png"), "cannot be written"),
        (("export", "x", "--split", "val_unsen"), "Did you mean 'val_unseen'?"),
        (("export", "x", "--count", "-1"), "val_unseen cannot have -1 houses"),
        (("export", "x", "--count", "0"), "nothing to export"),
        (("export", "x", "--seeds", "-1"), "-1 is no house seed"),
        (("export", "file", "--count", "1"), "cannot be written"),
    ):
        assert main(("houses", *arguments)) == 2, arguments
        error = capsys.readouterr().err
        assert said in error
        assert len(error.splitlines()) == 1


def test_houses_are_exported_and_not_overwritten_unasked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for arguments, code, said in (
        (("--count", "2"), 0, "2 houses: scenes/houses/houses.scene_dataset_config.json"),
        (("--seeds", "3"), 0, "1 house: scenes/houses/houses.scene_dataset_config.json"),
        (("--seeds", "3"), 2, "houses: Houses are there already (scenes/houses/house_000003): choose another"),
        (("--seeds", "3", "--overwrite"), 0, "1 house: "),
    ):
        assert main(("houses", "export", "scenes", *arguments)) == code
        assert said in "".join(capsys.readouterr())
    houses = {file.parent.name for file in tmp_path.glob("scenes/houses/*/*.stage_config.json")}
    assert houses == {"house_000003", "house_900000", "house_900001"}


def test_a_cache_that_is_damaged_or_cannot_be_used_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAVAGENT_CACHE", str(tmp_path / "cache"))
    load_house(3)
    (kept,) = tmp_path.glob("cache/houses/*/*")
    kept.write_bytes(kept.read_bytes()[:-5])
    (tmp_path / "file").touch()
    for folder, said in (
        ("cache", f"navagent houses: The cached house cache/houses/{kept.parent.name}/house_000003.house is damaged "),
        ("file", f"navagent houses: The cache folder file/houses/{kept.parent.name} cannot be used (Not a directory)"),
    ):
        arguments = ("houses", "show", "3", "--out", "house.png")
        done = run_navagent(*arguments, data=tmp_path, cwd=tmp_path, NAVAGENT_CACHE=folder)
        assert done.returncode == 0, done.stderr
        assert done.stderr.startswith(said)
        assert len(done.stderr.splitlines()) == 1


def test_planners_walk_continuous_houses_through_waypoints(tmp_path: Path) -> None:
    sizes = ("--train", "0", "--val_seen", "0", "--val_unseen", "2", "--paths", "2")
    run_navagent("houses", "make", "houses", *sizes, data=tmp_path, cwd=tmp_path)
    env = ("--env", "Waypoints", "--env.env", "HouseEnv", "--env.env.size", "8", "--env.env.panorama_height", "40")
    planner = ("--policy", "NavGPT", "--policy.llm", "OfflineChat", "--policy.describer", "HouseSights")
    for name, policy in (("navgpt", planner), ("random", ("--policy", "Random"))):
        sample = ("--episodes", "2", "--name", name)
        done = run_navagent("eval", *env, *policy, *sample, data=tmp_path / "houses", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "on Waypoints HouseEnv val_unseen" in done.stdout
        assert ("Privileged" in done.stdout) == (name == "navgpt")
        summary = json.loads((tmp_path / "runs" / name / "summary.json").read_text())
        assert summary["rules"] == "r2r_ce-1"
        assert summary["errors"]["count"] == 0
        assert summary["metrics"]["steps"] > 10  # primitive actions, not decisions
    wrong = ("--env.env", "HouseNavGraph", "--policy", "Random")
    refused = run_navagent("eval", "--env", "Waypoints", *wrong, data=tmp_path / "houses", cwd=tmp_path)
    assert refused.returncode == 2
    assert "Waypoints needs a continuous environment" in refused.stderr
    assert "Traceback" not in refused.stderr
