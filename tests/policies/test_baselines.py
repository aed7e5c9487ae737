from __future__ import annotations

import math
from pathlib import Path

import pytest

from envs.r2r.env import R2R
from navagent.rollout import rollout
from navagent.types import Episode, MoveTo
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

    def test_it_walks_as_the_simulators_random_agent_does(self, env: R2R) -> None:
        """An independent reading of R2R's `RandomAgent` on the simulator's discretised headings, for all turns."""
        for episode in env.episodes:
            expected = {_simulated_walk(env, episode, turns) for turns in range(12)}
            for seed in range(12):
                assert rollout(env, Random(seed), episode).viewpoints in expected

    def test_seeds_differ(self, env: R2R) -> None:
        walks = {rollout(env, Random(seed), env.episodes[0]).viewpoints for seed in range(8)}
        assert len(walks) > 1


def _simulated_walk(env: R2R, episode: Episode, turns: int) -> tuple[str, ...]:
    step = 30
    heading = round(math.degrees(episode.start.heading) / step) * step + turns * step
    observation, path, actions = env.reset(episode), [str(episode.start_viewpoint)], turns
    while len(path) < 6 and actions < 30:
        assert observation.pose is not None
        facing = math.degrees(observation.pose.heading)
        offs = {
            c.id: (facing + math.degrees(c.heading) - heading + 180) % 360 - 180 for c in observation.candidates or ()
        }
        rises = {c.id: math.degrees(c.elevation) for c in observation.candidates or ()}
        seen = [name for name, off in offs.items() if abs(off) <= 40 + 1e-9]
        actions += 1
        if seen:
            path.append(min(seen, key=lambda name: math.hypot(offs[name], rises[name])))
            observation = env.step(MoveTo(path[-1]))
        else:
            heading += step
    return tuple(path)


class TestShortestPath(_OnTinyR2R):
    @pytest.fixture
    def policy(self) -> ShortestPath:
        return ShortestPath()

    def test_it_is_privileged(self, policy: ShortestPath) -> None:
        assert policy.privileged
