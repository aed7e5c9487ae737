"""DiscussNav: who is asked what, how often, and what comes of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from envs.r2r.env import R2R
from navagent.errors import ConfigError
from navagent.llm.offline import OfflineChat
from navagent.llm.openai_chat import OpenAIChat
from navagent.perception.navgpt_texts import NavGPTTexts
from navagent.rollout import rollout
from navagent.types import Decision, Episode, MoveTo, Pose, Stop
from policies.decision_testing import MajorityVote
from policies.discussnav import DiscussNav
from policies.experts import Consultation, Expert, Translation, paper_experts
from tests.chat_server import ChatServer, Request, Step, Text
from tests.command_line import run_navagent
from tests.conformance.policy_suite import PolicySuite
from tests.kitchen import AHEAD, BEHIND, EPISODE, INSTRUCTION, LEFT, Captions, see
from tests.scripted import fields_of

UP_FRONT = ["translate", "decompose actions", "extract landmarks"]
ACTIONS = ["leave the kitchen", "wait by the piano"]


@pytest.fixture(autouse=True)
def _local(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def prediction(action: str, thought: str) -> str:
    return json.dumps({"thought": thought, "action": action})


def agreeing(action: str) -> tuple[str, ...]:
    return tuple(prediction(action, f"thought {i}") for i in range(5))


@dataclass
class Advisers:
    """Answers every expert; `instead` replaces an expert's answers."""

    predictions: Sequence[str] = agreeing(LEFT)
    judgement: str = LEFT
    actions: Sequence[str] = ()
    instead: dict[str, Step] = field(default_factory=dict)

    def __call__(self, request: Request) -> Step:
        role = role_of(request)
        if role in self.instead:
            return self.instead[role]
        return {
            "translate": Text(json.dumps({"translation": INSTRUCTION})),
            "decompose actions": Text(json.dumps({"actions": list(self.actions or ACTIONS)})),
            "extract landmarks": Text(json.dumps({"landmarks": ["kitchen", "piano"]})),
            "estimate completion": Text(json.dumps({"thought": "Still here.", "done": ACTIONS[:1]})),
            "decide": Text(self.predictions[0], tuple(self.predictions[1:])),
            "fuse thoughts": Text(json.dumps({"thought": "All in one."})),
            "judge": Text(json.dumps({"thought": "Better.", "action": self.judgement})),
            "summarise": Text("Short"),
        }[role]


def role_of(request: Request) -> str:
    roles = {
        frozenset({"translation"}): "translate",
        frozenset({"actions"}): "decompose actions",
        frozenset({"landmarks"}): "extract landmarks",
        frozenset({"thought", "done"}): "estimate completion",
        frozenset({"thought"}): "fuse thoughts",
        frozenset({"thought", "action"}): "decide" if "n" in request.body else "judge",
        frozenset[str](): "summarise",
    }
    return roles[fields_of(request)]


def discussnav(server: ChatServer, **options: Any) -> DiscussNav:
    made = DiscussNav(OpenAIChat("some-model", server.url, timeout_s=10, max_retries=0), Captions(), **options)
    made.reset(EPISODE)
    return made


def act(advisers: Advisers, **options: Any) -> Decision:
    with ChatServer(advisers) as server:
        return discussnav(server, **options).act(see())


def purposes(decision: Decision) -> list[str]:
    return [call.purpose for call in decision.calls]


def asked(server: ChatServer, role: str) -> list[Request]:
    return [request for request in server.requests if role_of(request) == role]


class TestOnTinyR2R(PolicySuite):
    @pytest.fixture
    def env(self, tiny_data: Path) -> R2R:
        return R2R("val_unseen", str(tiny_data))

    @pytest.fixture
    def policy(self, tiny_data: Path) -> DiscussNav:
        return DiscussNav(OfflineChat(), NavGPTTexts(str(tiny_data)))


