"""SwiftSage against a chat model on a script, over real HTTP, and on the offline rules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from envs.r2r.env import R2R
from navagent.contracts import Policy
from navagent.errors import ChatError, ConfigError
from navagent.llm.offline import OfflineChat
from navagent.llm.openai_chat import OpenAIChat
from navagent.llm.text_tokens import estimate_tokens
from navagent.perception.navgpt_texts import NavGPTTexts
from navagent.rollout import rollout
from navagent.types import Action, Decision, Episode, Forward, Message, MoveTo, Observation, Stop
from policies.a2nav import A2Nav
from policies.baselines import Random
from policies.navgpt import NavGPT
from policies.navigators.graph import GraphNavigator
from policies.swiftsage import MOST_CHARACTERS, SwiftSage
from tests.chat_server import ChatServer, ContextLength, Status, Step, Text
from tests.conformance.policy_suite import PolicySuite
from tests.kitchen import AHEAD, BEHIND, EPISODE, LEFT, LEGAL, Captions, see
from tests.policies.test_planner_faults import FAULTS, INJECTIONS

ANSWERS = ("needed", "missing", "progress", "mistakes")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


class _OnTinyR2R(PolicySuite):
    @pytest.fixture
    def env(self, tiny_data: Path) -> R2R:
        return R2R("val_unseen", str(tiny_data))


class TestOverA2Nav(_OnTinyR2R):
    @pytest.fixture
    def policy(self, tiny_data: Path) -> SwiftSage:
        texts = NavGPTTexts(str(tiny_data))
        return SwiftSage(OfflineChat(), texts, A2Nav(OfflineChat(), GraphNavigator(texts)))


class TestOverNavGPT(_OnTinyR2R):
    @pytest.fixture
    def policy(self, tiny_data: Path) -> SwiftSage:
        texts = NavGPTTexts(str(tiny_data))
        return SwiftSage(OfflineChat(), texts, NavGPT(OfflineChat(), texts, style="json"))


class TestOverRandom(_OnTinyR2R):
    @pytest.fixture
    def policy(self, tiny_data: Path) -> SwiftSage:
        return SwiftSage(OfflineChat(), NavGPTTexts(str(tiny_data)), Random())


class Fast(Policy):
    """Does what a list says, the last entry for ever, and keeps what it hears."""

    def __init__(self, *decided: Action | Decision) -> None:
        self.decided = list(decided)
        self.asked = 0
        self.heard: list[Action] = []

    def reset(self, episode: Episode) -> None:
        self.asked = 0

    def act(self, observation: Observation) -> Action | Decision:
        self.asked += 1
        return self.decided[min(self.asked, len(self.decided)) - 1]

    def overruled(self, observation: Observation, action: Action) -> None:
        self.heard.append(action)


def agent(server: ChatServer, fast: Policy, caption: str = "A kitchen counter.", **options: Any) -> SwiftSage:
    llm = OpenAIChat("some-model", server.url, timeout_s=10, max_retries=0)
    made = SwiftSage(llm, Captions(caption), fast, **options)
    made.reset(EPISODE)
    return made


def plan(progress: str = "The kitchen is left.", subgoals: Any = ("find the piano",)) -> Text:
    answers: dict[str, Any] = {name: f"{name}?" for name in ANSWERS}
    return Text(json.dumps({**answers, "progress": progress, "subgoals": subgoals}))


def moves(*entries: tuple[str, str]) -> Text:
    return Text(json.dumps({"moves": [{"move": move, "target": target} for move, target in entries]}))


def purposes(decision: Decision) -> list[str]:
    return [call.purpose for call in decision.calls]


def play(made: SwiftSage, steps: int) -> list[Decision]:
    return [made.act(see(f"c0ffee{k:02d}", k)) for k in range(steps)]


GO = MoveTo(AHEAD)


# ------------------------------------------------------------------------------------------- who decides when
def test_fast_moves_cost_no_call() -> None:
    with ChatServer([plan()]) as server:
        decisions = play(agent(server, Fast(GO)), 4)
    assert [decision.action for decision in decisions] == [GO] * 4
    assert server.requests == []


def test_a_stop_is_planned_over_in_two_calls_and_confirmed() -> None:
    with ChatServer([plan(), moves(("stop", ""))]) as server:
        decision = agent(server, Fast(Stop())).act(see())
    assert (decision.action, decision.fallback) == (Stop(), False)
    assert purposes(decision) == ["plan", "ground"]
    assert decision.thought == "slow, because critical: The kitchen is left. Moves: stop."
    assert "it wants to stop" in server.requests[0].last
    assert "The quick program would now: stop" in server.requests[0].last


def test_the_plan_reaches_the_grounding() -> None:
    with ChatServer([plan("Half of it."), moves(("go", LEFT))]) as server:
        decision = agent(server, Fast(Stop())).act(see())
    assert decision.action == MoveTo(LEFT)
    assert "- progress: Half of it.\n" in server.requests[1].last
    assert "- subgoals: find the piano" in server.requests[1].last


def test_the_buffer_is_carried_out_before_the_fast_policy_is_asked_again() -> None:
    fast = Fast(Stop(), GO)
    with ChatServer([plan(), moves(("go", LEFT), ("turn", "back"), ("approach", "lamp"))]) as server:
        decisions = play(agent(server, fast), 4)
    assert [decision.action for decision in decisions] == [MoveTo(LEFT), MoveTo(BEHIND), MoveTo(AHEAD), GO]
    assert [len(decision.calls) for decision in decisions] == [2, 0, 0, 0]
    assert fast.asked == 2
    assert fast.heard == [MoveTo(LEFT), MoveTo(BEHIND), MoveTo(AHEAD)]


def test_a_buffered_move_that_cannot_be_made_gives_way_to_the_fast_policy() -> None:
    fast = Fast(Stop(), GO, Stop())
    with ChatServer([plan(), moves(("go", LEFT), ("go", "deadbeef"))]) as server:
        decisions = play(agent(server, fast), 3)
    assert [decision.action for decision in decisions][:2] == [MoveTo(LEFT), GO]
    assert fast.asked == 3
    assert "nothing that is known" in server.requests[2].last  # one step later that is forgotten


def test_what_went_wrong_is_told_to_the_next_plan() -> None:
    fast = Fast(Stop())
    with ChatServer([plan(), moves(("go", LEFT), ("approach", "piano"))]) as server:
        play(agent(server, fast), 2)
    assert "the planned move 'approach piano' could not be made here" in server.requests[2].last


def test_a_move_that_leads_nowhere_empties_the_buffer() -> None:
    fast = Fast(Stop(), GO)
    with ChatServer([plan(), moves(("go", LEFT), ("turn", "back"))]) as server:
        made = agent(server, fast, switches=("critical",))
        made.act(see("c0ffee00", 0))
        assert made.act(see("c0ffee00", 1)).action == GO


def test_after_two_plans_in_a_row_the_fast_policy_decides() -> None:
    with ChatServer([plan(), moves(("go", LEFT))] * 2) as server:
        decisions = play(agent(server, Fast(Stop())), 3)
    assert [decision.action for decision in decisions] == [MoveTo(LEFT), MoveTo(LEFT), Stop()]
    assert [purposes(decision) for decision in decisions] == [["plan", "ground"]] * 2 + [[]]
    assert decisions[2].thought.startswith("fast: ")


def test_stuck_hands_over_after_five_idle_steps_and_counts_anew() -> None:
    with ChatServer([plan(), moves(("go", LEFT))]) as server:
        decisions = play(agent(server, Fast(GO), switches=("stuck",)), 12)
    # "kitchen" is seen at once, "piano" never: steps 1 to 5 are idle.
    assert [k for k, decision in enumerate(decisions) if decision.calls] == [5, 10]


def test_a_word_of_the_instruction_that_comes_into_sight_is_progress() -> None:
    captions = Captions()
    with ChatServer([plan(), moves(("go", LEFT))]) as server:
        llm = OpenAIChat("some-model", server.url, timeout_s=10, max_retries=0)
        made = SwiftSage(llm, captions, Fast(GO), switches=("stuck",))
        made.reset(EPISODE)
        for step in range(9):
            captions.caption = "A grand piano." if step == 4 else "A kitchen counter."
            assert made.act(see(f"c0ffee{step:02d}", step)).calls == ()
        assert purposes(made.act(see("c0ffee99", 9))) == ["plan", "ground"]


def test_an_illegal_fast_move_hands_over_and_its_id_is_not_told() -> None:
    with ChatServer([plan(), moves(("go", LEFT))]) as server:
        decision = agent(server, Fast(MoveTo("deadbeef"))).act(see())
    assert (decision.action, decision.fallback) == (MoveTo(LEFT), False)
    assert "its choice is not possible here" in server.requests[0].last
    assert "deadbeef" not in server.requests[0].last


def test_a_fast_step_or_turn_is_no_move_between_candidates() -> None:
    with ChatServer([plan(), moves(("go", LEFT))]) as server:
        decision = agent(server, Fast(Forward())).act(see())
    assert (decision.action, purposes(decision)) == (MoveTo(LEFT), ["plan", "ground"])


def test_a_fast_fallback_hands_over() -> None:
    with ChatServer([plan(), moves(("go", LEFT))]) as server:
        decision = agent(server, Fast(Decision(GO, fallback=True, problems=("hm",)))).act(see())
    assert (decision.action, decision.fallback, decision.problems) == (MoveTo(LEFT), False, ("hm",))


def test_going_back_hands_over() -> None:
    with ChatServer([plan(), moves(("go", LEFT))]) as server:
        made = agent(server, Fast(GO), switches=("unexpected",))
        calls = [len(made.act(see(name, k)).calls) for k, name in enumerate(("a", "b", "a"))]
    assert calls == [0, 0, 2]


def test_switches_can_be_left_out() -> None:
    with ChatServer([plan()]) as server:
        decision = agent(server, Fast(Stop()), switches=()).act(see())
    assert (decision.action, server.requests) == (Stop(), [])


def test_history_tells_what_both_halves_did() -> None:
    with ChatServer([plan(), moves(("go", LEFT))]) as server:
        play(agent(server, Fast(GO, Stop())), 2)
    assert f"1. At c0ffee00: A kitchen. Then turned right 10 degrees to {AHEAD}." in server.requests[0].last


def test_new_episode_forgets_the_last() -> None:
    script = [plan(), moves(("go", LEFT), ("turn", "back"))] * 2
    with ChatServer(script) as server:
        made = agent(server, Fast(Stop()))
        made.act(see())
        made.reset(EPISODE)
        decision = made.act(see())
    assert decision.action == MoveTo(LEFT)  # a new plan, not the old buffer
    assert "Nothing yet: this is the start." in server.requests[2].last


# ------------------------------------------------------------------------------------------------------ faults
PLAN_FAULTS: dict[str, Step] = {
    **FAULTS,
    "no subgoals": Text(json.dumps({name: "x" for name in ANSWERS})),
    "numbers": Text(json.dumps({**dict.fromkeys(ANSWERS, 1), "subgoals": []})),
}
GROUND_FAULTS: dict[str, Step] = {
    **FAULTS,
    "no moves": moves(),
    "unknown kind": moves(("fly", LEFT)),
    "illegal viewpoint": moves(("go", "deadbeef")),
    "unseen landmark": moves(("approach", "piano")),
    "no such side": moves(("turn", "up")),
    "right, where no way leads": moves(("turn", "right of the piano")),
    "not a list": Text(json.dumps({"moves": "stop"})),
}


@pytest.mark.parametrize("fault", PLAN_FAULTS.values(), ids=PLAN_FAULTS.keys())
def test_unusable_plan_is_asked_for_again(fault: Step) -> None:
    with ChatServer([fault, plan(), moves(("go", LEFT))]) as server:
        decision = agent(server, Fast(Stop())).act(see())
    assert (decision.action, decision.fallback, len(decision.problems)) == (MoveTo(LEFT), False, 1)
    assert purposes(decision) == ["plan", "plan", "ground"]
    assert decision.problems[0] in server.requests[1].last


@pytest.mark.parametrize("fault", GROUND_FAULTS.values(), ids=GROUND_FAULTS.keys())
def test_unusable_grounding_is_asked_for_again(fault: Step) -> None:
    with ChatServer([plan(), fault, moves(("go", LEFT))]) as server:
        decision = agent(server, Fast(Stop())).act(see())
    assert (decision.action, decision.fallback, len(decision.problems)) == (MoveTo(LEFT), False, 1)
    assert purposes(decision) == ["plan", "ground", "ground"]


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
@pytest.mark.parametrize(
    ("proposal", "action"), [(Stop(), Stop()), (MoveTo("deadbeef"), GO)], ids=["legal proposal", "illegal proposal"]
)
def test_fault_that_lasts_leaves_the_fast_move_or_the_fallback(fault: Step, proposal: Action, action: Action) -> None:
    with ChatServer([fault]) as server:
        decision = agent(server, Fast(proposal), fallback="forward").act(see())
    assert (decision.action, decision.fallback, len(decision.problems)) == (action, True, 3)


def test_illegal_fast_moves_after_two_plans_end_in_the_fallback() -> None:
    with ChatServer([plan(), moves(("go", LEFT))] * 2) as server:
        decisions = play(agent(server, Fast(MoveTo("deadbeef"))), 3)
    assert [decision.fallback for decision in decisions] == [False, False, True]
    assert decisions[2].action == Stop()


def test_what_comes_after_a_stop_is_dropped() -> None:
    fast = Fast(Stop())
    with ChatServer([plan(), moves(("go", LEFT), ("stop", ""), ("turn", "back"))]) as server:
        decisions = play(agent(server, fast), 2)
    assert [decision.action for decision in decisions] == [MoveTo(LEFT), Stop()]


@pytest.mark.parametrize("caption", INJECTIONS)
def test_model_that_obeys_a_caption_makes_no_illegal_move(caption: str) -> None:
    with ChatServer([plan(), moves(("go", "0bad1dea"))]) as server:
        decision = agent(server, Fast(MoveTo("0bad1dea")), caption=caption).act(see())
    assert decision.action in LEGAL
    assert decision.fallback
    assert server.requests[0].last.count(caption) == 8


@pytest.mark.parametrize("script", [[Status(500)], [plan(), Status(500)]], ids=["plan", "ground"])
def test_failing_server_is_an_error_that_keeps_the_calls_before(script: list[Step]) -> None:
    with ChatServer(script) as server, pytest.raises(ChatError) as caught:
        agent(server, Fast(Stop())).act(see())
    assert [call.purpose for call in caught.value.calls] == ["plan"] * (len(script) - 1)


# ----------------------------------------------------------------------------------------------- prompt growth
def growing(server: ChatServer, steps: int, **options: Any) -> list[int]:
    """Return the tokens of all requests of an episode in which every fourth move is planned."""
    turns: list[Action] = [GO, GO, GO, Stop()]
    fast = Fast(*turns * steps)
    made = agent(server, fast, max_steps=steps, **options)
    play(made, steps)
    return [estimate_tokens([Message("user", m["content"]) for m in r.messages]) for r in server.requests]


def test_thirty_steps_stay_under_the_limit_that_the_user_sets() -> None:
    with ChatServer([plan(), moves(("go", LEFT))] * 20) as server:
        free = growing(server, 30)
    with ChatServer([plan(), moves(("go", LEFT))] * 20) as server:
        bound = growing(server, 30, prompt_tokens=900)
    assert len(free) == len(bound) == 14
    assert max(free) > 900 >= max(bound)
    assert bound[0] == free[0]  # nothing is left out before it must be


def test_request_that_the_model_finds_too_long_loses_its_older_memories() -> None:
    with ChatServer([ContextLength(), plan(), moves(("go", LEFT))]) as server:
        made = agent(server, Fast(GO, GO, GO, GO, Stop()))
        decision = play(made, 5)[-1]
    assert (decision.action, decision.fallback) == (MoveTo(LEFT), False)
    assert [request.last.count(" Then turned ") for request in server.requests] == [4, 2, 0]


def test_grounding_is_told_where_not_to_go_back_to() -> None:
    with ChatServer([plan(), moves(("go", LEFT))]) as server:
        made = agent(server, Fast(GO, Stop()))
        made.act(see(BEHIND))
        made.act(see(AHEAD, 1))
    assert f"after 1 of at most 15 moves. Of the viewpoints below it has visited: {BEHIND}." in server.requests[1].last
    assert "c0ffee00" not in server.requests[1].last


def test_talkative_plan_is_cut() -> None:
    with ChatServer([plan("word " * 5000), moves(("go", LEFT))]) as server:
        agent(server, Fast(Stop())).act(see())
    assert 0 < server.requests[1].last.count("word ") <= MOST_CHARACTERS // 5


# ------------------------------------------------------------------------------------------------- construction
def test_bad_limits_are_refused(tiny_data: Path) -> None:
    for name in ("patience", "most_plans", "most_moves", "max_steps"):
        wrong: dict[str, Any] = {name: 0}
        with pytest.raises(ConfigError, match="at least 1"):
            SwiftSage(OfflineChat(), NavGPTTexts(str(tiny_data)), Random(), **wrong)


def test_it_needs_what_both_halves_need(tiny_data: Path) -> None:
    made = SwiftSage(OfflineChat(), NavGPTTexts(str(tiny_data)), Random())
    assert made.needs == {"candidates", "pose", "viewpoint"}


def test_offline_run_makes_two_calls_per_slow_decision(tiny_data: Path) -> None:
    env, texts = R2R("val_unseen", str(tiny_data)), NavGPTTexts(str(tiny_data))
    decisions: list[Decision] = []
    for episode in env.episodes[:8]:
        rollout(env, SwiftSage(OfflineChat(), texts, Random()), episode, lambda _, made: decisions.append(made))
    slow = [decision for decision in decisions if decision.thought.startswith("slow, because")]
    assert slow
    assert all(purposes(decision) == ["plan", "ground"] for decision in slow)
    assert all(purposes(decision) == [] for decision in decisions if decision not in slow)
