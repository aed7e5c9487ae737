"""What the offline rules fill into a schema's properties that are neither an option nor a reason, by their names.

A planner whose schema asks for more than a move and a thought adds a line to `FIELDS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from navagent.llm.offline.ranking import STOP, choose, clauses_behind
from navagent.llm.offline.scene import Scene
from navagent.llm.offline.sub_tasks import sub_tasks
from navagent.llm.offline.words import names

MOVES_PER_SUB_TASK = 2
"""R2R's paths have 4 to 6 moves, its instructions about three sub-tasks."""


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
    return "; then ".join(_subgoals(scene))


def _sub_tasks(scene: Scene) -> list[dict[str, str]]:
    return [
        {"action": action, "landmark": landmark, "text": text}
        for action, landmark, text in sub_tasks(scene.instruction)
    ]


def _complete(scene: Scene) -> bool:
    return scene.moves > 0 and (bool(scene.end & scene.touched) or scene.moves >= MOVES_PER_SUB_TASK)


def _moves(scene: Scene) -> list[dict[str, str]]:
    best = choose(scene)[0][0]
    return [{"move": "stop", "target": ""} if best == STOP else {"move": "go", "target": best}]


def _subgoals(scene: Scene) -> list[str]:
    behind = clauses_behind(scene)
    return [clause.text for clause in scene.clauses if clause not in behind]


def _progress(scene: Scene) -> str:
    return f"Done: {', '.join(_done(scene)) or 'nothing'}. Next: {(_subgoals(scene) or ['stop'])[0]}."


FIELDS: Mapping[str, Callable[[Scene], Any]] = {
    "actions": _actions,  # the instruction, cut into its steps
    "landmarks": _landmarks,  # what it names, in its order
    "done": _done,  # the steps that should be behind the agent
    "translation": _translation,  # the instruction as it is
    "thought": _thought,  # of several that are quoted, the first
    "plan": _plan,  # the steps that should be ahead
    "complete": _complete,  # whether the instruction, here a sub-task's, is done
    "moves": _moves,  # what to do next, as SwiftSage types it
    "progress": _progress,
    "sub_tasks": _sub_tasks,  # the instruction as A2Nav takes it apart
    "subgoals": _subgoals,  # the steps that are not behind it
}
"""Rules by property. A value that is not of the property's JSON type is not used."""


def field(scene: Scene, name: str) -> Any:
    """Return what the rules know for a property of that name, or None."""
    return FIELDS[name](scene) if name in FIELDS else None
