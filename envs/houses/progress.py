"""Which words of an instruction tell what is to be done now: known where the instruction was made, learned elsewhere.

Sub-instructions aligned with the path are what Fine-Grained R2R annotated by hand (Hong et al. 2020, arXiv 2004.02707);
`envs.houses.language` makes them with the instruction.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from envs.houses.formats import tokenize
from envs.houses.geodesic import Geodesic
from envs.houses.house import Point
from envs.houses.language import Instruction
from envs.houses.words import LONGEST

MOST_PARTS = 24
"""Sub-instructions of an instruction, at most; a path has at most six rooms, each with an entrance and a landmark."""

REACHED = 0.25
"""Metres before a sub-instruction's end at which it is done: a step."""


def parts_of_words(instruction: Instruction) -> NDArray[np.int8]:
    """Return which sub-instruction each word belongs to, (`LONGEST`,); -1 for sentence marks and what joins them."""
    words, found, at = tokenize(instruction.text), np.full(LONGEST, -1, np.int8), 0
    for number, part in enumerate(instruction.parts):
        told = tokenize(part.text)
        while words[at : at + len(told)] != told:
            at += 1
        found[at : at + len(told)] = number
        at += len(told)
    return found


def ends_of_parts(instruction: Instruction, points: Sequence[Point], geodesic: Geodesic) -> NDArray[np.float64]:
    """Return how far from the goal each sub-instruction ends, (`MOST_PARTS`,) metres; the last ends nowhere, at -inf.

    Args:
        instruction: The instruction.
        points: The viewpoints of its path, metres.
        geodesic: Distances on the floor.
    """
    ends = np.full(MOST_PARTS, -np.inf)
    places = [points[part.end] for part in instruction.parts[:-1]]
    if places:
        ends[: len(places)] = geodesic.distances(places, points[-1])
    return ends


def current_words(parts: NDArray[np.int8], ends: NDArray[np.float64], distance: float) -> NDArray[np.bool_]:
    """Return which words of an instruction tell what is to be done now, (`LONGEST`,).

    A sub-instruction is done once the agent is as near to the goal as its end is. Off the path this is a guess, and the
    best there is.

    Args:
        parts: Of `parts_of_words`.
        ends: Of `ends_of_parts`.
        distance: Metres to the goal.
    """
    return np.asarray(parts == (distance <= ends + REACHED).sum())
