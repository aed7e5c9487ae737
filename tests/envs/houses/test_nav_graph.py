from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from envs.houses.dataset import make_data
from envs.houses.generate import generate
from envs.houses.nav_graph import HouseNavGraph
from envs.houses.render import Renderer
from envs.houses.splits import plan_splits
from envs.houses.textures import texture_atlas
from navagent.contracts import Policy
from navagent.errors import ConfigError, DataError
from navagent.geometry import wrap
from navagent.rollout import rollout
from navagent.types import Action, Episode, MoveTo, Observation, Stop
from tests.conformance.env_suite import EnvSuite
from tests.tiny import make_world


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("houses")
    make_data(root, plan_splits(train=0, val_seen=0, val_unseen=2, paths=4))
    return root


@pytest.fixture
def env(folder: Path) -> HouseNavGraph:
    return HouseNavGraph("val_unseen", str(folder), panorama_height=24)


class TestHouseNavGraph(EnvSuite):
    @pytest.fixture
    def env(self, folder: Path) -> HouseNavGraph:
        return HouseNavGraph("val_unseen", str(folder), panorama_height=24)


def test_views_keep_their_place_in_the_world_whatever_the_agent_faces(env: HouseNavGraph) -> None:
    episode = env.episodes[0]
    observation = env.reset(episode)
    assert observation.candidates is not None
    env.step(MoveTo(observation.candidates[0].id))
    moved = env.step(MoveTo(str(episode.start_viewpoint)))
    assert moved.viewpoint == episode.start_viewpoint
    after = env.panorama()
    env.reset(episode)
    before = env.panorama()
    assert moved.pose is not None
    for old, new in zip(before, after, strict=True):
        assert np.array_equal(old.rgb, new.rgb)  # type: ignore[arg-type]
        assert wrap(old.heading + episode.start.heading - new.heading - moved.pose.heading) == pytest.approx(0)


def test_view_12_looks_along_y_from_the_height_of_the_sensors(env: HouseNavGraph) -> None:
    episode = env.episodes[-1]
    env.reset(episode)
    house = generate(int(episode.scene.rpartition("_")[2]))
    x, y, _ = episode.start.position
    alone = Renderer([house], texture_atlas()).render(
        0, [[x, y, 1.25]], 0.0, 0.0, 32, 24, 2 * math.atan(math.tan(math.radians(30)) * 4 / 3)
    )
    view = env.panorama()[12]
    assert np.array_equal(view.rgb, alone["rgb"][0])  # type: ignore[arg-type]
    assert np.array_equal(view.depth, alone["depth"][0])  # type: ignore[arg-type]
    assert view.hfov == pytest.approx(math.radians(75.18), abs=1e-4)


class Looker(Policy):
    """Stops at once, with or without looking."""

    def __init__(self, needs: frozenset[str]) -> None:
        self.needs = needs
        self.seen: list[Observation] = []

    def reset(self, episode: Episode) -> None:
        """Nothing to forget."""

    def act(self, observation: Observation) -> Action:
        """Keep what is seen."""
        self.seen.append(observation)
        return Stop()


def test_only_a_policy_that_needs_pictures_gets_them(env: HouseNavGraph) -> None:
    looking, blind = Looker(frozenset({"panorama"})), Looker(frozenset({"candidates"}))
    for policy in (looking, blind):
        rollout(env, policy, env.episodes[0])
    assert looking.seen[0].panorama is not None
    assert len(looking.seen[0].panorama) == 36
    assert blind.seen[0].panorama is None


def test_what_is_not_asked_for_is_not_drawn(env: HouseNavGraph) -> None:
    env.reset(env.episodes[0])
    for view in env.panorama(("depth",)):
        assert view.rgb is None
        assert view.depth is not None


def test_bad_options_and_other_data_are_one_sentence(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="panorama_height must be at least 1"):
        HouseNavGraph("val_unseen", str(folder), panorama_height=0)
    with pytest.raises(DataError, match="'scanA' is no house"):
        HouseNavGraph("val_unseen", str(make_world(tmp_path)))
