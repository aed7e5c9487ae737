"""Reasoning in stages: candidates per stage, the comparisons between them, and process rewards."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from envs.r2r.env import R2R
from navagent.errors import ConfigError
from navagent.llm.offline import OfflineChat
from navagent.llm.openai_chat import OpenAIChat
from navagent.perception.navgpt_texts import NavGPTTexts
from navagent.rollout import rollout
from navagent.types import Decision, Message, MoveTo, Stop
from policies.asking import Asker, Procedure
from policies.discussnav import DiscussNav
from policies.navgpt import NavGPT
from policies.staged import STAGES, BestOfN, ProcessReward, StageBeam
from tests.chat_server import ChatServer, Request, Step, Text
from tests.conformance.policy_suite import PolicySuite
from tests.kitchen import AHEAD, BEHIND, EPISODE, LEFT, Captions, see
from tests.scripted import fields_of, form_of


@pytest.fixture(autouse=True)
def _local(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


class _OnTinyR2R(PolicySuite):
    @pytest.fixture
    def env(self, tiny_data: Path) -> R2R:
        return R2R("val_unseen", str(tiny_data))


class TestNavGPTInStages(_OnTinyR2R):
    @pytest.fixture
    def policy(self, tiny_data: Path) -> NavGPT:
        return NavGPT(OfflineChat(), NavGPTTexts(str(tiny_data)), procedure=StageBeam())


class TestDiscussNavByTheBestChain(_OnTinyR2R):
    @pytest.fixture
    def policy(self, tiny_data: Path) -> DiscussNav:
        return DiscussNav(OfflineChat(), NavGPTTexts(str(tiny_data)), procedure=BestOfN())


def conclusion(action: str) -> str:
    return json.dumps({"thought": "so", "action": action})


class Thinker:
    """Answers each stage with numbered candidates, and comparisons by preferring texts with a certain word."""

    def __init__(self, prefers: str = "2", conclusions: Sequence[str] = (LEFT, AHEAD, BEHIND)) -> None:
        self.prefers = prefers
        self.conclusions = [conclusion(action) for action in conclusions]

    def __call__(self, request: Request) -> Step:
        names, n = fields_of(request), request.body.get("n", 1)
        if "better" in names:
            second = request.last.partition("Candidate B: ")[2]
            return Text(json.dumps({"thought": "", "better": "B" if self.prefers in second else "A"}))
        if names == {"action", "thought"}:
            return Text(self.conclusions[0], tuple(self.conclusions[1:]))
        texts = [json.dumps({name: f"{name} {i}" for name in names}) for i in range(n)]
        return Text(texts[0], tuple(texts[1:]))


def navgpt(server: ChatServer, procedure: Procedure, **options: Any) -> NavGPT:
    llm = OpenAIChat("some-model", server.url, timeout_s=10, max_retries=0)
    made = NavGPT(llm, Captions(), style="json", procedure=procedure, **options)
    made.reset(EPISODE)
    return made


def purposes(decision: Decision) -> Counter[str]:
    return Counter(call.purpose for call in decision.calls)


# ------------------------------------------------------------------------------------------------- stage beam
def test_every_stage_is_sampled_and_its_candidates_compared_in_turn() -> None:
    with ChatServer(Thinker()) as server:
        decision = navgpt(server, StageBeam(candidates=3)).act(see())
    assert purposes(decision) == {"compare": 4 * 2, **dict.fromkeys((*STAGES, "conclusion"), 1)}
    sampled = [request.body for request in server.requests if request.body.get("n")]
    assert {(body["n"], body["temperature"], body["top_p"]) for body in sampled} == {(3, 0.6, 0.9)}
    assert all(request.body["temperature"] == 0 for request in server.requests if not request.body.get("n"))


def test_the_winner_of_each_stage_is_what_the_next_one_sees() -> None:
    with ChatServer(Thinker(prefers="1")) as server:
        navgpt(server, StageBeam(candidates=3)).act(see())
    last = next(request for request in reversed(server.requests) if fields_of(request) == {"action", "thought"})
    said = [message["content"] for message in last.messages if message["role"] == "assistant"]
    assert said == ["summary 1", "caption 1", "reasoning 1"]


@pytest.mark.parametrize(("prefers", "action"), [(LEFT, LEFT), (AHEAD, AHEAD), (BEHIND, BEHIND), ("none", LEFT)])
def test_the_conclusion_that_wins_is_the_decision(prefers: str, action: str) -> None:
    with ChatServer(Thinker(prefers)) as server:
        decision = navgpt(server, StageBeam(candidates=3)).act(see())
    assert (decision.action, decision.problems) == (MoveTo(action), ())


def test_one_candidate_takes_no_comparison() -> None:
    with ChatServer(Thinker()) as server:
        decision = navgpt(server, StageBeam(candidates=1)).act(see())
    assert purposes(decision) == dict.fromkeys((*STAGES, "conclusion"), 1)


def test_equal_candidates_are_not_compared() -> None:
    with ChatServer(Thinker(conclusions=(LEFT, LEFT))) as server:
        decision = navgpt(server, StageBeam(candidates=2)).act(see())
    assert purposes(decision)["compare"] == 3


def test_the_planners_own_form_is_asked_for_at_the_end_only() -> None:
    with ChatServer(Thinker()) as server:
        navgpt(server, StageBeam(candidates=2)).act(see())
    forms = [form_of(request) for request in server.requests]
    assert [form is not None and "action" in form["properties"] for form in forms].count(True) == 1


def test_a_planner_that_reads_text_gets_text() -> None:
    def thinker(request: Request) -> Step:
        if form_of(request) is None:
            return Text(f"Thought: so\nAction: move\nAction Input: {AHEAD}")
        return Thinker()(request)

    with ChatServer(thinker) as server:
        llm = OpenAIChat("some-model", server.url)
        agent = NavGPT(llm, Captions(), procedure=StageBeam(candidates=2))
        assert agent.act(see()).action == MoveTo(AHEAD)


def test_discussnav_gets_its_five_predictions_from_the_best_reasoning() -> None:
    with ChatServer(Thinker()) as server:
        llm = OpenAIChat("some-model", server.url)
        agent = DiscussNav(llm, Captions(), experts=[], procedure=StageBeam(candidates=2), history="template")
        decision = agent.act(see())
    assert purposes(decision) == {"compare": 3, "fuse thoughts": 3, "judge": 1, "summary": 1} | dict.fromkeys(
        ("caption", "reasoning", "conclusion"), 1
    )
    asked = next(request for request in server.requests if fields_of(request) == {"action", "thought"})
    assert asked.body["n"] == 5


@pytest.mark.parametrize("text", ["", "hm", '{"summary": 3}'])
def test_a_stage_without_any_usable_candidate_is_left_out_and_counted(text: str) -> None:
    def thinker(request: Request) -> Step:
        return Text(text) if fields_of(request) == {"summary"} else Thinker()(request)

    with ChatServer(thinker) as server:
        decision = navgpt(server, StageBeam(candidates=2)).act(see())
    assert (decision.action, decision.fallback, len(decision.problems)) == (MoveTo(LEFT), False, 1)
    assert "summary" in decision.problems[0]


def test_a_conclusion_that_cannot_be_used_loses_without_a_comparison() -> None:
    thinker = Thinker("never")
    thinker.conclusions = ["hm", "", conclusion(BEHIND)]
    with ChatServer(thinker) as server:
        decision = navgpt(server, StageBeam(candidates=3)).act(see())
    assert (decision.action, decision.problems) == (MoveTo(BEHIND), ())
    assert purposes(decision)["compare"] == 3 * 2


def test_conclusions_that_cannot_be_used_end_in_the_fallback() -> None:
    with ChatServer(Thinker(conclusions=("deadbeef",))) as server:
        decision = navgpt(server, StageBeam(candidates=2), max_retries=1).act(see())
    assert (decision.action, decision.fallback, len(decision.problems)) == (Stop(), True, 2)


def test_a_judge_who_names_neither_keeps_the_first_and_is_counted() -> None:
    def thinker(request: Request) -> Step:
        return Text("both") if "better" in fields_of(request) else Thinker()(request)

    with ChatServer(thinker) as server:
        decision = navgpt(server, StageBeam(candidates=2)).act(see())
    assert (decision.action, len(decision.problems)) == (MoveTo(LEFT), 4)


# ------------------------------------------------------------------------------------------------ best of N
class ByNumber(ProcessReward):
    """Scores a step by the number that it ends with, and conclusions by 1."""

    def __init__(self, scores: Sequence[float]) -> None:
        self.scores = scores

    def score(self, asker: Asker, messages: Sequence[Message], steps: Sequence[str]) -> Sequence[float]:
        return [*(self.scores[int(step[-1])] for step in steps[:-1]), 1.0]


def concluding_by_chain(request: Request) -> Step:
    """Go another way after every chain of reasoning."""
    if fields_of(request) == {"action", "thought"}:
        said = [message["content"] for message in request.messages if message["role"] == "assistant"]
        return Text(conclusion((LEFT, AHEAD, BEHIND)[int(said[0][-1])]))
    return Thinker()(request)


@pytest.mark.parametrize(
    ("scores", "action"),
    [((0.9, 0.5, 0.6), LEFT), ((0.1, 0.5, 0.6), BEHIND), ((0.5, 0.5, 0.5), LEFT), ((0.0, 0.1, 0.0), AHEAD)],
)
def test_the_chain_with_the_highest_product_decides(scores: Sequence[float], action: str) -> None:
    with ChatServer(concluding_by_chain) as server:
        decision = navgpt(server, BestOfN(ByNumber(scores), candidates=3)).act(see())
    assert (decision.action, decision.problems) == (MoveTo(action), ())
    assert purposes(decision) == {"chain": 1, "conclusion": 3}


class OneWeakStep(ProcessReward):
    """The first chain has one step of 0.2 among ones, the others 0.7 throughout: 0.2 against 0.24."""

    def score(self, asker: Asker, messages: Sequence[Message], steps: Sequence[str]) -> Sequence[float]:
        return (1.0, 0.2, 1.0, 1.0) if steps[0].endswith("0") else (0.7, 0.7, 0.7, 0.7)


def test_scores_are_multiplied_and_not_averaged() -> None:
    with ChatServer(concluding_by_chain) as server:
        decision = navgpt(server, BestOfN(OneWeakStep(), candidates=2)).act(see())
    assert decision.action == MoveTo(AHEAD)


def grading(*grades: Any) -> Any:
    """Return a thinker who grades his chains one after the other."""
    given = iter(grades)

    def thinker(request: Request) -> Step:
        if fields_of(request) == {"scores"}:
            return Text(json.dumps({"scores": next(given)}))
        return concluding_by_chain(request)

    return thinker


def test_the_model_grades_its_own_steps() -> None:
    with ChatServer(grading([0.5] * 4, [0.9] * 4)) as server:
        decision = navgpt(server, BestOfN(candidates=2)).act(see())
    assert decision.action == MoveTo(AHEAD)
    graded = next(request for request in server.requests if fields_of(request) == {"scores"})
    assert "Step 1: " in graded.last
    assert "Step 4: " in graded.last
    assert purposes(decision) == {"chain": 1, "conclusion": 2, "grade": 2}


@pytest.mark.parametrize("grades", [[1, 1], [2, 1, 1, 1], ["1"] * 4, [True] * 4, "all", None])
def test_a_chain_without_proper_grades_scores_nothing_and_is_counted(grades: Any) -> None:
    with ChatServer(grading(grades, [0.1] * 4)) as server:
        decision = navgpt(server, BestOfN(candidates=2)).act(see())
    assert (decision.action, len(decision.problems)) == (MoveTo(AHEAD), 1)


def test_without_any_chain_the_question_is_asked_plainly_and_that_is_counted() -> None:
    def thinker(request: Request) -> Step:
        return Text("hm") if fields_of(request) == set(STAGES) else Text(conclusion(AHEAD))

    with ChatServer(thinker) as server:
        decision = navgpt(server, BestOfN()).act(see())
    assert (decision.action, len(decision.problems)) == (MoveTo(AHEAD), 1)


# ------------------------------------------------------------------------------------------------------- options
@pytest.mark.parametrize("procedure", [StageBeam, BestOfN])
def test_at_least_one_candidate(procedure: type[StageBeam | BestOfN]) -> None:
    with pytest.raises(ConfigError, match="at least 1"):
        procedure(candidates=0)


def test_the_offline_rules_decide_in_stages_as_at_once(tiny_data: Path) -> None:
    env, texts = R2R("val_unseen", str(tiny_data)), NavGPTTexts(str(tiny_data))
    for episode in env.episodes[::5]:
        walks = {
            rollout(env, NavGPT(OfflineChat(), texts, procedure=procedure), episode).viewpoints
            for procedure in (None, StageBeam(candidates=2), BestOfN())
        }
        assert len(walks) == 1
