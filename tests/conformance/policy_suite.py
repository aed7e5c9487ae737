"""What every policy must do. A test class inherits `PolicySuite` and gives `env` and `policy`."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace

import pytest

from navagent.contracts import Env, Policy
from navagent.rollout import check_needs, rollout
from navagent.types import Action, Decision, Episode, MoveTo, Observation, Trajectory, TurnLeft


class PolicySuite:
    """Inherit and define fixtures `env` and `policy`."""

    @pytest.fixture
    def env(self) -> Env:
        raise NotImplementedError

    @pytest.fixture
    def policy(self) -> Policy:
        raise NotImplementedError

    def test_it_finds_what_it_needs(self, env: Env, policy: Policy) -> None:
        check_needs(env, policy)
        assert policy.needs <= env.gives

    def test_every_episode_ends_legally(self, env: Env, policy: Policy) -> None:
        for episode in env.episodes[:5]:
            trajectory = rollout(env, policy, episode)
            assert trajectory.poses[0] == episode.start

    def test_it_never_sees_the_goal(self, env: Env, policy: Policy) -> None:
        seen: list[Episode] = []
        original = policy.reset

        def reset(episode: Episode) -> None:
            seen.append(episode)
            original(episode)

        policy.reset = reset  # type: ignore[method-assign]
        rollout(env, policy, env.episodes[0])
        assert [episode.goal for episode in seen] == [None]

    def test_it_decides_the_same_again(self, env: Env, policy: Policy) -> None:
        episode = env.episodes[0]
        first = rollout(env, policy, episode)
        rollout(env, policy, env.episodes[1])
        assert rollout(env, policy, episode) == first

    def test_copies_play_interleaved_as_they_play_alone(self, env: Env, policy: Policy) -> None:
        one, other = env.episodes[0], env.episodes[-1]
        alone = [rollout(env, policy, one), rollout(env, policy, other)]
        assert interleaved(env, policy, one, other) == alone

    def test_it_goes_on_where_another_decided(self, env: Env, policy: Policy) -> None:
        episode = env.episodes[0]
        observation = env.reset(episode)
        policy.reset(episode.public())
        for _ in range(4):
            decide(env, policy, observation)
            ways = observation.candidates or ()
            action = MoveTo(ways[0].id) if ways else TurnLeft()
            policy.overruled(observation, action)
            observation = env.step(action)
        env.step(decide(env, policy, observation))

    def test_its_decisions_fit_into_a_trace(self, env: Env, policy: Policy) -> None:
        decisions: list[Decision] = []
        rollout(env, policy, env.episodes[0], lambda _, decision: decisions.append(decision))
        assert decisions
        assert pickle.loads(pickle.dumps(decisions)) == decisions


def decide(env: Env, policy: Policy, observation: Observation) -> Action:
    """Return what a policy would do, the oracle told to those that need it."""
    if "oracle_action" in policy.needs:
        observation = replace(observation, oracle_action=env.oracle_action())
    decided = policy.act(observation)
    return decided.action if isinstance(decided, Decision) else decided


def interleaved(env: Env, policy: Policy, one: Episode, other: Episode) -> list[Trajectory]:
    """Play `other` from start to end, on copies, in the middle of every step of `one`."""
    inner: list[Trajectory] = []
    twin_env, twin = copy.deepcopy(env), copy.deepcopy(policy)

    def on_step(observation: Observation, decision: Decision) -> None:
        inner.append(rollout(twin_env, twin, other))

    outer = rollout(copy.deepcopy(env), copy.deepcopy(policy), one, on_step)
    return [outer, inner[-1]]
