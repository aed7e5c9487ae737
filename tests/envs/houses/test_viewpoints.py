from __future__ import annotations

import math
from itertools import combinations

import networkx as nx
import pytest

from envs.houses.floor import Floor
from envs.houses.generate import generate
from envs.houses.viewpoints import APART, REACH, place_viewpoints


@pytest.mark.parametrize("seed", [0, 7, 90])  # house 90 draws two viewpoints 4 cm apart, of which only one is linked
def test_the_nav_graph_is_in_one_piece_and_reaches_every_room(seed: int) -> None:
    house = generate(seed)
    graph = place_viewpoints(house, Floor.of(house))
    assert nx.is_connected(nx.Graph(graph.edges))
    assert {i for edge in graph.edges for i in edge} == set(range(len(graph.points)))
    assert set(graph.rooms) == set(range(len(house.rooms)))
    assert all(APART < math.dist(graph.points[a], graph.points[b]) <= REACH for a, b in graph.edges)
    assert min(math.dist(a, b) for a, b in combinations(graph.points, 2)) > APART
