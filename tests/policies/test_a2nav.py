from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from envs.r2r.env import R2R
from navagent.errors import ChatError, ConfigError
from navagent.llm.offline import OfflineChat
from navagent.llm.openai_chat import OpenAIChat
from navagent.perception.navgpt_texts import NavGPTTexts
from navagent.rollout import rollout
from navagent.types import Action, Decision, Episode, Forward, MoveTo, Observation, Stop, SubTask
from policies.a2nav import A2Nav
from policies.navigators.base import Navigator
from policies.navigators.chat import ChatNavigator
from policies.navigators.graph import GraphNavigator
from tests.chat_server import ChatServer, Status, Text
from tests.conformance.policy_suite import PolicySuite
from tests.kitchen import AHEAD, BEHIND, EPISODE, LEFT, Captions, see
from tests.policies.test_decompose import said

THREE = said(("Exit", "kitchen"), ("GoThrough", "kitchen"), ("GoTo", "piano"))


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


class _OnTinyR2R(PolicySuite):
    @pytest.fixture
    def env(self, tiny_data: Path) -> R2R:
        return R2R("val_unseen", str(tiny_data))


class TestWithGraphNavigator(_OnTinyR2R):
    @pytest.fixture
    def policy(self, tiny_data: Path) -> A2Nav:
        return A2Nav(OfflineChat(), GraphNavigator(NavGPTTexts(str(tiny_data))))


class TestWithChatNavigator(_OnTinyR2R):
    @pytest.fixture
    def policy(self, tiny_data: Path) -> A2Nav:
        return A2Nav(OfflineChat(), ChatNavigator(OfflineChat(), NavGPTTexts(str(tiny_data))))


class TestWithSpecialists(_OnTinyR2R):
    @pytest.fixture
    def policy(self, tiny_data: Path) -> A2Nav:
        texts = NavGPTTexts(str(tiny_data))
        return A2Nav(OfflineChat(), GraphNavigator(texts), specialists={"GoTo": ChatNavigator(OfflineChat(), texts)})


class Scripted(Navigator):
    """Does what a list says, sub-task by sub-task."""

    def __init__(self, *scripts: Sequence[Action]) -> None:
        self.scripts = [list(script) for script in scripts]
        self.begun: list[tuple[SubTask, SubTask | None]] = []
        self.heard: list[Action] = []

    def reset(self, episode: Episode) -> None:
        self.begun = []

    def begin(self, task: SubTask, following: SubTask | None) -> None:
        self.begun.append((task, following))

    def act(self, observation: Observation) -> Action:
        return self.scripts[len(self.begun) - 1].pop(0)

    def overruled(self, observation: Observation, action: Action) -> None:
        self.heard.append(action)


def controller(server: ChatServer, *scripts: Sequence[Action], max_moves: int = 2) -> tuple[A2Nav, Scripted]:
    navigator = Scripted(*scripts)
    made = A2Nav(OpenAIChat("some-model", server.url, timeout_s=10, max_retries=0), navigator, max_moves=max_moves)
    made.reset(EPISODE)
    return made, navigator


def play(agent: A2Nav, steps: int) -> list[Decision]:
    return [agent.act(see(f"c0ffee{k:02d}", k)) for k in range(steps)]


GO, DONE = MoveTo(LEFT), Stop()


def test_sub_tasks_are_carried_out_in_order_and_the_episode_stops_after_the_last() -> None:
    with ChatServer([THREE]) as server:
        agent, navigator = controller(server, [GO, DONE], [DONE], [MoveTo(AHEAD), DONE])
        decisions = play(agent, 3)
    assert [decision.action for decision in decisions] == [GO, MoveTo(AHEAD), DONE]
    assert [(task.action, task.landmark) for task, _ in navigator.begun] == [
        ("Exit", "kitchen"),
        ("GoThrough", "kitchen"),
        ("GoTo", "piano"),
    ]
    first, second, third = navigator.begun
    assert (first[1], second[1], third[1]) == (second[0], third[0], None)
    assert not any(decision.fallback or decision.problems for decision in decisions)


def test_one_call_takes_the_instruction_apart_on_the_first_observation() -> None:
    with ChatServer([THREE]) as server:
        agent, _ = controller(server, [GO, DONE], [GO, DONE], [DONE])
        decisions = play(agent, 3)
        assert [[call.purpose for call in decision.calls] for decision in decisions] == [["decompose"], [], []]
        agent.reset(EPISODE)
        assert len(server.requests) == 1


