"""Against habitat-sim itself, in houses that are exported to it: conformance, measures, and the houses' own physics.

Runs where habitat_sim imports or NAVAGENT_HABITAT_PYTHON names a Python that has it; no licensed building is needed.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from envs.habitat.env import HabitatR2RCE
from envs.habitat.nav_graph import HabitatR2R
from envs.houses.env import HouseEnv
from envs.houses.export import DATASET_FILE
from envs.houses.floor import Floor
from envs.houses.generate import generate
from envs.houses.house import SENSOR_HEIGHT
from envs.houses.render import Renderer
from envs.houses.splits import plan_splits
from envs.houses.textures import texture_atlas
from eval.rules import RULES
from navagent.rollout import rollout
from navagent.types import Action, Forward, Stop, TurnLeft, TurnRight
from policies.baselines import ShortestPath
from tests.conformance.env_suite import EnvSuite, walk
from tests.envs.habitat.exported import export_world, habitat_python

pytestmark = [pytest.mark.habitat, pytest.mark.timeout(1200)]

CODES: dict[int, Action] = {0: Stop(), 1: Forward(), 2: TurnLeft(), 3: TurnRight()}


@pytest.fixture(scope="module")
def python() -> str | None:
    return habitat_python()


@pytest.fixture(scope="module")
def folder(python: str | None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_world(tmp_path_factory.mktemp("houses"))


def make(folder: Path, python: str | None, max_steps: int = 500) -> HabitatR2RCE:
    return HabitatR2RCE("val_unseen", str(folder), python=python, max_steps=max_steps, rgb=128, depth=128)


@pytest.fixture
def env(folder: Path, python: str | None) -> Iterator[HabitatR2RCE]:
    made = make(folder, python)
    yield made
    made.close()


class TestHabitatR2RCE(EnvSuite):
    @pytest.fixture
    def env(self, folder: Path, python: str | None) -> Iterator[HabitatR2RCE]:
        made = make(folder, python, max_steps=120)
        yield made
        made.close()

    def test_the_oracle_reaches_the_goal_by_the_shortest_path(self, folder: Path, python: str | None) -> None:  # type: ignore[override]
        """With the rules' 500 actions; Recast's distances are somewhat long, so paths may be shorter than them."""
        env = make(folder, python)
        for episode in env.episodes[::4]:
            scores = RULES["r2r_ce"].score(rollout(env, ShortestPath(), episode))
            assert scores["sr"] == 1.0
            assert scores["spl"] > 0.85
        env.close()


class TestHabitatR2R(EnvSuite):
    @pytest.fixture
    def env(self, folder: Path, python: str | None) -> Iterator[HabitatR2R]:
        made = HabitatR2R(
            "val_unseen",
            str(folder),
            scene_file="houses/{scan}/{scan}.glb",
            python=python,
            width=64,
            height=48,
        )
        yield made
        made.close()


def test_habitat_labs_measures_agree_with_ours(env: HabitatR2RCE) -> None:
    """On the oracle's paths, on paths that hit walls, and on ones that stop early."""
    for number, episode in enumerate(env.episodes[::3]):
        if number % 3 == 0:
            rollout(env, ShortestPath(), episode)
        else:
            walk(env, episode, seed=number, most=60)
            if number % 3 == 1:
                env.step(Stop())
        scores = RULES["r2r_ce"].score(env.trajectory())
        # habitat-lab does not ask anew for moves under 0.1 mm (`DistanceToGoal`), and positions are float32.
        assert scores["ne"] == pytest.approx(env.measures["distance_to_goal"], abs=1e-3)
        assert scores["sr"] == env.measures["success"]
        assert scores["spl"] == pytest.approx(env.measures["spl"], abs=1e-3)


def test_the_same_actions_lead_to_the_same_places(env: HabitatR2RCE, folder: Path) -> None:
    """Within 5 cm except where sliding differs: the ground truth's actions, which the houses' follower walked."""
    house = HouseEnv("val_unseen", str(folder), size=128)
    apart: list[float] = []
    errors: list[float] = []
    for episode in env.episodes[::3]:
        actions = [CODES[code] for code in env.data.truths[episode.episode_id].actions[:-1]]
        ours, theirs = house.reset(episode), env.reset(episode)
        for action in actions:
            assert ours.depth is not None
            assert theirs.depth is not None
            if not apart or apart[-1] < 1e-3:
                errors.append(float(np.median(np.abs(np.minimum(ours.depth, 10.0) - theirs.depth))))
            ours, theirs = house.step(action), env.step(action)
            assert ours.pose is not None
            assert theirs.pose is not None
            apart.append(float(np.hypot(*np.subtract(ours.pose.position, theirs.pose.position)[:2])))
            if ours.collided or theirs.collided:
                break  # from the first wall on, the two may slide apart
    assert np.quantile(apart, 0.99) < 0.05
    assert np.median(errors) < 1e-3


def test_geodesics_agree(env: HabitatR2RCE, folder: Path) -> None:
    house = HouseEnv("val_unseen", str(folder), size=8)
    ratios = []
    for episode in env.episodes[::3]:
        positions = episode.goal.reference_positions if episode.goal is not None else ()
        ours, theirs = house.measure(episode, positions), env.measure(episode, positions)
        assert ours is not None
        assert theirs is not None
        ratios += [b / a for a, b in zip(ours.to_goal, theirs.to_goal, strict=True) if a > 1]
    assert abs(np.median(ratios) - 1) < 0.02


def test_habitat_sim_shows_what_the_houses_renderer_shows(folder: Path, python: str | None, tmp_path: Path) -> None:
    """Ids, categories and depth agree; colours differ by light, which falls off with distance only in our renderer."""
    seed = plan_splits(0, 0, 3)[0].seeds[0]
    house = generate(seed)
    rng = np.random.default_rng(0)
    points, headings = Floor.of(house).sample(rng, 40), rng.uniform(0, 2 * np.pi, 40)
    np.savez(tmp_path / "poses.npz", points=points, headings=headings)
    script = Path(__file__).with_name("look.py")
    dataset = folder / "scene_datasets" / DATASET_FILE
    files = (dataset, house.house_id, tmp_path / "poses.npz", tmp_path / "out.npz")
    subprocess.run([python or sys.executable, script, *files], check=True, capture_output=True)
    theirs = np.load(tmp_path / "out.npz")
    cameras = np.column_stack([points, np.full(40, SENSOR_HEIGHT)])
    ours = Renderer([house], texture_atlas()).render(0, cameras, headings, 0.0, 128, 128, np.pi / 2)
    assert (ours["semantic"] + 1 == theirs["semantic"]).mean() > 0.9999
    assert theirs["names"][1:].tolist() == [thing.category for thing in house.objects]
    assert np.median(np.abs(ours["depth"] - theirs["depth"])) < 1e-4
    assert np.median(np.abs(ours["rgb"].astype(int) - theirs["rgb"][..., :3].astype(int))) < 25


def test_a_position_in_the_middle_of_a_step_is_the_steps(env: HabitatR2RCE) -> None:
    observations, _ = walk(env, env.episodes[0], seed=0, most=40)
    places = [observation.pose.position for observation in observations if observation.pose is not None]
    assert max(np.hypot(*np.subtract(b, a)[:2]) for a, b in pairwise(places)) < 0.25 + 1e-3
