"""Against networkx."""

from __future__ import annotations

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from navagent.known_ways import known_ways

LENGTHS = st.dictionaries(st.tuples(st.integers(0, 9), st.integers(0, 9)), st.floats(0.1, 10), max_size=25)


@given(LENGTHS)
def test_they_are_the_shortest(lengths: dict[tuple[int, int], float]) -> None:
    ways: dict[int, dict[int, float]] = {}
    graph = nx.DiGraph()
    graph.add_node(0)
    for (one, other), metres in lengths.items():
        ways.setdefault(one, {})[other] = metres
        graph.add_edge(one, other, weight=metres)
    metres, before = known_ways(ways, 0)
    assert metres == pytest.approx(nx.single_source_dijkstra_path_length(graph, 0))
    assert before[0] == 0
    for place, last in before.items():
        assert metres[place] == pytest.approx(metres[last] + (ways[last][place] if place != last else 0))


def test_of_equal_ways_the_first_counts() -> None:
    square = {"a": {"c": 1.0, "b": 1.0}, "b": {"d": 1.0}, "c": {"d": 1.0}}
    assert known_ways(square, "a")[1]["d"] == "b"
