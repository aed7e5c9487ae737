"""Which of A2Nav's five action types a phrase means (Chen et al. 2023): by name, by sentence similarity, or by rules.

The paper maps phrases that name none of the five to the nearest by the cosine of sentence embeddings. It does not give
the sentences compared with; `EXAMPLES` are ours. Where no encoder is installed, the words that tell a way decide.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import get_args

import numpy as np

from navagent.types import SubTaskAction
from policies.encoders.base import Encoder

ACTIONS: tuple[SubTaskAction, ...] = get_args(SubTaskAction)

EXAMPLES: Mapping[SubTaskAction, tuple[str, ...]] = {
    "GoTo": ("go to", "walk towards", "stop next to", "wait near", "stand in front of", "head up to", "approach"),
    "GoPast": ("go past", "walk past", "walk by", "pass", "continue beyond"),
    "GoInto": ("go into", "enter", "step inside", "turn into", "wait in"),
    "GoThrough": ("go through", "walk along", "cross", "follow", "go down the stairs", "walk up the stairs"),
    "Exit": ("exit", "leave", "walk out of", "get away from", "step out"),
}
"""Phrases that stand for each type."""

_RULES: tuple[tuple[SubTaskAction, re.Pattern[str]], ...] = (
    ("Exit", re.compile(r"\b(?:exit\w*|leav\w+|out|away from)\b")),
    ("GoPast", re.compile(r"\b(?:past|pass\w*|beyond|(?:go|walk|continue) by)\b")),
    ("GoTo", re.compile(r"\b(?:in front of|up to|next to|down to|back to)\b")),
    (
        "GoThrough",
        re.compile(r"\b(?:through|along|across|cross\w*|follow\w*|up|down|over|between|under|around)\b"),
    ),
    ("GoInto", re.compile(r"\b(?:into|in|inside|enter\w*)\b")),
)
"""Tried in this order; what fits none is GoTo."""


def action_type(phrase: str, encoder: Encoder | None = None) -> SubTaskAction:
    """Return the type that a phrase names, else the most similar one, else the one that the rules give."""
    return named(phrase) or (by_rules(phrase) if encoder is None else by_similarity(phrase, encoder))


def named(phrase: str) -> SubTaskAction | None:
    """Return the type of that name, in whatever case, or None."""
    return next((action for action in ACTIONS if action.lower() == phrase.strip().lower()), None)


def by_rules(phrase: str) -> SubTaskAction:
    """Return the type whose words the phrase holds."""
    return next((action for action, words in _RULES if words.search(phrase.lower())), "GoTo")


def by_similarity(phrase: str, encoder: Encoder) -> SubTaskAction:
    """Return the type that has the example with the largest cosine."""
    owners = [action for action in ACTIONS for _ in EXAMPLES[action]]
    vectors = encoder.encode([phrase, *(example for action in ACTIONS for example in EXAMPLES[action])])
    return owners[int(np.argmax(vectors[1:] @ vectors[0]))]
