"""What every environment must do. A test class inherits `EnvSuite` and gives `env`."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import pytest

from eval.rules import RULES
from navagent.contracts import ON_DEMAND, Env
from navagent.types import Action, Episode, Forward, MoveTo, Observation, Stop, TurnLeft, TurnRight, View

OPTIONAL = ("pose", "viewpoint", "rgb", "depth", "panorama", "candidates")


class EnvSuite:
    """Inherit and define a fixture `env`."""

    @pytest.fixture
    def env(self) -> Env:
        raise NotImplementedError

    @pytest.fixture
    def episode(self, env: Env) -> Episode:
        return env.episodes[0]

    def test_episode_ids_are_unique(self, env: Env) -> None:
        ids = [episode.episode_id for episode in env.episodes]
        assert len(set(ids)) == len(ids) > 0

    def test_rules_are_known(self, env: Env) -> None:
        assert env.rules in RULES

    def test_every_data_source_has_a_fingerprint(self, env: Env) -> None:
        assert env.fingerprints
        assert all(len(print_) == 64 for print_ in env.fingerprints.values())

    def test_reset_gives_what_it_promises(self, env: Env, episode: Episode) -> None:
        observation = env.reset(episode)
        assert observation.instruction == episode.instruction
        assert observation.step == 0
        assert not observation.done
        filled = {name for name in OPTIONAL if getattr(observation, name) is not None}
        filled |= set(observation.readings or ())
        assert filled - ON_DEMAND == env.gives - ON_DEMAND
        check_observation(observation)

    def test_a_panorama_goes_all_around_and_costs_no_action(self, env: Env, episode: Episode) -> None:
        if "panorama" not in env.gives:
            pytest.skip("no panorama here")
        views = env.reset(episode).panorama or env.panorama()
        assert env.trajectory().poses == (episode.start,)
        assert_all_around(views)
        assert all(view.rgb is not None for view in views)

    def test_stop_ends_the_episode(self, env: Env, episode: Episode) -> None:
        env.reset(episode)
        assert env.step(Stop()).done
        assert env.trajectory().stopped is True
        with pytest.raises(ValueError, match="over"):
            env.step(Stop())

    def test_a_trajectory_begins_at_the_start(self, env: Env, episode: Episode) -> None:
        env.reset(episode)
        trajectory = env.trajectory()
        assert trajectory.poses == (episode.start,)
        assert trajectory.stopped is False

    def test_an_illegal_action_names_the_legal_ones_and_changes_nothing(self, env: Env, episode: Episode) -> None:
        before = env.reset(episode)
        with pytest.raises(ValueError, match="Stop"):
            env.step(MoveTo("nowhere"))
        assert env.trajectory().poses == (before.pose,)

    def test_the_same_actions_give_the_same_trajectory(self, env: Env, episode: Episode) -> None:
        first, actions = walk(env, episode, seed=3)
        again = [env.reset(episode), *(env.step(action) for action in actions)]
        assert [repr(observation) for observation in again] == [repr(observation) for observation in first]

    def test_copies_do_not_share_an_episode(self, env: Env, episode: Episode) -> None:
        twin = copy.deepcopy(env)
        env.reset(episode)
        twin.reset(env.episodes[-1])
        twin.step(Stop())
        assert env.trajectory().episode_id == episode.episode_id
        assert env.trajectory().stopped is False

    def test_the_oracle_reaches_the_goal_by_the_shortest_path(self, env: Env, episode: Episode) -> None:
        if "oracle_action" not in env.gives or episode.goal is None:
            pytest.skip("no oracle here")
        observation = env.reset(episode)
        while not observation.done:
            observation = env.step(env.oracle_action())
        score = RULES[env.rules].score(env.trajectory())
        assert score["sr"] == 1.0
        assert score["spl"] > 0.95

    def test_episodes_end(self, env: Env, episode: Episode) -> None:
        observations, _ = walk(env, episode, seed=1, most=10_000)
        assert observations[-1].done

    def test_the_public_episode_hides_the_goal(self, episode: Episode) -> None:
        assert episode.public().goal is None


def walk(env: Env, episode: Episode, seed: int, most: int = 12) -> tuple[list[Observation], list[Action]]:
    """Walk at random without stopping; return the observations and the actions."""
    rng = np.random.default_rng(seed)
    observations = [env.reset(episode)]
    actions: list[Action] = []
    while not observations[-1].done and len(actions) < most:
        candidates = observations[-1].candidates
        moves: list[Action] = [Forward(), TurnLeft(), TurnRight()]
        if candidates is not None:
            moves = [MoveTo(candidate.id) for candidate in candidates]
        actions.append(moves[int(rng.integers(len(moves)))])
        observations.append(env.step(actions[-1]))
        check_observation(observations[-1])
    return observations, actions


def assert_all_around(views: Sequence[View]) -> None:
    """Assert that the views of each row together leave no heading out, and that their numbers name their places."""
    assert len({view.index for view in views}) == len(views) > 0
    first = views[0]
    for view in views:
        assert view.hfov is not None
        assert -np.pi <= view.heading < np.pi
        steps = (view.heading - first.heading) / np.radians(30)
        assert (view.index - first.index) % 12 == pytest.approx(steps % 12, abs=1e-6) or steps % 12 > 12 - 1e-6
        if view.elevation == 0:
            others = [(other.heading - view.heading) % (2 * np.pi) for other in views if other.elevation == 0]
            assert min(gap for gap in others if gap > 1e-6) <= view.hfov + 1e-6


def check_observation(observation: Observation) -> None:
    """Assert that what an observation says obeys the contract's units and shapes."""
    for candidate in observation.candidates or ():
        assert -np.pi <= candidate.heading < np.pi
        assert -np.pi / 2 <= candidate.elevation <= np.pi / 2
        assert candidate.distance > 0
    if observation.rgb is not None:
        assert observation.rgb.dtype == np.uint8
        assert observation.rgb.ndim == 3
    if observation.depth is not None:
        assert observation.depth.dtype == np.float32
    assert observation.oracle_action is None
