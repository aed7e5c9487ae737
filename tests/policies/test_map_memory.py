"""The map: what is drawn, what is told of it, and walks across it."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from envs.r2r.env import R2R
from navagent.llm.offline import OfflineChat
from navagent.llm.openai_chat import OpenAIChat
from navagent.perception.navgpt_texts import NavGPTTexts
from navagent.types import Candidate, Decision, MoveTo, Observation, Reply, Stop
from policies.discussnav import DiscussNav
from policies.map_memory import PLAN_CHARACTERS, START, Map, MapMemory, take_plan, with_plan
from policies.navgpt import NavGPT
from tests.chat_server import ChatServer, Text
from tests.conformance.policy_suite import PolicySuite
from tests.kitchen import EPISODE, INSTRUCTION, Captions, see

GRAPH = {  # metres
    "start": {"hall": 2.0, "attic": 9.0},
    "hall": {"start": 2.0, "stairs": 3.0, "porch": 4.0},
    "stairs": {"hall": 3.0, "attic": 1.0, "landing": 2.0},
    "porch": {"hall": 4.0},
}


def look(viewpoint: str, step: int = 0) -> Observation:
    ways = GRAPH[viewpoint].items()
    seen = tuple(Candidate(name, math.radians(40 * i), 0.0, metres) for i, (name, metres) in enumerate(ways))
    return Observation(INSTRUCTION, "house", step, viewpoint=viewpoint, candidates=seen)


def walked(*viewpoints: str) -> MapMemory:
    memory = MapMemory()
    for viewpoint in viewpoints:
        memory.see(look(viewpoint), Captions(f"Seen from {viewpoint}.").describe(look(viewpoint)))
    return memory


@pytest.fixture(autouse=True)
def _local(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


class _OnTinyR2R(PolicySuite):
    @pytest.fixture
    def env(self, tiny_data: Path) -> R2R:
        return R2R("val_unseen", str(tiny_data))


class TestNavGPTWithAMap(_OnTinyR2R):
    @pytest.fixture
    def policy(self, tiny_data: Path) -> NavGPT:
        return NavGPT(OfflineChat(), NavGPTTexts(str(tiny_data)), memory="map")


class TestDiscussNavWithAMap(_OnTinyR2R):
    @pytest.fixture
    def policy(self, tiny_data: Path) -> DiscussNav:
        return DiscussNav(OfflineChat(), NavGPTTexts(str(tiny_data)), memory="map")


# ------------------------------------------------------------------------------------------------ what it tells
def test_the_map_in_words() -> None:
    memory = walked("start", "hall", "stairs")
    memory.plan = "Look upstairs."
    assert memory.snapshot().text.splitlines() == [
        "Map: places have numbers in the order in which they were seen; you are at 3.",
        "Way so far: 0, 1, 3",
        "3 leads to 1 = hall, 2 = attic, 5 = landing",
        "0 leads to 1, 2",
        "1 leads to 0, 3, 4",
        "Seen but not visited, farther away; choose such an id to walk there along known ways:",
        "4 = porch, from 1, 7.0 m to walk: Seen from hall.",
        "Plan so far: Look upstairs.",
    ]


def test_only_places_beyond_one_move_are_listed_the_nearest_first() -> None:
    memory = walked("start", "hall", "stairs", "hall")
    assert [(place.id, place.distance) for place in memory.snapshot().elsewhere] == [("attic", 4.0), ("landing", 5.0)]
    assert [place.id for place in walked("start").snapshot().elsewhere] == []


def test_a_smaller_map_keeps_the_newer_way_and_the_nearer_places() -> None:
    whole = walked("start", "hall", "stairs", "hall", "porch").snapshot()
    half = whole.smaller()
    assert whole.trail == (0, 1, 3, 1, 4)
    assert half.trail == (3, 1, 4)
    assert [place.id for place in half.elsewhere] == [place.id for place in whole.elsewhere[:1]] == ["attic"]
    assert half.neighbours == whole.neighbours
    assert set(half.ways) == {1, 3, 4}
    smallest = _smallest(whole)
    assert (smallest.trail, smallest.elsewhere, smallest.neighbours) == ((4,), (), whole.neighbours)


def _smallest(whole: Map) -> Map:
    return whole if whole.smaller() == whole else _smallest(whole.smaller())


# -------------------------------------------------------------------------------------------------------- walks
@given(st.data())
def test_walks_are_shortest_known_ways(data: st.DataObject) -> None:
    """An independent implementation: networkx on the edges that were seen."""
    graph = nx.gnm_random_graph(9, 14, seed=data.draw(st.integers(0, 999)))
    metres = {frozenset(edge): data.draw(st.integers(1, 9)) for edge in graph.edges}
    memory, here = MapMemory(), 0
    known: nx.Graph[str] = nx.Graph()
    for step in range(data.draw(st.integers(1, 6))):
        ways = list(graph[here])
        seen = tuple(Candidate(str(to), 0.1 * to, 0.0, metres[frozenset((here, to))]) for to in ways)
        observation = Observation(INSTRUCTION, "house", step, viewpoint=str(here), candidates=seen)
        memory.see(observation, Captions().describe(observation))
        known.add_weighted_edges_from((str(here), str(to), metres[frozenset((here, to))]) for to in ways)
        if not ways:
            break
        previous, here = here, data.draw(st.sampled_from(ways))
    else:
        here = previous
    lengths = nx.single_source_dijkstra_path_length(known, str(here)) if known else {}
    for place in memory.snapshot().elsewhere:
        assert place.distance == lengths[place.id]
        path = [str(here), memory.set_out(place.id)]
        while path[-1] != place.id:
            around = Observation(INSTRUCTION, "house", 0, candidates=_candidates(known, path[-1]))
            path.append(str(memory.go_on(around)))
        assert nx.path_weight(known, path, "weight") == place.distance


def _candidates(known: nx.Graph[str], here: str) -> tuple[Candidate, ...]:
    return tuple(Candidate(name, 0.0, 0.0, 1.0) for name in known[here])


def choosing(action: str, plan: str = "Then on.") -> Text:
    return Text(json.dumps({"plan": plan, "thought": "There.", "action": action}))


def play(server: ChatServer, viewpoints: list[str], style: str = "json") -> list[Decision]:
    llm = OpenAIChat("some-model", server.url, timeout_s=10, max_retries=0)
    agent = NavGPT(llm, Captions(), style="json" if style == "json" else "react", memory="map")
    agent.reset(EPISODE)
    return [agent.act(look(viewpoint, step)) for step, viewpoint in enumerate(viewpoints)]


def test_the_agent_walks_to_a_place_elsewhere_without_further_calls() -> None:
    script = [choosing("hall"), choosing("stairs"), choosing("porch"), choosing("stop")]
    with ChatServer(script) as server:
        decisions = play(server, ["start", "hall", "stairs", "hall", "porch"])
    assert [decision.action for decision in decisions] == [
        MoveTo("hall"),
        MoveTo("stairs"),
        MoveTo("hall"),
        MoveTo("porch"),
        Stop(),
    ]
    assert [len(decision.calls) for decision in decisions] == [1, 1, 1, 0, 1]
    assert decisions[3].thought == "on the way to porch"
    assert "4. At hall: A kitchen. Thought: on the way to porch Then turned right" in server.requests[-1].last


def test_a_place_that_one_move_reaches_is_moved_to_even_if_a_known_way_is_shorter() -> None:
    with ChatServer(
        [choosing("hall"), choosing("stairs"), choosing("hall"), choosing("start"), choosing("attic")]
    ) as server:
        decisions = play(server, ["start", "hall", "stairs", "hall", "start"])
    assert decisions[-1].action == MoveTo("attic")


def test_a_walk_that_is_cut_off_is_given_up() -> None:
    with ChatServer([choosing("hall"), choosing("stairs"), choosing("porch"), choosing("hall")]) as server:
        decisions = play(server, ["start", "hall", "stairs", "start"])
    assert [decision.action for decision in decisions[2:]] == [MoveTo("hall"), MoveTo("hall")]
    assert [len(decision.calls) for decision in decisions] == [1, 1, 1, 1]


def test_a_place_is_a_legal_choice_only_while_it_is_on_the_map() -> None:
    with ChatServer([choosing("porch"), choosing("hall"), choosing("landing"), choosing("stairs")]) as server:
        decisions = play(server, ["start", "hall"])
    assert [decision.action for decision in decisions] == [MoveTo("hall"), MoveTo("stairs")]
    assert [len(decision.problems) for decision in decisions] == [1, 1]


def test_a_move_that_another_policy_made_is_on_the_map() -> None:
    with ChatServer([choosing("porch")]) as server:
        agent = NavGPT(OpenAIChat("some-model", server.url), Captions(), style="json", memory="map")
        agent.reset(EPISODE)
        agent.overruled(look("start"), MoveTo("hall"))
        agent.overruled(look("hall", 1), MoveTo("stairs"))
        decision = agent.act(look("stairs", 2))
    assert decision.action == MoveTo("hall")
    assert "Way so far: 0, 1, 3" in server.requests[0].last


# --------------------------------------------------------------------------------------------------------- plans
def test_the_plan_is_carried_from_step_to_step() -> None:
    script = [choosing("hall", "Find the\n stairs."), choosing("stairs", ""), choosing("stop", "Done.")]
    with ChatServer(script) as server:
        play(server, ["start", "hall", "stairs"])
    assert [request.last.partition("Plan so far: ")[2].splitlines()[0] for request in server.requests] == [
        "none yet",
        "Find the stairs.",
        "Find the stairs.",
    ]


def test_a_plan_in_free_text_is_a_line_of_its_own() -> None:
    script = [Text("Thought: There.\nPlan: Find the stairs.\nAction: move\nAction Input: hall"), Text("Final Answer:")]
    with ChatServer(script) as server:
        decisions = play(server, ["start", "hall"], style="react")
    assert (decisions[0].action, decisions[0].thought) == (MoveTo("hall"), "There.")
    assert "Plan so far: Find the stairs." in server.requests[1].last


def test_a_long_plan_is_cut() -> None:
    reply = Reply(("",), ({"plan": "x" * 5000},), "m", 1, 1)
    assert len(take_plan(reply)[1]) == PLAN_CHARACTERS + len(" ...")


def test_only_objects_are_asked_for_a_plan() -> None:
    assert with_plan(None) is None
    assert with_plan({"type": "string"}) == {"type": "string"}
    asked = with_plan({"type": "object", "properties": {"action": {}}, "required": ["action"]})
    assert asked is not None
    assert asked["required"] == ["plan", "action"]


# ------------------------------------------------------------------------------------------------------ elsewhere
def test_without_viewpoints_places_are_where_moves_led() -> None:
    """The same walk gives the same map, whether the environment names its viewpoints or only its candidates."""
    memory = MapMemory()
    for viewpoint in (START, "hall", "stairs"):
        seen = replace(look(viewpoint), viewpoint=None)
        if viewpoint != START:
            memory.moved_to(viewpoint)
        memory.see(seen, Captions(f"Seen from {viewpoint}.").describe(seen))
    assert memory.snapshot() == walked(START, "hall", "stairs").snapshot()
    memory.reset()
    memory.see(replace(look(START), viewpoint=None), Captions("").describe(look(START)))
    assert memory.snapshot().trail == (0,)


def test_nothing_is_told_of_a_map_without_one() -> None:
    with ChatServer([Text(json.dumps({"thought": "", "action": "stop"}))]) as server:
        agent = NavGPT(OpenAIChat("some-model", server.url), Captions(), style="json")
        agent.act(see())
    assert "Map" not in server.requests[0].last
    assert "plan" not in server.requests[0].last
