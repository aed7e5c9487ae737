"""Against networkx."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from navagent.known_ways import known_ways


@settings(deadline=None)
@given(st.integers(0, 100_000))
def test_they_are_the_shortest(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ends = rng.integers(0, 10, (int(rng.integers(0, 26)), 2)).tolist()
    lengths = {(one, other): float(rng.uniform(0.1, 10)) for one, other in ends}
    ways: dict[int, dict[int, float]] = {}
    graph: nx.DiGraph[int] = nx.DiGraph()
    graph.add_node(0)
    for (one, other), length in lengths.items():
        ways.setdefault(one, {})[other] = length
        graph.add_edge(one, other, weight=length)
    metres, before = known_ways(ways, 0)
    assert metres == pytest.approx(nx.single_source_dijkstra_path_length(graph, 0))
    assert before[0] == 0
    for place, last in before.items():
        assert metres[place] == pytest.approx(metres[last] + (ways[last][place] if place != last else 0))


def test_of_equal_ways_the_first_counts() -> None:
    square = {"a": {"c": 1.0, "b": 1.0}, "b": {"d": 1.0}, "c": {"d": 1.0}}
    assert known_ways(square, "a")[1]["d"] == "b"
