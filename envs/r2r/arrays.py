"""Navigation graphs as arrays: many agents in many scans are moved and measured by a few numpy calls."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from envs.r2r.graph import NavGraph

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class GraphArrays:
    """V viewpoints of several scans, numbered through, with at most K neighbours each.

    Attributes:
        names: Each viewpoint's scan and id.
        neighbours: (V, K) the viewpoints that one move leads to, in `NavGraph.candidates`' order; -1 where there are
            no more.
        headings: (V, K) towards them, radians clockwise from +y.
        elevations: (V, K) radians above the horizon.
        lengths: (V, K) straight-line metres.
        first: (V,) the number of the scan's first viewpoint.
        largest: Viewpoints of the largest scan.
    """

    names: tuple[tuple[str, str], ...]
    neighbours: Integers
    headings: Floats
    elevations: Floats
    lengths: Floats
    first: Integers
    largest: int
    _counts: Integers
    _offsets: Integers
    _distances: Floats
    _successors: Integers

    def distance(self, origins: Integers, targets: Integers) -> Floats:
        """Return shortest distances along edges, metres; inf where there is no way. Both in one scan each."""
        return np.asarray(self._distances[self._flat(origins, targets)])

    def successor(self, origins: Integers, targets: Integers) -> Integers:
        """Return the viewpoints after `origins` on the shortest paths to `targets`; -1 there or without a way."""
        return np.asarray(self._successors[self._flat(origins, targets)])

    def _flat(self, origins: Integers, targets: Integers) -> Integers:
        first = self.first[origins]
        return self._offsets[origins] + (origins - first) * self._counts[origins] + targets - first


def graph_arrays(graphs: Iterable[NavGraph]) -> GraphArrays:
    """Number the viewpoints of graphs through, in their order."""
    scans = list(graphs)
    counts = [len(graph.positions) for graph in scans]
    degree = max(len(ways) for graph in scans for ways in graph.neighbours.values())
    starts = np.concatenate([[0], np.cumsum(counts)])
    squares = np.concatenate([[0], np.cumsum(np.square(counts))])
    total = int(starts[-1])
    neighbours = np.full((total, max(degree, 1)), -1, np.int64)
    directions = np.zeros((3, *neighbours.shape))
    names: list[tuple[str, str]] = []
    distances, successors = np.empty(squares[-1]), np.empty(squares[-1], np.int64)
    for graph, start, square, count in zip(scans, starts[:-1].tolist(), squares[:-1].tolist(), counts, strict=True):
        index = {viewpoint: start + i for i, viewpoint in enumerate(graph.positions)}
        for viewpoint, row in index.items():
            for k, candidate in enumerate(graph.candidates(viewpoint, 0.0)):
                neighbours[row, k] = index[candidate.id]
                directions[:, row, k] = candidate.heading % (2 * math.pi), candidate.elevation, candidate.distance
        names += [(graph.scan, viewpoint) for viewpoint in graph.positions]
        between, following = graph.matrices()
        distances[square : square + count**2] = between.ravel()
        successors[square : square + count**2] = np.where(following < 0, -1, following + start).ravel()
    return GraphArrays(
        tuple(names),
        neighbours,
        directions[0],
        directions[1],
        directions[2],
        np.repeat(starts[:-1], counts),
        max(counts),
        np.repeat(np.array(counts), counts),
        np.repeat(squares[:-1], counts),
        distances,
        successors,
    )
