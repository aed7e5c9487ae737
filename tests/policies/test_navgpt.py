from __future__ import annotations

from pathlib import Path

import pytest

from envs.r2r.env import R2R
from navagent.llm.offline import OfflineChat
from navagent.perception.navgpt_texts import NavGPTTexts
from navagent.rollout import rollout
from navagent.types import Call, Decision
from policies.navgpt import NavGPT
from tests.conformance.policy_suite import PolicySuite


class _OnTinyR2R(PolicySuite):
    @pytest.fixture
    def env(self, tiny_data: Path) -> R2R:
        return R2R("val_unseen", str(tiny_data))


class TestReActStyle(_OnTinyR2R):
    @pytest.fixture
    def policy(self, tiny_data: Path) -> NavGPT:
        return NavGPT(OfflineChat(), NavGPTTexts(str(tiny_data)))


class TestJsonStyle(_OnTinyR2R):
    @pytest.fixture
    def policy(self, tiny_data: Path) -> NavGPT:
        return NavGPT(OfflineChat(), NavGPTTexts(str(tiny_data)), style="json", history="llm")


def test_both_styles_decide_alike_on_the_offline_rules(tiny_data: Path) -> None:
    env, texts = R2R("val_unseen", str(tiny_data)), NavGPTTexts(str(tiny_data))
    for episode in env.episodes:
        walks = {
            rollout(env, NavGPT(OfflineChat(), texts, style=style), episode).viewpoints for style in ("react", "json")
        }
        assert len(walks) == 1


def test_only_the_newest_observation_is_sent_in_full(tiny_data: Path) -> None:
    env = R2R("val_unseen", str(tiny_data))
    calls: list[Call] = []

    def on_step(_: object, decision: Decision) -> None:
        calls.extend(decision.calls)

    for episode in env.episodes[:6]:
        rollout(env, NavGPT(OfflineChat(), NavGPTTexts(str(tiny_data))), episode, on_step)
    longest = max(calls, key=lambda call: len(call.messages[-1].content))
    assert longest.messages[-1].content.count("Front (") == 1
    assert longest.messages[-1].content.count("Instruction:") == 1


def test_a_spent_budget_ends_in_place_without_stop(tiny_data: Path) -> None:
    env = R2R("val_unseen", str(tiny_data))
    policy = NavGPT(OfflineChat(), NavGPTTexts(str(tiny_data)), max_steps=1)
    trajectories = [rollout(env, policy, episode) for episode in env.episodes]
    moved = [trajectory for trajectory in trajectories if len(trajectory.poses) == 2]
    assert moved
    assert all(trajectory.stopped is False for trajectory in moved)
