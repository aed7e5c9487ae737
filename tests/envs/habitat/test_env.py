"""The environments over a stand-in simulator in a worker process, as they run over habitat-sim."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from envs.habitat.env import HabitatR2RCE
from envs.habitat.nav_graph import HabitatR2R
from eval.rules import RULES
from eval.run_directory import RunDirectory
from eval.runner import evaluate
from navagent.contracts import Policy
from navagent.errors import ConfigError, DataError
from navagent.rollout import rollout
from navagent.types import Action, Episode, Forward, MoveTo, Observation, Stop
from policies.baselines import ShortestPath
from tests.conformance.env_suite import EnvSuite
from tests.envs.habitat import stand_in
from tests.envs.habitat.test_link import pid_of
from tests.tiny import make_world
from tests.tiny_ce import make_ce_world

FILE = Path(stand_in.__file__)


class StandInCE(HabitatR2RCE):
    simulator: ClassVar[tuple[Path, str]] = (FILE, "StandIn")


class StandInR2R(HabitatR2R):
    simulator: ClassVar[tuple[Path, str]] = (FILE, "StandInPanorama")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = make_world(make_ce_world(tmp_path_factory.mktemp("world")))
    for scan in ("scanA", "scanB"):
        place = root / "scene_datasets" / "mp3d" / scan
        place.mkdir()
        (place / f"{scan}.glb").write_bytes(b"no building")
    return root


def make(folder: Path, max_steps: int = 500) -> StandInCE:
    return StandInCE("val_unseen", str(folder), python=sys.executable, max_steps=max_steps, rgb=8, depth=6)


@pytest.fixture
def env(folder: Path) -> Iterator[StandInCE]:
    made = make(folder)
    yield made
    made.close()


class TestHabitatR2RCE(EnvSuite):
    @pytest.fixture
    def env(self, folder: Path) -> Iterator[HabitatR2RCE]:
        made = make(folder, max_steps=120)
        yield made
        made.close()


class TestHabitatR2R(EnvSuite):
    @pytest.fixture
    def env(self, folder: Path) -> Iterator[HabitatR2R]:
        made = StandInR2R("val_unseen", str(folder), python=sys.executable, width=4, height=3)
        yield made
        made.close()


def test_habitats_measures_agree_with_ours(env: StandInCE) -> None:
    """The simulator's own bookkeeping against eval's, from the trajectory alone."""
    for episode in env.episodes:
        scores = RULES["r2r_ce"].score(rollout(env, ShortestPath(), episode))
        assert scores["ne"] == pytest.approx(env.measures["distance_to_goal"], abs=1e-9)
        assert scores["sr"] == env.measures["success"] == 1.0
        assert scores["spl"] == pytest.approx(env.measures["spl"], abs=1e-9)


def test_a_path_walked_elsewhere_is_measured_the_same(env: StandInCE) -> None:
    episode = env.episodes[0]
    walked = rollout(env, ShortestPath(), episode)
    assert env.measure(episode, [pose.position for pose in walked.poses]) == walked.distances


def test_versions_say_what_ran(env: StandInCE) -> None:
    assert env.versions["numpy"] == np.__version__


def test_a_test_split_runs_without_a_score(folder: Path) -> None:
    env = StandInCE("test", str(folder), python=sys.executable, rgb=8, depth=6)
    env.reset(env.episodes[0])
    env.step(Forward())
    assert env.trajectory().distances is None
    with pytest.raises(ValueError, match="no goals"):
        env.oracle_action()
    env.close()


# ---------------------------------------------------------------------------------------------- panoramas
def test_views_are_absolute_in_index_and_relative_in_heading(folder: Path) -> None:
    env = StandInR2R("val_unseen", str(folder), python=sys.executable, width=4, height=3)
    observation = env.reset(env.episodes[0])
    assert observation.candidates
    observation = env.step(MoveTo(observation.candidates[0].id))
    assert observation.pose is not None
    views = env.panorama()
    assert [view.index for view in views] == list(range(36))
    north = views[12]
    assert north.heading == pytest.approx(np.remainder(np.pi - observation.pose.heading, 2 * np.pi) - np.pi)
    assert north.elevation == 0.0
    assert north.rgb is not None
    assert (north.rgb == 12).all()
    assert north.depth is not None
    # The camera is at the viewpoint's height, which is Habitat's y.
    assert north.depth[0, 0] == np.float32(observation.pose.position[2])
    # 60 degrees high at 4 : 3.
    assert np.degrees(north.hfov or 0) == pytest.approx(75.18, abs=0.01)
    assert all(view.depth is None for view in env.panorama(["rgb"]))
    env.close()


def test_a_continuous_panorama_begins_where_the_agent_faces(env: StandInCE) -> None:
    env.reset(env.episodes[0])
    views = env.panorama()
    assert [view.index for view in views] == list(range(12, 24))
    assert views[0].heading == 0.0
    assert views[3].heading == pytest.approx(np.pi / 2)  # to the right
    assert views[3].depth is not None
    assert (views[3].depth == 3).all()


def test_a_place_can_be_asked_how_far_it_is(env: StandInCE) -> None:
    episode = env.episodes[0]
    env.reset(episode)
    assert episode.goal is not None
    assert env.distance_to_goal(episode.goal.position) == 0.0
    assert env.distance_to_goal(episode.start.position) == pytest.approx(env.measures["distance_to_goal"])


# --------------------------------------------------------------------------------------- crashes in a run
class Assassin(Policy):
    """Kills the simulator in the middle of one episode, once; else walks to the goal."""

    needs = frozenset({"oracle_action"})
    privileged = True

    def __init__(self, env: StandInCE, victim: str) -> None:
        self._env, self._victim = env, victim

    def __deepcopy__(self, memo: dict[int, object]) -> Assassin:
        return self

    def reset(self, episode: Episode) -> None:
        self._episode = episode.episode_id

    def act(self, observation: Observation) -> Action:
        if self._episode == self._victim and observation.step == 3:
            os.kill(pid_of(self._env._link), signal.SIGKILL)
        assert observation.oracle_action is not None
        return observation.oracle_action


def test_kill_in_the_middle_of_an_episode_is_that_episodes_error_and_the_run_goes_on(
    env: StandInCE, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StandInCE, "__deepcopy__", lambda self, memo: self, raising=False)  # one worker, this one
    directory = RunDirectory(tmp_path / "run")
    outcome = evaluate(env, Assassin(env, "3"), env.episodes, directory, workers=1)
    assert outcome.complete
    results = {result.episode_id: result for result in directory.results()}
    assert len(results) == len(env.episodes)
    assert [key for key, result in results.items() if result.error] == ["3"]
    error = results["3"].error
    assert error is not None
    assert "process ended during 'step' (SIGKILL" in error
    assert results["3"].metrics["sr"] == 0.0
    assert results["3"].metrics["ne"] > 3.0
    assert all(result.metrics["sr"] == 1.0 for key, result in results.items() if key != "3")


def test_several_workers_have_simulators_of_their_own(env: StandInCE, tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path / "run")
    outcome = evaluate(env, ShortestPath(), env.episodes, directory, workers=3)
    assert outcome.complete
    assert all(result.metrics["sr"] == 1.0 for result in directory.results())


# -------------------------------------------------------------------------------------------- bad options
def test_bad_options_are_one_sentence(folder: Path, tmp_path: Path) -> None:
    data = str(folder)
    with pytest.raises(ConfigError, match="at least 1"):
        StandInCE("val_unseen", data, python=sys.executable, rgb=0)
    with pytest.raises(ConfigError, match=r"timeout_s must be more than 0 seconds, not -1"):
        StandInCE("val_unseen", data, python=sys.executable, timeout_s=-1)
    with pytest.raises(DataError, match=r"1 of 1 buildings are missing .*roomA\.glb.*--env\.scenes_dir"):
        StandInCE("val_unseen", data, scenes_dir=str(tmp_path), python=sys.executable)
    with pytest.raises(ConfigError, match=r"'/nowhere/python' cannot be started"):
        StandInCE("val_unseen", data, python="/nowhere/python")
    with pytest.raises(ConfigError, match="no picture of 0 x 480 pixels"):
        StandInR2R("val_unseen", data, python=sys.executable, width=0)


def test_without_habitat_the_way_to_it_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("envs.habitat.place.MODULES", ("habitat_simulator_of_nobody",))
    with pytest.raises(ConfigError, match=r"cannot be imported here: envs/habitat/environment\.yml.*--env\.python"):
        StandInCE("val_unseen", str(folder))
    StandInCE("val_unseen", str(folder), python=sys.executable)


def test_stopping_needs_a_stop(env: StandInCE) -> None:
    env.reset(env.episodes[0])
    assert not env.step(Forward()).done
    assert env.step(Stop()).done
