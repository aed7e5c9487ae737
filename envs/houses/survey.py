"""A house with all that is known of it before anybody walks in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from envs.houses.floor import Floor
from envs.houses.formats import PathRecord
from envs.houses.house import House
from envs.houses.paths import PathMaker
from envs.houses.render import Renderer
from envs.houses.sights import Sight, sights
from envs.houses.splits import SplitPlan
from envs.houses.viewpoints import Viewpoints, place_viewpoints


@dataclass(frozen=True)
class Survey:
    """A house, where an agent can stand in it, its nav-graph, and what is seen from there.

    Attributes:
        house: The house.
        floor: Its floor.
        viewpoints: Its nav-graph.
        seen: What is seen from each viewpoint.
    """

    house: House
    floor: Floor
    viewpoints: Viewpoints
    seen: list[tuple[Sight, ...]]

    @classmethod
    def of(cls, house: House, atlas: NDArray[np.uint8]) -> Survey:
        """Survey a house; `atlas` is `texture_atlas()`."""
        floor = Floor.of(house)
        viewpoints = place_viewpoints(house, floor)
        return cls(house, floor, viewpoints, sights(Renderer([house], atlas), 0, viewpoints.points))

    def paths(self, plan: SplitPlan, first_id: int) -> list[PathRecord]:
        """Return the house's annotated paths in a split, numbered from `first_id` on."""
        rng = np.random.default_rng([self.house.seed, plan.stream])
        return PathMaker(self.house, self.floor, self.viewpoints, self.seen).draw(plan.paths, first_id, rng)