class TestWithABudget(TestOnTinyR2R):
    @pytest.fixture
    def policy(self, tiny_data: Path) -> DiscussNav:
        return DiscussNav(OfflineChat(), NavGPTTexts(str(tiny_data)), stop="budget", history="template")


# ------------------------------------------------------------------------------------------------ calls per step
def test_calls_of_a_step_are_the_papers() -> None:
    with ChatServer(Advisers()) as server:
        agent = discussnav(server)
        first, second = agent.act(see()), agent.act(see("c0ffee01", 1))
    step = ["estimate completion", "decide", "fuse thoughts", "summarise observation", "summarise thought"]
    assert purposes(first) == [*UP_FRONT, *step]
    assert purposes(second) == step
    assert (first.action, first.thought, first.problems, first.fallback) == (MoveTo(LEFT), "All in one.", (), False)


def test_a_stop_is_not_summarised() -> None:
    decision = act(Advisers(agreeing("stop")))
    assert decision.action == Stop()
    assert purposes(decision) == [*UP_FRONT, "estimate completion", "decide", "fuse thoughts"]


def test_a_judge_is_asked_only_if_predictions_disagree() -> None:
    mixed = [prediction(action, action) for action in (LEFT, AHEAD, LEFT, "stop", LEFT)]
    decision = act(Advisers(mixed, judgement=AHEAD))
    assert purposes(decision)[4:-2] == ["decide", *["fuse thoughts"] * 3, "judge"]
    assert decision.action == MoveTo(AHEAD)  # no majority vote


def test_the_instruction_is_analysed_again_for_the_next_episode_only() -> None:
    with ChatServer(Advisers()) as server:
        agent = discussnav(server)
        counts = []
        for episode in (EPISODE, Episode("1_1", "house", INSTRUCTION, Pose((0.0, 0.0, 1.5), 0.0), "1", "c0ffee00")):
            agent.reset(episode)
            agent.act(see())
            agent.act(see("c0ffee01", 1))
            counts.append([len(asked(server, role)) for role in UP_FRONT])
    assert counts == [[1, 1, 1], [2, 2, 2]]


def test_five_thoughts_are_sampled_in_one_request_and_the_judge_is_cold() -> None:
    mixed = [prediction(action, "x") for action in (LEFT, AHEAD, LEFT, AHEAD, AHEAD)]
    with ChatServer(Advisers(mixed)) as server:
        discussnav(server).act(see())
    (sampled,), (judged,) = asked(server, "decide"), asked(server, "judge")
    assert (sampled.body["n"], sampled.body["temperature"], judged.body["temperature"]) == (5, 1.0, 0.0)


def test_history_by_template_takes_no_summaries() -> None:
    assert purposes(act(Advisers(), history="template"))[-1] == "fuse thoughts"


# -------------------------------------------------------------------------------------------------- the prompt
def test_the_prompt_holds_what_the_experts_say() -> None:
    with ChatServer(Advisers()) as server:
        discussnav(server).act(see())
    prompt = asked(server, "decide")[0].last
    assert f"Instruction: {INSTRUCTION}" in prompt
    assert "Actions:\n  1. leave the kitchen\n  2. wait by the piano\n" in prompt
    assert "Landmarks: kitchen, piano\n" in prompt
    assert "Landmarks in sight: Front: kitchen; Rear: kitchen; Left: kitchen\n" in prompt
    assert "Executed actions: leave the kitchen\n" in prompt
    assert "Translation" not in prompt  # it was English already


def test_only_directions_with_a_way_on_are_shown_and_passed_viewpoints_named() -> None:
    with ChatServer(Advisers()) as server:
        agent = discussnav(server)
        agent.act(see(BEHIND, candidates=(LEFT,)))
        agent.act(see(step=1))
    first, second = (request.last for request in asked(server, "decide"))
    assert first.count("A kitchen counter.") == 1
    assert second.count("A kitchen counter.") == 3
    assert f"Passed: {BEHIND}\n" in second
    assert "Passed" not in first


