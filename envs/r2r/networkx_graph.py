"""A scan's graph for networkx, in a module of its own: nothing that scores or runs needs that import."""

from __future__ import annotations

import networkx as nx

from envs.r2r.graph import NavGraph


def to_networkx(graph: NavGraph) -> nx.Graph[str]:
    """Return the graph: viewpoints as nodes with `position`, edges with `weight`, both in metres."""
    result: nx.Graph[str] = nx.Graph()
    result.add_nodes_from((viewpoint, {"position": position}) for viewpoint, position in graph.positions.items())
    for viewpoint, ways in graph.neighbours.items():
        result.add_weighted_edges_from((viewpoint, neighbour, length) for neighbour, length in ways.items())
    return result
