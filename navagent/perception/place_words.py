"""What is seen around a place, as a few words per direction: a describer's text for networks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from navagent.contracts import Describer
from navagent.perception.sectors import SECTORS
from navagent.types import Description, Direction, Observation, Pose, Position
from navagent.vocabulary import PADDING, Vocabulary, split_words

_ROWS = ("down", "middle", "top")
"""NavGPT's names of its rows of views, which its captions begin with."""

_ARTICLES = ("a", "an", "the", "of", "with", "in", "on", "at", "to", "and", "or", "is", "are", "it", "its", "there")
_OTHERS = ("that", "this", "into", "from", "for", "by", "as", ",", ".")
_EMPTY = frozenset((*_ROWS, *_ARTICLES, *_OTHERS))
"""Words that say nothing about what is seen."""

_LETTERS = re.compile(r"[a-z]+")


def sector_words(direction: Direction) -> list[str]:
    """Return the different words of what lies in a direction: its objects first, then its text's, in their order."""
    things = [word for seen in direction.objects for word in _LETTERS.findall(seen.name.lower())]
    return [word for word in dict.fromkeys([*things, *split_words(direction.text)]) if word not in _EMPTY]


def describe_place(describer: Describer, scene: str, viewpoint: str, position: Position) -> Description:
    """Return what a describer says of a viewpoint, facing heading 0.

    Raises:
        DataError: The describer does not know the viewpoint.
    """
    return describer.describe(Observation("", scene, 0, pose=Pose(position, 0.0), viewpoint=viewpoint))


def encode_place(description: Description, vocabulary: Vocabulary, length: int) -> NDArray[np.int32]:
    """Return (8, length) tokens, sector k centred on heading 45 k degrees.

    Args:
        description: Of an agent that faces heading 0.
        vocabulary: Words that it does not hold are left out, so that what is left is what is known.
        length: Words per sector.

    Raises:
        ValueError: The description has not NavGPT's eight sectors.
    """
    if len(description.directions) != SECTORS:
        raise ValueError(f"a place needs {SECTORS} directions, not {len(description.directions)}")
    return np.stack([vocabulary.encode_known(sector_words(direction), length) for direction in description.directions])


def place_summary(place: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return (W,) tokens of (8, W): the first of every sector, then the second of every one ..., each token once."""
    length = place.shape[1]
    different = [token for token in dict.fromkeys(place.T.ravel().tolist()) if token != PADDING][:length]
    return np.array(different + [PADDING] * (length - len(different)), np.int32)


def place_texts(descriptions: Iterable[Description]) -> Iterable[Sequence[str]]:
    """Return the words of every direction of some places, to count a vocabulary from."""
    for description in descriptions:
        for direction in description.directions:
            yield sector_words(direction)
