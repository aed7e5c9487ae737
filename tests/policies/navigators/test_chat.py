"""The navigator that asks a chat model, over real HTTP."""

from __future__ import annotations

import json
from typing import Any

import pytest

from navagent.llm.openai_chat import OpenAIChat
from navagent.llm.text_tokens import estimate_tokens
from navagent.types import Action, Decision, Message, MoveTo, Stop, SubTask
from policies.navigators.chat import VISITED_TOLD, ChatNavigator
from tests.chat_server import ChatServer, Step, Text
from tests.kitchen import AHEAD, BEHIND, EPISODE, LEFT, LEGAL, Captions, see
from tests.policies.test_planner_faults import FAULTS, INJECTIONS

TASK, NEXT = SubTask("GoPast", "piano", "walk past the piano"), SubTask("GoTo", "door", "and stop by the door")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def navigator(server: ChatServer, caption: str = "A kitchen counter.", **options: Any) -> ChatNavigator:
    llm = OpenAIChat("some-model", server.url, timeout_s=10, max_retries=0)
    made = ChatNavigator(llm, Captions(caption), **options)
    made.reset(EPISODE)
    made.begin(TASK, NEXT)
    return made


def say(action: str | None, complete: Any = False) -> Text:
    return Text(json.dumps({"thought": "That way.", "complete": complete, "action": action}))


def decide(script: list[Step], **options: Any) -> Decision:
    with ChatServer(script) as server:
        return navigator(server, **options).act(see())


@pytest.mark.parametrize(
    ("reply", "action"),
    [
        (say(LEFT), MoveTo(LEFT)),
        (say(LEFT, complete=True), Stop()),  # contradictory: complete it is
        (say("nonsense", complete=True), Stop()),
        (say("stop"), Stop()),
    ],
)
def test_replies_are_read(reply: Step, action: Action) -> None:
    decision = decide([reply])
    assert (decision.action, decision.thought, decision.fallback) == (action, "That way.", False)


@pytest.mark.parametrize("fault", [*FAULTS.values(), say(LEFT, complete="yes"), say("deadbeef"), say(None)])
def test_faults_are_asked_again_and_end_in_the_fallback(fault: Step) -> None:
    again = decide([fault, say(BEHIND)])
    assert (again.action, again.fallback, len(again.problems)) == (MoveTo(BEHIND), False, 1)
    lasting = decide([fault], fallback="forward")
    assert (lasting.action, lasting.fallback, len(lasting.problems)) == (MoveTo(AHEAD), True, 3)


@pytest.mark.parametrize("caption", INJECTIONS)
def test_model_that_obeys_a_caption_makes_no_illegal_move(caption: str) -> None:
    decision = decide([say("0bad1dea")], caption=caption)
    assert decision.action in LEGAL
    assert decision.fallback


def test_prompt_tells_the_sub_task_what_follows_and_only_its_own_moves() -> None:
    with ChatServer([say(LEFT)]) as server:
        agent = navigator(server)
        agent.act(see("c0ffee00"))
        agent.act(see("c0ffee01", 1))
        agent.begin(NEXT, None)
        agent.act(see("c0ffee02", 2))
    first, second, third = (request.last for request in server.requests)
    assert "Sub-task: GoPast, landmark: piano\nAfter it: GoTo, landmark: door\nVisited earlier: none" in first
    assert "1. At c0ffee00" in second
    assert "Sub-task: GoTo, landmark: door\nAfter it: the episode ends" in third
    assert "Visited earlier: c0ffee00, c0ffee01\n" in third
    assert "1. At" not in third


def test_no_way_on_leaves_only_the_end() -> None:
    with ChatServer([say("stop")]) as server:
        assert navigator(server).act(see(candidates=())).action == Stop()
    schema = server.bodies[0]["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["action"]["enum"] == ["stop"]


def test_prompt_does_not_grow_with_the_episode() -> None:
    with ChatServer([say(LEFT)]) as server:
        agent = navigator(server, prompt_tokens=1500)
        for step in range(30):
            if step % 3 == 0:
                agent.begin(TASK, NEXT)
            agent.act(see(f"c0ffee{step:02d}", step))
    sizes = [estimate_tokens([Message("user", m["content"]) for m in request.messages]) for request in server.requests]
    assert len(sizes) == 30
    assert max(sizes) <= 1500
    assert server.requests[-1].last.count("c0ffee") <= VISITED_TOLD + 3 + 1
