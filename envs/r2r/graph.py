"""A scan's navigation graph, from Matterport3D Simulator's connectivity files."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from navagent.contracts import Shared
from navagent.data import load_json
from navagent.errors import DataError
from navagent.geometry import direction, wrap
from navagent.types import Candidate, Position


class NavGraph(Shared):
    """Viewpoints of one scan and the moves between them.

    An edge is `unobstructed` with both ends `included`; a viewpoint's position is pose[3], pose[7], pose[11] with z up
    (Matterport3D Simulator, connectivity/README and `loadLocations`). Every neighbour is a candidate whatever its
    elevation. Candidates and distances are computed on first use and kept.

    Args:
        scan: The scan's id.
        positions: Each viewpoint's (x, y, z) in metres.
        edges: Pairs of viewpoints that are one move apart.

    Attributes:
        scan: The scan's id.
        positions: Each viewpoint's (x, y, z) in metres.
        neighbours: Each viewpoint's neighbours with the edge's length in metres.
    """

    def __init__(self, scan: str, positions: dict[str, Position], edges: Sequence[tuple[str, str]]) -> None:
        self.scan = scan
        self.positions = positions
        self.neighbours: dict[str, dict[str, float]] = {viewpoint: {} for viewpoint in positions}
        for one, other in edges:
            length = direction(positions[one], positions[other])[2]
            self.neighbours[one][other] = self.neighbours[other][one] = length
        self._viewpoints = list(positions)
        self._candidates: dict[str, tuple[Candidate, ...]] = {}

    def __contains__(self, viewpoint: str) -> bool:
        return viewpoint in self.positions

    def is_edge(self, origin: str, target: str) -> bool:
        """Return whether one move leads from `origin` to `target`."""
        return target in self.neighbours[origin]

    def candidates(self, viewpoint: str, heading: float) -> tuple[Candidate, ...]:
        """Return a viewpoint's neighbours as seen when facing `heading` (absolute, radians)."""
        if viewpoint not in self._candidates:
            origin = self.positions[viewpoint]
            self._candidates[viewpoint] = tuple(
                Candidate(neighbour, *direction(origin, self.positions[neighbour]))
                for neighbour in self.neighbours[viewpoint]
            )
        return tuple(
            Candidate(c.id, wrap(c.heading - heading), c.elevation, c.distance) for c in self._candidates[viewpoint]
        )

    @cached_property
    def distances(self) -> dict[str, dict[str, float]]:
        """Shortest distance along edges between any two viewpoints, metres (inf where there is no way)."""
        return {
            viewpoint: dict(zip(self._viewpoints, row, strict=True))
            for viewpoint, row in zip(self._viewpoints, self._paths[0].tolist(), strict=True)
        }

    def next_viewpoint(self, origin: str, target: str) -> str:
        """Return the first viewpoint after `origin` on the shortest path to `target`.

        Raises:
            ValueError: There is no way, or `origin` is `target`.
        """
        index = self._viewpoints.index
        # The graph is undirected, so the predecessor of `origin` coming from `target` is the next one.
        step = int(self._paths[1][index(target), index(origin)])
        if step < 0:
            raise ValueError(f"scan {self.scan}: no way leads from {origin} to {target}")
        return self._viewpoints[step]

    def matrices(self) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        """Return shortest distances between viewpoints (metres), and after each origin the next viewpoint on the way.

        Both are (origins, targets), in `positions`' order; the next viewpoint is negative where there is none.
        """
        distances, predecessors = self._paths
        return distances, predecessors.T

    @cached_property
    def _paths(self) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        """All-pairs distances and predecessors."""
        index = {viewpoint: i for i, viewpoint in enumerate(self._viewpoints)}
        edges = [(index[a], index[b], length) for a, ways in self.neighbours.items() for b, length in ways.items()]
        rows, columns, lengths = zip(*edges, strict=True) if edges else ((), (), ())
        matrix = csr_matrix((lengths, (rows, columns)), shape=(len(index), len(index)))
        distances, predecessors = dijkstra(matrix, return_predecessors=True)
        return distances, predecessors


def load_graph(file: Path, scan: str) -> NavGraph:
    """Read `{scan}_connectivity.json`.

    Raises:
        DataError: The file is absent, truncated or not a connectivity file.
    """
    nodes = load_json(file)
    try:
        names = [str(node["image_id"]) for node in nodes]
        poses = np.array([node["pose"] for node in nodes], dtype=np.float64)[:, [3, 7, 11]]
        included = np.array([node["included"] for node in nodes], dtype=np.bool_)
        free = np.array([node["unobstructed"] for node in nodes], dtype=np.bool_)
        rows, columns = np.nonzero(free & included[:, None] & included[None, :])
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise DataError(
            f"{file} is not a Matterport3D connectivity file ({type(error).__name__}: {error}): fetch it again."
        ) from error
    positions = {name: (x, y, z) for name, (x, y, z), use in zip(names, poses.tolist(), included, strict=True) if use}
    return NavGraph(scan, positions, [(names[i], names[j]) for i, j in zip(rows, columns, strict=True) if i != j])


class NavGraphs(Shared):
    """The graphs of a data folder, each loaded on first use and kept in memory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._graphs: dict[str, NavGraph] = {}
        self._lock = threading.Lock()

    def file(self, scan: str) -> Path:
        """Return where a scan's connectivity is expected."""
        return self.folder / f"{scan}_connectivity.json"

    def __getitem__(self, scan: str) -> NavGraph:
        with self._lock:
            if scan not in self._graphs:
                self._graphs[scan] = load_graph(self.file(scan), scan)
            return self._graphs[scan]
