"""R2R's texts as tokens: instructions, and what NavGPT's texts say is seen around every viewpoint."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from envs.r2r.dataset import R2RData, load_r2r
from envs.r2r.graph import NavGraph
from navagent.perception.navgpt_texts import NavGPTTexts
from navagent.perception.place_words import describe_place, encode_place, place_texts
from navagent.perception.room_labels import RoomLabels
from navagent.perception.sectors import SECTORS
from navagent.types import Description, Episode
from navagent.vocabulary import Vocabulary, count_words, split_words

Texts = Literal["captions", "summaries", "none"]

ROOM_WORDS = 4
"""Words per room label: as many as the longest has."""

LEAST = 5
"""Occurrences in the training split that a word needs to be in the vocabulary (R2R, tasks/R2R/utils.py, min_count)."""


@dataclass(frozen=True)
class Tokens:
    """A split's texts.

    Attributes:
        vocabulary: Of the training split's instructions and of what is seen in its scans.
        instructions: (E, L) tokens of every episode's instruction.
        places: (V, 8, W) tokens of what is seen from every viewpoint, sector k centred on world heading 45 k degrees;
            all padding without texts.
        rooms: (V, ROOM_WORDS) tokens of every viewpoint's room label; None where nobody asks.
    """

    vocabulary: Vocabulary
    instructions: NDArray[np.int32]
    places: NDArray[np.int32]
    rooms: NDArray[np.int32] | None = None


def read_tokens(
    data: R2RData, texts: Texts, data_dir: str | None, length: int, words: int, rooms: bool = False
) -> Tokens:
    """Read the texts of a split, with the vocabulary of the training split.

    Args:
        data: The split.
        texts: NavGPT's captions or their summaries, or none of them.
        data_dir: The data folder; by default $NAVAGENT_DATA, else ./data.
        length: Tokens per instruction; longer ones are cut.
        words: Words per sector.
        rooms: Read the viewpoints' room labels, too.

    Raises:
        DataError: Training split, texts or room labels are absent or damaged.
    """
    train = data if data.split == "train" else load_r2r("train", data_dir)
    describer = None if texts == "none" else NavGPTTexts(data_dir, captions=texts == "captions")
    seen = [] if describer is None else _descriptions(describer, graphs_of(train))
    instructions = [split_words(text) for text in dict.fromkeys(_instructions(train.episodes))]
    labels = RoomLabels(data_dir) if rooms else None
    vocabulary = count_words([*instructions, *place_texts(seen), *_rooms(labels, graphs_of(train))], LEAST)
    graphs = graphs_of(data)
    places = np.zeros((sum(len(graph.positions) for graph in graphs), SECTORS, words), np.int32)
    if describer is not None:
        here = seen if data is train else _descriptions(describer, graphs)
        places = np.stack([encode_place(description, vocabulary, words) for description in here])
    encoded = [vocabulary.encode(split_words(text), length) for text in _instructions(data.episodes)]
    lie_in = [vocabulary.encode_known(room, ROOM_WORDS) for room in _rooms(labels, graphs)]
    return Tokens(vocabulary, np.stack(encoded), places, np.stack(lie_in) if rooms else None)


def graphs_of(data: R2RData) -> list[NavGraph]:
    """Return the graphs of the scans that a split's episodes are in, by name."""
    return [data.graphs[scan] for scan in sorted({episode.scene for episode in data.episodes})]


def _instructions(episodes: Iterable[Episode]) -> list[str]:
    return [episode.instruction for episode in episodes]


def _descriptions(describer: NavGPTTexts, graphs: Iterable[NavGraph]) -> list[Description]:
    """Return what is seen from every viewpoint, facing heading 0."""
    return [
        describe_place(describer, graph.scan, viewpoint, position)
        for graph in graphs
        for viewpoint, position in graph.positions.items()
    ]


def _rooms(labels: RoomLabels | None, graphs: Iterable[NavGraph]) -> list[list[str]]:
    """Return the words of every viewpoint's room; nothing without labels."""
    if labels is None:
        return []
    return [labels.words(graph.scan, viewpoint) for graph in graphs for viewpoint in graph.positions]