def test_thoughts_tell_sub_task_and_end() -> None:
    with ChatServer([THREE]) as server:
        agent, _ = controller(server, [GO, DONE], [GO], [])
        thoughts = [decision.thought for decision in play(agent, 2)]
    assert thoughts[0] == "Sub-task 1 of 3, Exit kitchen"
    assert thoughts[1] == "Sub-task 1 of 3, Exit kitchen ended. Sub-task 2 of 3, GoThrough kitchen"


def test_sub_task_that_takes_too_long_is_given_up() -> None:
    with ChatServer([THREE]) as server:
        agent, navigator = controller(server, [GO] * 9, [GO] * 9, [GO] * 9)
        decisions = play(agent, 7)
    assert [decision.action for decision in decisions] == [GO] * 6 + [DONE]
    assert "given up after 2 moves" in decisions[2].thought
    assert len(navigator.begun) == 3


def test_illegal_move_of_a_navigator_ends_its_sub_task_and_is_counted() -> None:
    with ChatServer([THREE]) as server:
        agent, _ = controller(server, [MoveTo("deadbeef")], [GO], [])
        decision = agent.act(see())
    assert (decision.action, decision.fallback) == (GO, True)
    assert decision.problems == ("the navigator's move to 'deadbeef' is not legal here",)


def test_trained_navigators_may_act_by_steps_and_turns() -> None:
    with ChatServer([THREE]) as server:
        agent, _ = controller(server, [Forward(), DONE], [DONE], [DONE])
        assert [decision.action for decision in play(agent, 2)] == [Forward(), DONE]


def test_specialists_take_their_action_type_and_all_are_reset() -> None:
    with ChatServer([THREE]) as server:
        general, special = Scripted([GO, DONE], [GO, DONE]), Scripted([MoveTo(BEHIND), DONE])
        llm = OpenAIChat("some-model", server.url, timeout_s=10, max_retries=0)
        agent = A2Nav(llm, general, specialists={"GoThrough": special})
        agent.reset(EPISODE)
        actions = [decision.action for decision in play(agent, 4)]
    assert actions == [GO, MoveTo(BEHIND), GO, DONE]
    assert [task.action for task, _ in special.begun] == ["GoThrough"]
    agent.reset(EPISODE)
    assert general.begun == special.begun == []


def test_a_lasting_fault_leaves_one_sub_task_and_is_counted() -> None:
    with ChatServer([Text("I would rather not.")]) as server:
        agent, navigator = controller(server, [GO, DONE])
        first, second = play(agent, 2)
    assert (first.action, first.fallback, len(first.problems), len(first.calls)) == (GO, True, 3, 3)
    assert (second.action, second.fallback, second.problems) == (DONE, False, ())
    assert [task.action for task, _ in navigator.begun] == ["GoTo"]


def test_calls_of_a_navigator_that_then_breaks_are_kept() -> None:
    with ChatServer([THREE, Text("hm"), Status(500)]) as server:
        llm = OpenAIChat("some-model", server.url, timeout_s=10, max_retries=0)
        agent = A2Nav(llm, ChatNavigator(llm, Captions()))
        agent.reset(EPISODE)
        with pytest.raises(ChatError) as caught:
            agent.act(see())
    assert [call.purpose for call in caught.value.calls] == ["decompose", "decide"]


def test_overruled_controller_tells_its_navigator_and_counts_each_move_once() -> None:
    with ChatServer([THREE]) as server:
        agent, navigator = controller(server, [GO, DONE], [DONE], [GO] * 5)
        first = see()
        agent.act(first)
        agent.overruled(first, MoveTo(AHEAD))
        assert navigator.heard == [MoveTo(AHEAD)]
        agent.overruled(see("c0ffee01", 1), GO)
        assert agent.act(see("c0ffee02", 2)).thought.startswith("Sub-task 1 of 3, Exit kitchen ended: given up after 2")


def test_offline_run_makes_one_call_per_episode(tiny_data: Path) -> None:
    env = R2R("val_unseen", str(tiny_data))
    policy = A2Nav(OfflineChat(), GraphNavigator(NavGPTTexts(str(tiny_data))))
    for episode in env.episodes[:6]:
        calls: list[list[str]] = []

        def on_step(_: object, decision: Decision, seen: list[list[str]] = calls) -> None:
            seen.append([call.purpose for call in decision.calls])

        rollout(env, policy, episode, on_step)
        assert calls == [["decompose"], *[[]] * (len(calls) - 1)]


def test_bad_limits_are_refused(tiny_data: Path) -> None:
    with pytest.raises(ConfigError, match="at least 1"):
        A2Nav(OfflineChat(), GraphNavigator(NavGPTTexts(str(tiny_data))), max_moves=0)
