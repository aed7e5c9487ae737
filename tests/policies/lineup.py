"""Every planner that ships, by name: what tests of all planners run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from navagent.contracts import ChatModel, Describer
from policies.discussnav import DiscussNav
from policies.navgpt import NavGPT
from policies.planner import Planner
from policies.staged import BestOfN, StageBeam

Make: TypeAlias = Callable[..., Planner]


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
}
