"""The shortest of the ways that an agent knows of (Dijkstra)."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from typing import Any, Protocol, TypeVar


class _Ordered(Protocol):
    def __lt__(self, other: Any, /) -> bool: ...


Place = TypeVar("Place", bound=_Ordered)


def known_ways(
    lengths: Mapping[Place, Mapping[Place, float]], start: Place
) -> tuple[dict[Place, float], dict[Place, Place]]:
    """Return the metres to all places that can be reached, and the place before each on the shortest way.

    Of ways that are equally long, the one counts whose places come first in their order, so that the same map gives the
    same way.

    Args:
        lengths: Metres from places to those that one move leads to.
        start: Where the ways begin; it is the place before itself.
    """
    found: dict[Place, float] = {}
    before: dict[Place, Place] = {}
    open_ways = [(0.0, start, start)]
    while open_ways:
        metres, place, last = heapq.heappop(open_ways)
        if place in found:
            continue
        found[place], before[place] = metres, last
        for other, length in lengths.get(place, {}).items():
            if other not in found:
                heapq.heappush(open_ways, (metres + length, other, place))
    return found, before
