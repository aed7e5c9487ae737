from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from envs.continuous import from_habitat, heading_of
from envs.houses.dataset import make_data
from envs.houses.floor import Floor
from envs.houses.generate import generate
from envs.houses.splits import plan_split
from envs.houses.tasks import CATEGORIES, TASKS
from envs.houses.textures import texture_atlas

PLAN = plan_split("val_unseen", 2)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("goals")
    make_data(folder, [PLAN])
    return folder


def content(made: Path, task: str, seed: int) -> Any:
    file = made / task / "val_unseen" / "content" / f"{generate(seed).house_id}.json.gz"
    return json.loads(gzip.decompress(file.read_bytes()))


@pytest.mark.parametrize("task", ["pointnav", "objectnav"])
@pytest.mark.parametrize("seed", PLAN.seeds)
def test_files_hold_the_episodes_that_environments_play(made: Path, task: str, seed: int) -> None:
    house = generate(seed)
    episodes = TASKS[task].episodes(house, Floor.of(house), texture_atlas(), PLAN, 0)
    written = content(made, task, seed)["episodes"]
    assert len(written) == len(episodes.goal)
    for i, entry in enumerate(written):
        assert from_habitat(entry["start_position"])[:2] == tuple(episodes.start[i])
        assert heading_of(entry["start_rotation"]) == pytest.approx(episodes.heading[i])
        assert entry["info"]["geodesic_distance"] == episodes.shortest[i]
        if task == "pointnav":
            goal = from_habitat(entry["goals"][0]["position"])[:2]
            assert goal == tuple(episodes.goals.points[episodes.goal[i], 0])
        else:
            assert entry["object_category"] == CATEGORIES[episodes.category[i]]


def test_every_category_looked_for_has_goals_with_places_to_stand(made: Path) -> None:
    seed = PLAN.seeds[0]
    house = generate(seed)
    floor, file = Floor.of(house), content(made, "objectnav", seed)
    for entry in file["episodes"]:
        goals = file["goals_by_category"][f"{house.house_id}.glb_{entry['object_category']}"]
        for goal in goals:
            assert house.objects[goal["object_id"]].category == entry["object_category"]
            places = [from_habitat(point["agent_state"]["position"]) for point in goal["view_points"]]
            assert floor.contains(np.array(places)).all()


def test_the_head_file_names_the_categories(made: Path) -> None:
    head = json.loads(gzip.decompress((made / "objectnav" / "val_unseen" / "val_unseen.json.gz").read_bytes()))
    assert head["episodes"] == []
    assert list(head["category_to_task_category_id"]) == list(CATEGORIES)
