"""The oracle of Habitat's vector environment: with the stand-in simulator, and in habitat-sim itself."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from envs.habitat.agent import METRICS
from envs.habitat.env import HabitatR2RCE
from envs.habitat.link import Worker
from envs.habitat.vector import HabitatVectorEnv
from navagent.errors import ConfigError
from navagent.types import Forward, Stop, TurnLeft, TurnRight
from tests.envs.habitat import stand_in
from tests.envs.habitat.exported import export_world, habitat_python
from tests.tiny_ce import make_ce_world


class StandInVector(HabitatVectorEnv):
    simulator: ClassVar[tuple[Path, str]] = (Path(stand_in.__file__), "StandIn")


class StandInCE(HabitatR2RCE):
    simulator: ClassVar[tuple[Path, str]] = (Path(stand_in.__file__), "StandIn")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_ce_world(tmp_path_factory.mktemp("ce"))


def make(folder: Path, task: str = "r2r", agents: int = 3, **options: Any) -> StandInVector:
    given = {"split": "val_unseen", "python": sys.executable, "size": 8, **options}
    return StandInVector(task, agents, data_dir=str(folder), **given)


@pytest.fixture
def env(folder: Path) -> Iterator[StandInVector]:
    made = make(folder)
    yield made
    made.close()


def follow(env: HabitatVectorEnv, episodes: int, astray: float = 0.0, most: int = 600) -> list[dict[str, float]]:
    """Do what the oracle says, but for a share of the steps, which are at random, and return how episodes ended."""
    env.reset(seed=0)
    rng = np.random.default_rng(0)
    ended: list[dict[str, float]] = []
    for _ in range(most):
        over = env.over
        actions = env.oracle_actions()
        assert (actions[over] == -1).all()
        assert ((actions[~over] >= 0) & (actions[~over] <= 3)).all()
        errs = (rng.random(len(actions)) < astray) & (actions > 0)
        _, _, terminated, truncated, info = env.step(np.where(errs, rng.integers(1, 4), np.maximum(actions, 0)))
        for i in np.flatnonzero(terminated | truncated):
            ended.append({name: float(info[name][i]) for name in METRICS})
        if len(ended) >= episodes:
            break
    return ended


@pytest.mark.parametrize("task", ["pointnav", "r2r"])
def test_who_follows_it_succeeds_in_either_task(task: str, folder: Path) -> None:
    env = make(folder, task)
    ended = follow(env, 6)
    assert len(ended) >= 6
    assert all(row["success"] == 1.0 and row["spl"] > 0.9 for row in ended)
    env.close()


@pytest.mark.parametrize("radius", [0.4, 2.0])
def test_it_stops_as_far_from_the_goal_as_is_asked(radius: float, folder: Path) -> None:
    env = make(folder, oracle_radius=radius)
    ended = follow(env, 6)
    assert all(radius - 0.26 < row["distance_to_goal"] < radius for row in ended)
    env.close()


def test_its_actions_are_those_of_a_single_agents_oracle(env: StandInVector, folder: Path) -> None:
    """On random walks, where most of its advice is not followed."""
    single = StandInCE("val_unseen", str(folder), python=sys.executable, rgb=8, depth=8)
    env.reset()
    episode = env._agents[1].episode
    assert episode is not None
    single.reset(episode)
    rng = np.random.default_rng(0)
    for action in rng.choice([1, 1, 2, 3], 40):
        mine = env.oracle_actions()[1]
        code, _ = single._link.call("oracle", **env._agents[1].question(0.5))
        assert mine == code
        env.step(np.full(3, action))
        single.step((Stop(), Forward(), TurnLeft(), TurnRight())[action])
    single.close()


def test_it_costs_nothing_unless_asked_and_no_further_message_afterwards(
    env: StandInVector, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, bool]] = []
    ask = Worker.ask

    def noted(self: Worker, name: str, slot: int, **arguments: Any) -> None:
        asked.append((name, "oracle" in arguments))
        ask(self, name, slot, **arguments)

    monkeypatch.setattr(Worker, "ask", noted)
    env.reset()
    env.step(np.full(3, 1))
    assert set(asked) == {("reset", False), ("step", False)}
    asked.clear()
    for _ in range(4):
        env.oracle_actions()
        env.step(np.full(3, 2))
    assert asked == [("oracle", False)] * 3 + [("step", True)] * 12


def test_a_simulator_that_breaks_over_it_breaks_the_next_step_only(folder: Path) -> None:
    class Broken(StandInVector):
        simulator = (Path(stand_in.__file__), "Unadvised")

    env = Broken("r2r", 2, data_dir=str(folder), split="val_unseen", python=sys.executable, size=8)
    env.reset()
    assert env.oracle_actions().tolist() == [-1, -1]
    _, _, terminated, truncated, info = env.step(np.zeros(2, np.int64))
    assert truncated.all()
    assert not terminated.any()
    assert all("SIGKILL" in text and "'oracle'" in text for text in info["error"])
    env.close()


def test_a_restored_environment_advises_as_before(env: StandInVector, folder: Path) -> None:
    env.reset()
    first = env.oracle_actions()
    env.step(first)
    other = make(folder)
    other.restore(env.state())
    assert np.array_equal(other.oracle_actions(), first)
    other.close()


def test_a_bad_radius_is_one_sentence(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"oracle_radius must be more than 0 metres, not 0\.0\."):
        make(folder, oracle_radius=0.0)


@pytest.mark.habitat
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("task", "radius", "astray"), [("r2r", None, 0.0), ("r2r", 1.5, 0.3), ("pointnav", None, 0.0)])
def test_habitat_sims_follower_succeeds_in_exported_houses(
    task: str, radius: float | None, astray: float, tmp_path: Path
) -> None:
    """As it is followed by behaviour cloning, and by DAgger, where agents often do something else."""
    folder, python = export_world(tmp_path / "houses"), habitat_python()
    options: dict[str, Any] = {"split": "val_unseen", "version": "v1-3", "size": 8, "sensors": ["depth"]}
    env = HabitatVectorEnv(task, 2, data_dir=str(folder), python=python, oracle_radius=radius, timeout_s=900, **options)
    ended = follow(env, 12, astray)
    env.close()
    assert len(ended) >= 12
    assert all(row["success"] == 1.0 for row in ended)
    wanted = {"r2r": radius or 0.5, "pointnav": 0.2}[task]
    assert all(row["distance_to_goal"] < wanted for row in ended)
    if not astray:
        assert np.mean([row["spl"] for row in ended]) > (0.95 if task == "r2r" else 0.9)
