"""What holds for every episode and house of the splits: a sample here, the whole default splits where marked slow."""

from __future__ import annotations

import gzip
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely

from envs.houses.dataset import make_data
from envs.houses.floor import Floor
from envs.houses.follower import MOST_STEPS, Follower
from envs.houses.generate import generate
from envs.houses.geodesic import Geodesic
from envs.houses.house import House, Object, Point
from envs.houses.render import Renderer
from envs.houses.sights import sights
from envs.houses.splits import HOUSES, SplitPlan, plan_splits
from envs.houses.textures import texture_atlas
from envs.houses.viewpoints import room_of

BUILDING = {"wall", "floor", "ceiling", "door", "doorway", "front door", "window"}


@dataclass(frozen=True)
class Data:
    """A data folder and what it was made from."""

    folder: Path
    plans: list[SplitPlan]


@pytest.fixture(
    scope="module",
    params=[
        pytest.param((6, 2, 5, 4), id="sample"),
        pytest.param((200, 20, 20, 15), id="whole", marks=[pytest.mark.slow, pytest.mark.timeout(3600)]),
    ],
)
def data(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Data:
    folder = tmp_path_factory.mktemp("houses")
    plans = plan_splits(*request.param)
    make_data(folder, plans)
    return Data(folder, plans)


def _entries(folder: Path, split: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads((folder / "r2r" / f"R2R_{split}.json").read_text())
    return entries


def _continuous(folder: Path, split: str) -> list[dict[str, Any]]:
    """Return the R2R-CE episodes of each path's first instruction."""
    file = folder / "r2r_ce" / "R2R_VLNCE_v1-3" / split / f"{split}.json.gz"
    episodes: list[dict[str, Any]] = json.loads(gzip.decompress(file.read_bytes()))["episodes"]
    return episodes[::3]


def _seed(house_id: str) -> int:
    return int(house_id.removeprefix("house_"))


def test_every_house_has_its_paths_and_unseen_houses_are_unseen(data: Data) -> None:
    seeds = {plan.name: {_seed(entry["scan"]) for entry in _entries(data.folder, plan.name)} for plan in data.plans}
    assert seeds == {plan.name: set(plan.seeds) for plan in data.plans}
    assert seeds["val_seen"] <= seeds["train"]
    assert not seeds["val_unseen"] & seeds["train"]
    for plan in data.plans:
        assert len(_entries(data.folder, plan.name)) == len(plan.seeds) * plan.paths


def test_every_episode_is_solved_by_the_oracle(data: Data) -> None:
    followers: dict[str, Follower] = {}
    for split in HOUSES:
        for episode in _continuous(data.folder, split):
            house_id = episode["scene_id"].split("/")[1]
            if house_id not in followers:
                followers[house_id] = Follower(Geodesic(Floor.of(generate(_seed(house_id)))))
            follower = followers[house_id]
            start, goal = _plan(episode["start_position"]), _plan(episode["goals"][0]["position"])
            heading = -2 * math.atan2(episode["start_rotation"][1], episode["start_rotation"][3])
            actions, walked = follower.walk(start, heading, [goal])
            assert actions[-1] == 0
            assert len(actions) <= MOST_STEPS
            assert follower.geodesic.distance(walked.positions[-1], goal) < 3.0
            shortest = follower.geodesic.distance(start, goal)
            length = float(np.hypot(*np.diff(walked.positions, axis=0).T).sum())
            assert shortest / max(shortest, length) > 0.95, (split, episode["episode_id"])


def _plan(position: list[float]) -> Point:
    return position[0], -position[2]


def test_every_landmark_is_visible_from_the_path_and_the_last_one_names_one_thing(data: Data) -> None:
    for split in HOUSES:
        entries = _entries(data.folder, split)
        for scan in {entry["scan"] for entry in entries}:
            house = generate(_seed(scan))
            graph = json.loads((data.folder / "r2r" / "connectivity" / f"{scan}_connectivity.json").read_text())
            points = {node["image_id"]: (node["pose"][3], node["pose"][7]) for node in graph}
            found = sights(Renderer([house], texture_atlas()), 0, list(points.values()))
            seen = {name: {s.index for s in sight} for name, sight in zip(points, found, strict=True)}
            for entry in entries:
                if entry["scan"] == scan:
                    _check_landmarks(house, entry, points, seen)


def _check_landmarks(house: House, entry: dict[str, Any], points: dict[str, Point], seen: dict[str, set[int]]) -> None:
    goal_room = room_of(house, points[entry["path"][-1]])
    for parts in entry["sub_instructions"]:
        for part in parts:
            if part["action"] in ("GoPast", "GoTo"):
                visible = set().union(*(seen[name] for name in entry["path"][part["start"] : part["end"] + 1]))
                assert any(_is_called(house.objects[i], part["landmark"]) for i in visible), part
        same = [o for o in house.objects if o.room == goal_room and _is_called(o, parts[-1]["landmark"])]
        assert len(same) == 1, parts[-1]


def _is_called(thing: Object, landmark: str) -> bool:
    return landmark in (thing.category, f"{thing.color} {thing.category}")


def test_instructions_are_as_long_as_r2rs(data: Data) -> None:
    texts = [text for split in HOUSES for entry in _entries(data.folder, split) for text in entry["instructions"]]
    assert len(set(texts)) == len(texts)
    lengths = [len(text.split()) for text in texts]
    assert 22 <= np.mean(lengths) <= 32
    assert min(lengths) >= 8
    assert max(lengths) <= 70


def test_houses_have_4_to_12_rooms_many_things_and_floors_wide_enough(data: Data) -> None:
    categories: set[str] = set()
    for seed in sorted({seed for plan in data.plans for seed in plan.seeds}):
        house = generate(seed)
        assert 4 <= len(house.rooms) <= 12
        categories |= {thing.category for thing in house.objects}
        floor = Floor.of(house).polygon
        assert isinstance(floor, shapely.Polygon), house.house_id
        # Nowhere narrower than 0.15 m: a disc (here a square) of that width goes everywhere, and gets through.
        core = floor.buffer(-0.0749, join_style="mitre")
        assert isinstance(core, shapely.Polygon), house.house_id
        assert floor.difference(core.buffer(0.0749, join_style="mitre")).area < 1e-6, house.house_id
    assert len(categories - BUILDING) >= 25
