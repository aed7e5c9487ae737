from __future__ import annotations

import json
from pathlib import Path

from PIL import Image

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


def test_bad_counts_seeds_and_files_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for arguments, said in (
        (("make", "x", "--train", "-1"), "train cannot have -1 houses"),
        (("make", "x", "--paths", "0"), "cannot have 0 paths"),
        (("make", "file/x", "--train", "1", "--val_seen", "0", "--val_unseen", "0"), "cannot be written"),
        (("show", "-1"), "-1 is no house seed"),
        (("show", "1", "--out", "file/x.png"), "cannot be written"),
    ):
        done = run_navagent("houses", *arguments, data=tmp_path, cwd=tmp_path)
        assert done.returncode == 2, arguments
        assert said in done.stderr
        assert "Traceback" not in done.stderr
