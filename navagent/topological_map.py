"""A map of one episode on a nav-graph: viewpoints visited, and those seen from them but not visited.

The topological map of DUET (Chen et al. 2022, arXiv 2202.11742, topological mapping). Environments of many agents and
policies of one draw it with this class, so that both see and walk the same.

Departures: a viewpoint is described by words where DUET has features of pictures; one that was only seen has the words
of the sector where it was seen last, not a mean of all; and a map shows a fixed number of viewpoints, those seen last.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from navagent.known_ways import known_ways
from navagent.types import Position

NODE = 7
"""Numbers per viewpoint of a map: sine and cosine of its relative heading, elevation (radians), straight distance
(metres), distance along known ways (metres), visited, moves since it was visited (0 where it was not)."""

MAP = ("map", "map_words", "map_geometry", "map_frontier", "map_candidates")
"""Names of what `TopologicalMap.observe` shows."""

Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True, slots=True)
class SeenPlace(Generic[Name]):
    """A viewpoint that one move leads to.

    Attributes:
        name: Its id.
        position: Metres.
        distance: Metres to go.
        words: (W,) tokens of what is seen towards it.
    """

    name: Name
    position: Position
    distance: float
    words: NDArray[np.int32]


class TopologicalMap(Generic[Name]):
    """The map of one agent, drawn anew in each episode.

    Args:
        size: The most viewpoints that it shows; of more, those seen last. It must be more than any viewpoint has
            neighbours, so that the candidates are always among them.

    Attributes:
        shown: Names of the viewpoints that it shows, the one seen last first; here is the first.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._numbers: dict[Name, int] = {}
        self._names: list[Name] = []
        self._positions: list[Position] = []
        self._words: list[NDArray[np.int32]] = []
        self._visits: list[int] = []
        self._lengths: dict[int, dict[int, float]] = {}
        self._seen: list[int] = []
        self._now = 0
        self.shown: tuple[Name, ...] = ()

    def visit(
        self,
        name: Name,
        position: Position,
        words: NDArray[np.int32],
        candidates: Sequence[SeenPlace[Name]],
        moves: int,
    ) -> None:
        """Draw where the agent is, and where it can go.

        Args:
            name: The viewpoint's id.
            position: Metres.
            words: (W,) tokens of what is seen around.
            candidates: The viewpoints that one move leads to, in the order of the candidates.
            moves: Made so far in the episode.
        """
        here = self._number(name, position, words)
        self._words[here], self._visits[here], self._seen[here], self._now = words, moves, moves, moves
        self._candidates = [self._number(way.name, way.position, way.words) for way in candidates]
        for there, way in zip(self._candidates, candidates, strict=True):
            # A nav-graph's ways lead both ways, so a known way may pass a viewpoint that was only seen.
            self._lengths.setdefault(here, {})[there] = self._lengths.setdefault(there, {})[here] = way.distance
            self._seen[there] = moves
            if self._visits[there] < 0:
                self._words[there] = way.words
        self._metres, self._before = known_ways(self._lengths, here)
        ages = np.array(self._seen)
        ages[here] += 1
        self._shown = np.argsort(-ages, kind="stable")[: self._size].tolist()
        self.shown = tuple(self._names[number] for number in self._shown)

    def visited(self, name: Name) -> bool:
        """Return whether the agent has been there in this episode."""
        return name in self._numbers and self._visits[self._numbers[name]] >= 0

    def frontier(self, elsewhere: bool = True) -> dict[Name, float]:
        """Return the metres along known ways to the viewpoints shown that were seen but not visited.

        Args:
            elsewhere: Only those that no single move leads to: the map's actions.
        """
        left_out = set(self._candidates) if elsewhere else set()
        return {
            self._names[number]: self._metres[number]
            for number in self._shown
            if self._visits[number] < 0 and number not in left_out
        }

    def route(self, name: Name) -> list[Name]:
        """Return the viewpoints of the shortest known way from here to a viewpoint, here not among them."""
        way, number = [], self._numbers[name]
        while number != self._before[number]:
            way.append(self._names[number])
            number = self._before[number]
        return way[::-1]

    def observe(self, heading: float, most: int) -> dict[str, NDArray[Any]]:
        """Return what an agent that faces `heading` (radians clockwise from +y) sees on the map, M its size.

        Args:
            heading: Absolute.
            most: K, the most candidates.

        Returns:
            `map` (M,) bool, where a viewpoint is; `map_words` (M, W) int32; `map_geometry` (M, NODE) float32;
            `map_frontier` (M,) bool, which of them are actions; `map_candidates` (K,) int32, where on the map the
            candidates are, 0 beyond them.
        """
        shown, count = self._shown, len(self._shown)
        places = np.array([self._positions[number] for number in shown])
        x, y, z = (places - places[0]).T
        flat = np.hypot(x, y)
        turned = np.arctan2(x, y) - heading
        last = np.array([self._visits[number] for number in shown])
        walked = [self._metres[number] for number in shown]
        away = flat > 0
        parts = (np.sin(turned) * away, np.cos(turned) * away, np.arctan2(z, flat), np.hypot(flat, z), walked)
        geometry = np.zeros((self._size, NODE), np.float32)
        geometry[:count] = np.stack([*parts, last >= 0, np.where(last < 0, 0, self._now - last)], axis=-1)
        words = np.zeros((self._size, len(self._words[0])), np.int32)
        words[:count] = [self._words[number] for number in shown]
        slots = {number: slot for slot, number in enumerate(shown)}
        ways = np.zeros(most, np.int32)
        ways[: len(self._candidates)] = [slots[number] for number in self._candidates]
        frontier = np.zeros(self._size, np.bool_)
        frontier[:count] = last < 0
        frontier[ways[: len(self._candidates)]] = False
        exists = np.arange(self._size) < count
        found = (exists, words, geometry, frontier, ways)
        return dict(zip(MAP, found, strict=True))

    def _number(self, name: Name, position: Position, words: NDArray[np.int32]) -> int:
        """Return a viewpoint's number; a new one gets the next."""
        if name not in self._numbers:
            self._numbers[name] = len(self._names)
            self._names.append(name)
            self._positions.append(position)
            self._words.append(words)
            self._visits.append(-1)
            self._seen.append(-1)
        return self._numbers[name]


def ahead(position: Position, heading: float, elevation: float, distance: float) -> Position:
    """Return what lies from a position at a distance (metres) that way (radians), as `navagent.geometry.direction`."""
    flat = distance * math.cos(elevation)
    x, y, z = position
    return x + flat * math.sin(heading), y + flat * math.cos(heading), z + distance * math.sin(elevation)
