from __future__ import annotations

import json
from pathlib import Path

import pytest

from envs.houses.annotations import load_sub_tasks
from envs.houses.dataset import make_data
from envs.houses.splits import plan_splits
from navagent.errors import DataError


def test_every_episode_of_a_made_split_has_its_sub_tasks(tmp_path: Path) -> None:
    make_data(tmp_path, plan_splits(0, 0, 1, paths=3))
    found = load_sub_tasks("val_unseen", str(tmp_path))
    paths = json.loads((tmp_path / "r2r" / "R2R_val_unseen.json").read_text())
    assert set(found) == {f"{path['path_id']}_{i}" for path in paths for i in range(3)}
    for path in paths:
        for i, instruction in enumerate(path["instructions"]):
            tasks = found[f"{path['path_id']}_{i}"]
            assert [task.action for task in tasks][-1] == "GoTo"
            assert all(task.landmark in instruction for task in tasks)


def test_real_r2r_annotates_none(tiny_data: Path) -> None:
    with pytest.raises(DataError, match="annotates no sub-instructions"):
        load_sub_tasks("val_unseen", str(tiny_data))


def test_a_missing_split_is_told(tiny_data: Path) -> None:
    with pytest.raises(DataError, match="navagent houses make"):
        load_sub_tasks("nowhere", str(tiny_data))
