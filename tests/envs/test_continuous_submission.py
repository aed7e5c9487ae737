"""Prediction files of R2R-CE and RxR-Habitat."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from typing import Any

import pytest

from envs.continuous import read_r2r_ce, read_rxr_ce, to_habitat
from envs.continuous_submission import r2r_ce_text, read_r2r_ce_submission, rxr_text
from navagent.errors import DataError
from navagent.types import Distances, Episode, Pose, Position
from tests.tiny_ce import make_ce_world, make_rxr_world


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_rxr_world(make_ce_world(tmp_path_factory.mktemp("ce")))


def straight(episode: Episode, positions: Any) -> Distances | None:
    """Measure along straight lines; beyond 10 m from the middle there is no floor."""
    assert episode.goal is not None
    if any(abs(x) > 10 or abs(y) > 10 for x, y, _ in positions):
        raise ValueError("off the floor")
    to_goal = tuple(math.dist(position, episode.goal.position) for position in positions)
    return Distances((0.0,) * (len(positions) - 1), to_goal, ((0.0,),) * len(positions), to_goal[0], 1.0)


def test_the_form_is_vln_ces() -> None:
    """One entry for the start, one after each action; Habitat's frame; heading counterclockwise from -z."""
    poses = [Pose((1.0, 2.0, 0.5), 0.0), Pose((1.0, 2.0, 0.5), math.radians(15))]
    entry = json.loads(r2r_ce_text([("7", poses, True)]))["7"]
    assert [step["stop"] for step in entry] == [False, False, True]
    assert entry[0] == {"position": [1.0, 0.5, -2.0], "heading": 0.0, "stop": False}
    assert entry[1]["heading"] == pytest.approx(-math.radians(15))
    assert entry[2]["position"] == entry[1]["position"]


def _walk(start: Position, seed: int) -> list[Pose]:
    rng = random.Random(seed)
    x, y, z = start
    steps = [(x + rng.uniform(-1, 1), y + rng.uniform(-1, 1), z) for _ in range(seed % 5)]
    return [Pose(position, rng.uniform(0, 6.28)) for position in ((x, y, z), *steps)]


@pytest.mark.parametrize("stopped", [True, False])
def test_what_is_written_is_read_again(stopped: bool, folder: Path, tmp_path: Path) -> None:
    data = read_r2r_ce("val_unseen", str(folder))
    walks = {e.episode_id: _walk(e.start.position, seed) for seed, e in enumerate(data.episodes[:-1])}
    file = tmp_path / "predictions.json"
    file.write_text(r2r_ce_text((key, poses, stopped) for key, poses in walks.items()))
    submission = read_r2r_ce_submission(file, data, straight)
    assert [episode.episode_id for episode in submission.missing] == ["6"]
    for key, poses in walks.items():
        read = submission.trajectories[key]
        assert read.stopped is stopped
        assert [pose.position for pose in read.poses] == [pose.position for pose in poses]
        for ours, theirs in zip(poses, read.poses, strict=True):
            assert math.remainder(ours.heading - theirs.heading, 2 * math.pi) == pytest.approx(0, abs=1e-9)


def test_a_file_that_says_nothing_of_stopping_is_read_so(folder: Path, tmp_path: Path) -> None:
    data = read_r2r_ce("val_unseen", str(folder))
    start, other = (to_habitat(data.episodes[i].start.position) for i in range(2))
    file = tmp_path / "predictions.json"
    file.write_text(json.dumps({"1": [{"position": start}], "2": [{"position": other, "stop": True}]}))
    submission = read_r2r_ce_submission(file, data, straight)
    assert [trajectory.stopped for trajectory in submission.trajectories.values()] == [None, None]


def test_every_kind_of_problem_is_named_with_its_ids(folder: Path, tmp_path: Path) -> None:
    data = read_r2r_ce("val_unseen", str(folder))
    starts = [to_habitat(episode.start.position) for episode in data.episodes]
    content = {
        "1": [{"position": starts[0], "stop": True}],
        "99": [{"position": starts[0], "stop": True}],
        "2": [{"position": [9.0, 0.5, -9.0], "stop": True}],
        "3": [{"position": starts[2], "stop": False}, {"position": [50.0, 0.5, 0.0], "stop": True}],
    }
    file = tmp_path / "predictions.json"
    file.write_text(json.dumps(content))
    message = (
        r"does not fit val_unseen: 1 unknown episode ids \(99\); 1 paths that do not begin at their episode's start "
        r"\(2\); 1 paths with positions off the floor \(3\)\."
    )
    with pytest.raises(DataError, match=message):
        read_r2r_ce_submission(file, data, straight)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", "must be an object, not empty"),
        ('{"1": []}', "episode 1 is not of the form .* the path is empty"),
        ('{"1": [{"heading": 0}]}', "episode 1 is not of the form .*KeyError"),
        ('{"1": [{"position": [1, 2]}]}', r"\[1, 2\] is no position"),
        ('{"1": [{"position": [1, 2, NaN]}]}', "is no position"),
        ('{"1": 3}', "episode 1 is not of the form"),
    ],
)
def test_what_is_no_prediction_file_is_refused(content: str, message: str, folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "predictions.json"
    file.write_text(content)
    with pytest.raises(DataError, match=message):
        read_r2r_ce_submission(file, read_r2r_ce("val_unseen", str(folder)), straight)


def test_rxrs_form_has_ids_in_order_and_no_position_twice(folder: Path) -> None:
    data = read_rxr_ce("val_unseen", str(folder))
    here, there = (0.0, 1.0, 0.5), (0.0, 2.0, 0.5)
    walked = [Pose(here, 0.0), Pose(here, 0.5), Pose(there, 0.5), Pose(here, 0.5)]
    text = rxr_text([("1", walked), ("3", [Pose(here, 0.0)])], data.instruction_ids)
    lines = [json.loads(line) for line in text.splitlines()]
    assert lines == [
        {"instruction_id": 97, "path": [[0.0, 0.5, -1.0]]},
        {"instruction_id": 99, "path": [[0.0, 0.5, -1.0], [0.0, 0.5, -2.0], [0.0, 0.5, -1.0]]},
    ]