def test_the_history_holds_the_summaries() -> None:
    with ChatServer(Advisers()) as server:
        agent = discussnav(server)
        agent.act(see())
        agent.act(see("c0ffee01", 1))
    line = f"1. At c0ffee00: Short. Thought: Short. Then turned left 90 degrees to {LEFT}."
    assert line in asked(server, "decide")[1].last
    assert line in asked(server, "estimate completion")[1].last


def test_a_translation_is_told_and_taken_apart() -> None:
    advisers = Advisers(instead={"translate": Text(json.dumps({"translation": "Leave, wait."}))})
    with ChatServer(advisers) as server:
        discussnav(server).act(see())
    assert "Translation: Leave, wait.\n" in asked(server, "decide")[0].last
    assert "Instruction: Leave, wait." in asked(server, "decompose actions")[0].last


# ------------------------------------------------------------------------------------------------- the experts
class Safety(Expert):
    topic = "Dangers"

    def advise(self, consultation: Consultation) -> str:
        return f"{len(consultation.situation.options)} ways, after {', '.join(consultation.notes)}"


def test_an_expert_can_be_added_and_one_removed() -> None:
    with ChatServer(Advisers()) as server:
        decision = discussnav(server, experts=[*paper_experts()[:3], Safety()]).act(see())
    prompt = asked(server, "decide")[0].last
    assert "Dangers: 4 ways, after Translation, Actions, Landmarks\n" in prompt
    assert "Executed actions" not in prompt
    assert "estimate completion" not in purposes(decision)


def test_nobody_need_be_asked() -> None:
    decision = act(Advisers(), experts=[], tester=MajorityVote(), history="template")
    assert (decision.action, purposes(decision)) == (MoveTo(LEFT), ["decide"])


def test_two_experts_on_one_topic_are_refused() -> None:
    with pytest.raises(ConfigError, match="share a topic"):
        DiscussNav(OfflineChat(), Captions(), experts=[Translation(), Translation()])


@pytest.mark.parametrize("text", ["hm", "", "[]", '{"wrong": 1}', '{"translation": 1}', '{"done": "all"}'])
@pytest.mark.parametrize("role", [*UP_FRONT, "estimate completion", "fuse thoughts", "summarise"])
def test_an_expert_that_fails_delays_nothing(role: str, text: str) -> None:
    decision = act(Advisers(instead={role: Text(text)}))
    assert (decision.action, decision.fallback) == (MoveTo(LEFT), False)
    if role not in ("summarise", "translate", "estimate completion"):
        assert any(role in problem for problem in decision.problems)
        assert len(decision.problems) == 1


def test_without_an_analysis_the_instruction_is_the_one_action() -> None:
    bad = Text("hm")
    with ChatServer(Advisers(instead=dict.fromkeys([*UP_FRONT, "estimate completion"], bad))) as server:
        decision = discussnav(server).act(see())
    prompt = asked(server, "decide")[0].last
    assert f"Actions: 1. {INSTRUCTION}\n" in prompt
    assert "Executed actions: not known\n" in prompt
    assert len(decision.problems) == 4


