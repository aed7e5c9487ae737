"""The map against sets and networkx, on random graphs and walks."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from navagent.geometry import direction, wrap
from navagent.topological_map import SeenPlace, TopologicalMap, ahead
from navagent.types import Position

MOST = 14
"""Viewpoints of the graphs, so that there are fewer neighbours."""


class Walk:
    """A random walk on a random connected graph, drawn on a map and kept as plain sets beside it."""

    def __init__(self, seed: int, moves: int, spare: int) -> None:
        rng = np.random.default_rng(seed)
        self.graph = nx.connected_watts_strogatz_graph(MOST, 4, 0.5, seed=seed)
        self.positions: dict[int, Position] = {
            node: (float(rng.normal()), float(rng.normal()), float(rng.normal())) for node in self.graph
        }
        for one, other, data in self.graph.edges(data=True):
            data["weight"] = math.dist(self.positions[one], self.positions[other])
        self.size = 1 + max(dict(self.graph.degree).values()) + spare
        self.map: TopologicalMap[int] = TopologicalMap(self.size)
        self.known: nx.Graph[int] = nx.Graph()
        self.last: dict[int, int] = {}
        self.here = 0
        for move in range(moves + 1):
            if move:
                self.here = int(rng.choice(self.neighbours))
            self.last[self.here] = move
            self.known.add_edges_from(self.graph.edges(self.here, data=True))
            seen = [
                SeenPlace(
                    node, self.positions[node], self.graph[self.here][node]["weight"], self.words(node, self.here)
                )
                for node in self.neighbours
            ]
            self.map.visit(self.here, self.positions[self.here], self.words(self.here, self.here), seen, move)
        self.moves = moves

    @property
    def neighbours(self) -> list[int]:
        return list(self.graph[self.here])

    @staticmethod
    def words(node: int, seen_from: int) -> NDArray[np.int32]:
        return np.array([node, seen_from], np.int32)


WALKS = st.builds(Walk, st.integers(0, 10_000), st.integers(0, 12), st.integers(0, 3))
WIDE = st.builds(Walk, st.integers(0, 10_000), st.integers(0, 12), st.just(MOST))


@settings(deadline=None, max_examples=40)
@given(WIDE)
def test_it_shows_what_was_visited_and_seen(walk: Walk) -> None:
    assert set(walk.map.shown) == set(walk.known)
    assert {node for node in walk.graph if walk.map.visited(node)} == set(walk.last)
    assert set(walk.map.frontier(elsewhere=False)) == set(walk.known) - set(walk.last)
    assert set(walk.map.frontier()) == set(walk.known) - set(walk.last) - set(walk.neighbours)


@settings(deadline=None, max_examples=40)
@given(WALKS)
def test_a_small_one_shows_what_was_seen_last(walk: Walk) -> None:
    shown = walk.map.shown
    assert shown[0] == walk.here
    assert set(walk.neighbours) <= set(shown)
    assert len(shown) == len(set(shown)) <= walk.size


@settings(deadline=None, max_examples=40)
@given(WALKS)
def test_walks_are_the_shortest_of_the_known_ones(walk: Walk) -> None:
    expected = nx.single_source_dijkstra_path_length(walk.known, walk.here)
    for name, metres in walk.map.frontier(elsewhere=False).items():
        route = [walk.here, *walk.map.route(name)]
        assert route[-1] == name
        assert all(walk.known.has_edge(*ends) for ends in pairwise(route))
        assert nx.path_weight(walk.known, route, "weight") == pytest.approx(metres)
        assert metres == pytest.approx(expected[name])


@settings(deadline=None, max_examples=40)
@given(WALKS, st.floats(0, 2 * math.pi))
def test_what_it_shows_says_where_everything_is(walk: Walk, heading: float) -> None:
    seen = walk.map.observe(heading, MOST)
    shown, expected = walk.map.shown, nx.single_source_dijkstra_path_length(walk.known, walk.here)
    assert seen["map"].sum() == len(shown)
    assert [shown[slot] for slot in seen["map_candidates"][: len(walk.neighbours)]] == walk.neighbours
    assert {shown[slot] for slot in np.flatnonzero(seen["map_frontier"])} == set(walk.map.frontier())
    for slot, name in enumerate(shown):
        sine, cosine, elevation, straight, walked, visited, ago = seen["map_geometry"][slot].tolist()
        turned, rise, metres = direction(walk.positions[walk.here], walk.positions[name])
        if name != walk.here:
            assert abs(wrap(math.atan2(sine, cosine) - (turned - heading))) < 1e-5
        assert [elevation, straight, walked] == pytest.approx([rise, metres, expected[name]], abs=1e-5)
        assert visited == (name in walk.last)
        assert ago == (walk.moves - walk.last[name] if name in walk.last else 0)
        word, seen_from = seen["map_words"][slot].tolist()
        assert word == name
        assert (seen_from == name) if name in walk.last else (seen_from in set(walk.graph[name]) & set(walk.last))
    beyond: dict[str, Any] = {name: seen[name][len(shown) :] for name in ("map", "map_words", "map_frontier")}
    assert not any(values.any() for values in beyond.values())


@settings(deadline=None, max_examples=40)
@given(st.tuples(*[st.floats(-50, 50)] * 3), st.tuples(*[st.floats(-50, 50)] * 3))
def test_what_lies_ahead_is_where_the_direction_says(one: Any, other: Any) -> None:
    assert ahead(one, *direction(one, other)) == pytest.approx(other, abs=1e-9)
