"""Hypothesis strategies for trajectories."""

from __future__ import annotations

from itertools import pairwise

import networkx as nx
from hypothesis import strategies as st

from navagent.types import Distances, Pose, Trajectory

HERE = Pose((0.0, 0.0, 0.0), 0.0)


@st.composite
def walks_on_graphs(draw: st.DrawFn) -> tuple[nx.Graph[int], list[int], list[int]]:
    """Return a connected weighted graph, a walk on it and a reference path that begins where the walk does."""
    size = draw(st.integers(2, 9))
    graph: nx.Graph[int] = nx.Graph()
    lengths = st.floats(0.2, 6.0)
    for node in range(1, size):
        graph.add_edge(node, draw(st.integers(0, node - 1)), weight=draw(lengths))
    for one, other in draw(st.lists(st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)), max_size=6)):
        if one != other:
            graph.add_edge(one, other, weight=draw(lengths))

    def walk(start: int, most: int) -> list[int]:
        path = [start]
        for _ in range(draw(st.integers(0, most))):
            path.append(draw(st.sampled_from(sorted({*graph.neighbors(path[-1]), path[-1]}))))
        return path

    start = draw(st.integers(0, size - 1))
    return graph, walk(start, 8), walk(start, 6)


def measured(graph: nx.Graph[int], walk: list[int], reference: list[int], stopped: bool | None = True) -> Trajectory:
    """Return a walk on a graph as a trajectory, measured with networkx."""
    distance = dict(nx.all_pairs_dijkstra_path_length(graph))
    goal = reference[-1]

    def length(path: list[int]) -> float:
        return float(sum(distance[a][b] for a, b in pairwise(path)))

    return Trajectory(
        "1_0",
        "scene",
        tuple(HERE for _ in walk),
        tuple(map(str, walk)),
        stopped,
        Distances(
            between=tuple(float(distance[a][b]) for a, b in pairwise(walk)),
            to_goal=tuple(float(distance[v][goal]) for v in walk),
            to_reference=tuple(tuple(float(distance[v][r]) for r in reference) for v in walk),
            shortest=float(distance[walk[0]][goal]),
            reference=length(reference),
        ),
    )