def test_experts_are_put_in_by_class_path(tiny_data: Path, tmp_path: Path) -> None:
    (tmp_path / "my_experts.py").write_text(
        "from policies.experts import Expert\n\n\nclass Mood(Expert):\n    topic = 'Mood'\n\n"
        "    def __init__(self, word: str = 'calm') -> None:\n        self.word = word\n\n"
        "    def advise(self, consultation):\n        return self.word\n"
    )
    config = {
        "env": "R2R",
        "policy": {
            "class_path": "DiscussNav",
            "init_args": {
                "llm": "OfflineChat",
                "describer": "NavGPTTexts",
                "experts": [
                    {"class_path": "policies.experts.Translation"},
                    {"class_path": "my_experts.Mood", "init_args": {"word": "bold"}},
                ],
                "tester": {"class_path": "policies.decision_testing.MajorityVote"},
            },
        },
    }
    (tmp_path / "mine.yaml").write_text(json.dumps(config))
    command = ("eval", "--config", "mine.yaml", "--episodes", "2", "--name", "x")
    done = run_navagent(*command, data=tiny_data, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    trace = next((tmp_path / "runs" / "x" / "traces").iterdir()).read_text()
    assert "Mood: bold" in trace
    assert "estimate completion" not in trace


# ------------------------------------------------------------------------------------------ predictions and judge
def test_predictions_that_cannot_be_used_are_dropped() -> None:
    mixed = [prediction("deadbeef", "x"), "hm", "", prediction(AHEAD, "good"), prediction("c0ffee00", "x")]
    decision = act(Advisers(mixed))
    assert (decision.action, decision.fallback, len(decision.problems)) == (MoveTo(AHEAD), False, 4)
    assert all("dropped" in problem for problem in decision.problems)


def test_without_any_usable_prediction_all_are_asked_for_again() -> None:
    with ChatServer(Advisers(agreeing("deadbeef"))) as server:
        decision = discussnav(server, max_retries=2).act(see())
    assert (decision.action, decision.fallback) == (Stop(), True)
    assert len(asked(server, "decide")) == 3
    assert "no legal action" in asked(server, "decide")[1].last
    assert not asked(server, "fuse thoughts")


@pytest.mark.parametrize("judgement", [BEHIND, "neither", ""])
def test_after_three_bad_judgements_the_most_frequent_prediction_is_taken(judgement: str) -> None:
    mixed = [prediction(action, action) for action in (AHEAD, LEFT, LEFT, AHEAD, LEFT)]
    with ChatServer(Advisers(mixed, judgement=judgement)) as server:
        decision = discussnav(server).act(see())
    assert len(asked(server, "judge")) == 3
    assert (decision.action, decision.thought, decision.fallback) == (MoveTo(LEFT), "All in one.", False)
    assert sum("judge" in problem for problem in decision.problems) == 3


def test_a_majority_vote_takes_the_first_of_equals() -> None:
    mixed = [prediction(action, action) for action in ("stop", AHEAD, LEFT, LEFT, AHEAD)]
    decision = act(Advisers(mixed), tester=MajorityVote())
    assert (decision.action, decision.thought) == (MoveTo(AHEAD), AHEAD)


# ------------------------------------------------------------------------------------------------ stop and budget
@pytest.mark.parametrize(("actions", "moves"), [(1, 5), (5, 5), (6, 7)])
def test_a_budget_of_five_or_seven_moves(actions: int, moves: int) -> None:
    with ChatServer(Advisers(actions=["walk"] * actions)) as server:
        agent = discussnav(server, stop="budget", history="template")
        decisions = [agent.act(see(f"c0ffee{step:02d}", step)) for step in range(moves + 1)]
    assert [decision.action for decision in decisions] == [MoveTo(LEFT)] * moves + [Stop()]
    assert decisions[-1].calls == ()
    assert f"after 1 of at most {moves} moves" in asked(server, "decide")[1].last
    form = asked(server, "decide")[0].body["response_format"]["json_schema"]["schema"]
    assert form["properties"]["action"]["enum"] == [LEFT, AHEAD, BEHIND]


def test_where_no_way_leads_on_stopping_is_always_an_option() -> None:
    with ChatServer(Advisers(agreeing("stop"))) as server:
        decision = discussnav(server, stop="budget").act(see(candidates=()))
    assert (decision.action, decision.fallback) == (Stop(), False)


def test_the_scored_path_holds_the_start(tiny_data: Path) -> None:
    env = R2R("val_unseen", str(tiny_data))
    policy = DiscussNav(OfflineChat(), NavGPTTexts(str(tiny_data)), stop="budget")
    trajectory = rollout(env, policy, env.episodes[0])
    assert trajectory.viewpoints is not None
    assert trajectory.viewpoints[0] == env.episodes[0].start_viewpoint
    assert len(trajectory.viewpoints) == 6
    assert trajectory.stopped
