from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from envs.houses.dataset import make_data
from envs.houses.describer import HouseSights
from envs.houses.generate import generate
from envs.houses.nav_graph import HouseNavGraph
from envs.houses.splits import plan_splits
from navagent.errors import DataError
from navagent.geometry import wrap
from navagent.perception.house_texts import HouseTexts


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("houses")
    make_data(root, plan_splits(train=0, val_seen=0, val_unseen=1, paths=4))
    return root


def test_a_viewpoint_is_described_as_its_file_describes_it(folder: Path) -> None:
    env, sights, texts = HouseNavGraph("val_unseen", str(folder)), HouseSights(), HouseTexts(str(folder))
    assert sights.privileged
    for episode in env.episodes[::3]:
        observation = env.reset(episode)
        assert sights.describe(observation) == texts.describe(observation)


def test_objects_lie_where_they_are_named(folder: Path) -> None:
    env, sights = HouseNavGraph("val_unseen", str(folder)), HouseSights()
    named = 0
    for episode in env.episodes[::3]:
        observation = env.reset(episode)
        assert observation.pose is not None
        x, y, _ = observation.pose.position
        house = generate(int(episode.scene.rpartition("_")[2]))
        for direction in sights.describe(observation).directions:
            for seen in direction.objects:
                assert seen.distance is not None
                absolute = observation.pose.heading + seen.heading
                at = x + seen.distance * math.sin(absolute), y + seen.distance * math.cos(absolute)
                alike = [thing.center[:2] for thing in house.objects if thing.category == seen.name]
                assert min(math.dist(at, center) for center in alike) < 0.02
                named += 1
    assert named > 10


def test_a_turn_turns_the_directions_and_nothing_else(folder: Path) -> None:
    env, sights = HouseNavGraph("val_unseen", str(folder)), HouseSights()
    observation = env.reset(env.episodes[0])
    assert observation.pose is not None
    turned = replace(observation, pose=replace(observation.pose, heading=observation.pose.heading + 1.0))
    before, after = sights.describe(observation), sights.describe(turned)
    assert before.summary == after.summary
    for old, new in zip(before.directions, after.directions, strict=True):
        assert old.text == new.text
        assert wrap(old.heading - new.heading) == pytest.approx(1.0)


def test_a_scene_that_is_no_house_is_named(folder: Path) -> None:
    env = HouseNavGraph("val_unseen", str(folder))
    observation = replace(env.reset(env.episodes[0]), scene="2azQ1b91cZZ")
    with pytest.raises(DataError, match="'2azQ1b91cZZ' is no house"):
        HouseSights().describe(observation)
