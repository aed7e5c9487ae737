from __future__ import annotations

from pathlib import Path

import pytest

from envs.r2r.env import R2R
from navagent.rollout import rollout
from policies.baselines import Random, ShortestPath, Stop
from tests.conformance.policy_suite import PolicySuite


class _OnTinyR2R(PolicySuite):
    @pytest.fixture
    def env(self, tiny_data: Path) -> R2R:
        return R2R("val_unseen", str(tiny_data))


class TestStop(_OnTinyR2R):
    @pytest.fixture
    def policy(self) -> Stop:
        return Stop()


class TestRandom(_OnTinyR2R):
    @pytest.fixture
    def policy(self) -> Random:
        return Random(seed=7)

    def test_it_makes_at_most_five_moves_and_stops(self, env: R2R, policy: Random) -> None:
        lengths = [len(rollout(env, policy, episode).poses) - 1 for episode in env.episodes]
        assert max(lengths) == Random.MOVES
        assert all(rollout(env, policy, episode).stopped for episode in env.episodes[:5])

    def test_seeds_differ(self, env: R2R) -> None:
        walks = {rollout(env, Random(seed), env.episodes[0]).viewpoints for seed in range(8)}
        assert len(walks) > 1


class TestShortestPath(_OnTinyR2R):
    @pytest.fixture
    def policy(self) -> ShortestPath:
        return ShortestPath()

    def test_it_is_privileged(self, policy: ShortestPath) -> None:
        assert policy.privileged
