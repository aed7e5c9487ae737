"""Every planner that ships, and one of a user's own, by name: what tests of all planners run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from navagent.contracts import ChatModel, Describer, Policy
from navagent.llm.offline import OfflineChat
from policies.a2nav import A2Nav
from policies.baselines import Random
from policies.discussnav import DiscussNav
from policies.navgpt import NavGPT
from policies.navigators.chat import ChatNavigator
from policies.navigators.graph import GraphNavigator
from policies.planner import Planner, Situation
from policies.staged import BestOfN, StageBeam
from policies.swiftsage import SwiftSage

Make: TypeAlias = Callable[..., Planner]


class Own(Planner):
    """What a user writes: a prompt and nothing else."""

    def prompt(self, situation: Situation) -> str:
        return f"""Instruction: {situation.instruction}
{situation.history}
You are at viewpoint {situation.observation.viewpoint}.
{situation.surroundings}
Answer in JSON: {{"thought": "...", "action": "the id of a navigable viewpoint, or stop"}}"""


def _own_with_all(llm: ChatModel, describer: Describer, **options: Any) -> Planner:
    return Own(llm, describer, memory="map", procedure=StageBeam(candidates=2), **options)


def _navgpt_json(llm: ChatModel, describer: Describer, **options: Any) -> Planner:
    return NavGPT(llm, describer, style="json", **options)


def _navgpt_map(llm: ChatModel, describer: Describer, **options: Any) -> Planner:
    return NavGPT(llm, describer, memory="map", **options)


def _navgpt_stages(llm: ChatModel, describer: Describer, **options: Any) -> Planner:
    return NavGPT(llm, describer, procedure=StageBeam(candidates=2), **options)


def _navgpt_best(llm: ChatModel, describer: Describer, **options: Any) -> Planner:
    return NavGPT(llm, describer, procedure=BestOfN(candidates=2), **options)


def _discussnav_map(llm: ChatModel, describer: Describer, **options: Any) -> Planner:
    return DiscussNav(llm, describer, memory="map", **options)


PLANNERS: Mapping[str, Make] = {
    "NavGPT": NavGPT,
    "NavGPT, JSON": _navgpt_json,
    "NavGPT, map": _navgpt_map,
    "NavGPT, stages": _navgpt_stages,
    "NavGPT, best of N": _navgpt_best,
    "DiscussNav": DiscussNav,
    "DiscussNav, map": _discussnav_map,
    "a user's own": Own,
    "a user's own, map and stages": _own_with_all,
}

COMPOSED: Mapping[str, Callable[[ChatModel, Describer], Policy]] = {
    "A2Nav": lambda llm, texts: A2Nav(llm, GraphNavigator(texts)),
    "A2Nav, chat": lambda llm, texts: A2Nav(llm, ChatNavigator(llm, texts)),
    "SwiftSage": lambda llm, texts: SwiftSage(llm, texts, A2Nav(OfflineChat(), GraphNavigator(texts))),
    "SwiftSage, Random": lambda llm, texts: SwiftSage(llm, texts, Random()),
}
"""Planners made of parts that do not ask the model at every step."""

EVERY: Mapping[str, Callable[..., Policy]] = {**PLANNERS, **COMPOSED}
