from __future__ import annotations

from pathlib import Path

import pytest

from envs.r2r.env import R2R
from navagent.errors import ConfigError
from navagent.exploration import Explorer, by_scene, check_explorable
from tests.pictured import PicturedR2R
from tests.tiny import COLUMNS, ROWS, viewpoint_id


@pytest.mark.parametrize("max_steps", [4, 7, 1000])
def test_every_viewpoint_is_visited_once_and_the_environment_stands_there(max_steps: int, tiny_data: Path) -> None:
    env = PicturedR2R("val_unseen", str(tiny_data), max_steps=max_steps)
    for scene, episodes in by_scene(env).items():
        visited = []
        for observation in Explorer(env, episodes).visit():
            assert env.trajectory().poses[-1] == observation.pose
            visited.append(observation.viewpoint)
        assert len(visited) == len(set(visited))
        assert set(visited) == {viewpoint_id(scene, index) for index in range(COLUMNS * ROWS)}


def test_viewpoints_out_of_reach_are_said_out_loud(tiny_data: Path) -> None:
    env = PicturedR2R("val_unseen", str(tiny_data), max_steps=1)
    episodes = by_scene(env)["scanA"][:1]
    with pytest.raises(
        ConfigError, match=r"\d+ viewpoints of scanA \(\w+, \w+ .*\) lie farther .* raise --env.max_steps"
    ):
        list(Explorer(env, episodes).visit())


def test_an_environment_without_what_is_wanted_is_refused(tiny_data: Path) -> None:
    check_explorable(R2R("val_unseen", str(tiny_data)))
    with pytest.raises(ConfigError, match=r"R2R does not give panorama .* as HouseNavGraph"):
        check_explorable(R2R("val_unseen", str(tiny_data)), frozenset({"panorama"}))
