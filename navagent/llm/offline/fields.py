"""What the offline rules fill into a schema's properties that are neither an option nor a reason, by their names.

A planner whose schema asks for more than a move and a thought adds a line to `FIELDS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from navagent.llm.offline.ranking import clauses_behind
from navagent.llm.offline.scene import Scene
from navagent.llm.offline.words import names


def _actions(scene: Scene) -> list[str]:
    return [clause.text for clause in scene.clauses]


def _landmarks(scene: Scene) -> list[str]:
    return list(dict.fromkeys(name for clause in scene.clauses for name in names(clause.text)))


def _done(scene: Scene) -> list[str]:
    return [clause.text for clause in clauses_behind(scene)]


def _translation(scene: Scene) -> str:
    return scene.instruction


def _thought(scene: Scene) -> str | None:
    return scene.told[0] if scene.told else None


def _plan(scene: Scene) -> str:
    return "; then ".join(clause.text for clause in scene.clauses if clause not in clauses_behind(scene))


FIELDS: Mapping[str, Callable[[Scene], Any]] = {
    "actions": _actions,  # the instruction, cut into its steps
    "landmarks": _landmarks,  # what it names, in its order
    "done": _done,  # the steps that should be behind the agent
    "translation": _translation,  # the instruction as it is
    "thought": _thought,  # of several that are quoted, the first
    "plan": _plan,  # the steps that should be ahead
}
"""Rules by property. A value that is not of the property's JSON type is not used."""


def field(scene: Scene, name: str) -> Any:
    """Return what the rules know for a property of that name, or None."""
    return FIELDS[name](scene) if name in FIELDS else None
