from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import shapely

from envs.houses.dataset import make_data
from envs.houses.floor import Floor
from envs.houses.generate import generate
from envs.houses.geodesic import Geodesic
from envs.houses.house import House
from envs.houses.splits import plan_split, plan_splits
from envs.houses.tasks import CATEGORIES, FARTHEST, GOALS, NEAREST, STARTS, TASKS, EpisodeSet, view_points
from envs.houses.textures import texture_atlas
from envs.houses.words import LONGEST, PAD, UNKNOWN, WORDS, tokens
from navagent.errors import ConfigError

SEED = 7


@pytest.fixture(scope="module")
def house() -> House:
    return generate(SEED)


@pytest.fixture(scope="module")
def floor(house: House) -> Floor:
    return Floor.of(house)


def drawn(task: str, house: House, floor: Floor, split: str = "train", visit: int = 0) -> EpisodeSet:
    return TASKS[task].episodes(house, floor, texture_atlas(), plan_split(split), visit)


@pytest.mark.parametrize("task", sorted(TASKS))
def test_episodes_start_on_the_floor_at_the_distance_that_they_say(task: str, house: House, floor: Floor) -> None:
    episodes, geodesic = drawn(task, house, floor), Geodesic(floor)
    assert floor.contains(episodes.start).all()
    assert len(episodes.texts) == len(episodes.words) == len(episodes.category) == len(episodes.heading)
    for i in range(0, len(episodes.goal), 37):
        row = episodes.goal[i]
        points = episodes.goals.points[row, : episodes.goals.used[row]]
        assert floor.contains(points).all()
        assert geodesic.distance(episodes.start[i], points) == pytest.approx(episodes.shortest[i], abs=1e-9)


@pytest.mark.parametrize("task", ["pointnav", "objectnav"])
def test_training_has_many_starts_and_validation_one_per_goal(task: str, house: House, floor: Floor) -> None:
    train, unseen = drawn(task, house, floor), drawn(task, house, floor, "val_unseen")
    assert GOALS * STARTS * 0.8 < len(train.goal) <= GOALS * STARTS
    assert GOALS * 0.8 < len(unseen.goal) <= GOALS
    assert ((train.shortest >= NEAREST) & (train.shortest <= FARTHEST)).all()


def test_straight_ways_are_rare_in_pointnav(house: House, floor: Floor) -> None:
    episodes = drawn("pointnav", house, floor)
    crow = np.hypot(*(episodes.start - episodes.goals.points[episodes.goal, 0]).T)
    anywhere = floor.sample(np.random.default_rng(0), 400)
    straight = Geodesic(floor).distances(anywhere[1:], anywhere[0]) / np.hypot(*(anywhere[1:] - anywhere[0]).T) < 1.1
    assert (episodes.shortest / crow < 1.1).mean() < 0.6 * straight.mean()


def test_the_same_visit_gives_the_same_episodes_and_the_next_one_others(house: House, floor: Floor) -> None:
    for task in ("pointnav", "objectnav"):
        first, again, later = drawn(task, house, floor), drawn(task, house, floor), drawn(task, house, floor, visit=1)
        assert first.start.tobytes() == again.start.tobytes()
        assert first.start.tobytes() != later.start.tobytes()


def test_who_is_at_an_object_stands_within_a_metre_of_it_in_its_room(house: House, floor: Floor) -> None:
    found = 0
    for category in CATEGORIES:
        points = view_points(house, floor, category)
        things = [thing for thing in house.objects if thing.category == category]
        assert bool(len(points)) <= bool(things)
        for point in points:
            near = [
                thing
                for thing in things
                if _box(thing.center, thing.size, thing.yaw).distance(shapely.Point(point)) <= 1.0 + 1e-9
                and shapely.Polygon(house.rooms[thing.room].outline).distance(shapely.Point(point)) < 1e-9
            ]
            assert near, (category, point)
            found += 1
    assert found > 100


def _box(center: tuple[float, ...], size: tuple[float, ...], yaw: float) -> shapely.Polygon:
    """An object's box in plan, by shapely's own rotation."""
    box = shapely.box(-size[0] / 2, -size[1] / 2, size[0] / 2, size[1] / 2)
    turned = shapely.affinity.rotate(box, -yaw, origin=(0, 0), use_radians=True)
    return shapely.affinity.translate(turned, center[0], center[1])


def test_no_place_between_the_view_points_fails(house: House, floor: Floor) -> None:
    """An agent anywhere within reach of an object, not just on the grid, is counted as being there."""
    points = view_points(house, floor, "sofa")
    sofas = [thing for thing in house.objects if thing.category == "sofa"]
    rng, distances = np.random.default_rng(0), []
    for place in floor.sample(rng, 4000):
        for sofa in sofas:
            inside = shapely.Polygon(house.rooms[sofa.room].outline).contains(shapely.Point(place))
            if inside and _box(sofa.center, sofa.size, sofa.yaw).distance(shapely.Point(place)) <= 1.0:
                distances.append(float(np.hypot(*(points - place).T).min()))
    assert len(distances) > 50
    assert max(distances) < TASKS["objectnav"].success_distance


def test_objectnav_names_what_it_looks_for(house: House, floor: Floor) -> None:
    episodes = drawn("objectnav", house, floor)
    present = {thing.category for thing in house.objects}
    for text, category in zip(episodes.texts, episodes.category, strict=True):
        assert text == f"find the {CATEGORIES[category]}"
        assert CATEGORIES[category] in present
    assert len(set(episodes.category.tolist())) > 5


def test_instructions_are_those_of_the_data_set(tmp_path: Path) -> None:
    make_data(tmp_path, plan_splits(0, 0, 1))
    entries = json.loads((tmp_path / "r2r" / "R2R_val_unseen.json").read_text())
    house = generate(plan_split("val_unseen", 1).seeds[0])
    episodes = drawn("r2r", house, Floor.of(house), "val_unseen")
    assert list(episodes.texts) == [text for entry in entries for text in entry["instructions"]]
    assert np.allclose(episodes.heading[::3], [entry["heading"] for entry in entries])


def test_train_and_val_unseen_share_no_house() -> None:
    most = 90_000
    assert not set(plan_split("train", most).seeds) & set(plan_split("val_unseen", most).seeds)
    with pytest.raises(ConfigError, match="There is no split 'test' of houses"):
        plan_split("test")


def test_words_are_known_and_tokens_are_padded(house: House, floor: Floor) -> None:
    assert WORDS[:3] == ("<pad>", "<unk>", "<s>")
    assert len(set(WORDS)) == len(WORDS)
    texts = drawn("r2r", house, floor).texts
    rows = tokens(texts)
    assert rows.shape == (len(texts), LONGEST)
    assert not (rows == UNKNOWN).any()
    told = " ".join(WORDS[token] for token in rows[0] if token != PAD)
    assert told.replace(" ,", ",").replace(" .", ".") == texts[0].lower()
    assert tokens(["zyzzyva"])[0, 0] == UNKNOWN
    assert math.prod(tokens([]).shape) == 0
