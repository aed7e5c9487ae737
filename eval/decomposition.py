"""How well an instruction was taken apart: predicted sub-tasks against annotated ones.

A2Nav (Chen et al. 2023) gives no figure for its parser, so these definitions are ours. Landmarks are compared in lower
case without articles; a colour counts ("red armchair" is not "armchair").
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from navagent.types import SubTask

_ARTICLE = re.compile(r"\b(?:a|an|the)\b")


def decomposition_metrics(predicted: Sequence[SubTask], annotated: Sequence[SubTask]) -> dict[str, float]:
    """Return one instruction's measures, each from 0 to 1.

    Args:
        predicted: What a planner made of it.
        annotated: What is true; at least one.

    Returns:
        `exact_match`: 1 if all actions and landmarks agree, in order, none missing and none too many.
        `action_accuracy`: sub-tasks with the right action, over the longer list's length. The lists are aligned in
        order so that most fields agree, and a missing or surplus sub-task is a wrong one.
        `landmark_f1`: F1 of the landmarks as a multiset, whatever their order and actions.
    """
    mine = [(task.action, landmark(task.landmark)) for task in predicted]
    true = [(task.action, landmark(task.landmark)) for task in annotated]
    found, named = Counter(name for _, name in mine), Counter(name for _, name in true)
    return {
        "exact_match": float(mine == true),
        "action_accuracy": _aligned_actions(mine, true) / max(len(mine), len(true)),
        "landmark_f1": 2 * (found & named).total() / (found.total() + named.total()),
    }


def landmark(name: str) -> str:
    """Return a landmark as it is compared."""
    return " ".join(_ARTICLE.sub(" ", name.lower()).split())


def _aligned_actions(mine: Sequence[tuple[str, str]], true: Sequence[tuple[str, str]]) -> int:
    """Return how many actions agree in the order-keeping alignment in which most fields agree."""
    # best[j]: (fields that agree, actions that agree) for the prefixes seen so far and true[:j].
    best = [(0, 0)] * (len(true) + 1)
    for action, name in mine:
        row = [(0, 0)]
        for j, (true_action, true_name) in enumerate(true):
            same = int(action == true_action)
            fields, actions = best[j]
            row.append(max((fields + same + (name == true_name), actions + same), best[j + 1], row[j]))
        best = row
    return best[-1][1]
