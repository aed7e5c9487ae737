"""Furniture where people put it.

Placing keeps three things: no footprint meets a wall, another one or the approach of a door; what is used from its
front has room there; and all doors of a room stay joined by floor that is nowhere too narrow.
"""

from __future__ import annotations

from envs.houses.common_recipes import finish
from envs.houses.draws import Draws
from envs.houses.furniture import Taste
from envs.houses.plan import Plan
from envs.houses.recipes import RECIPES
from envs.houses.space import Placed, Space


def furnish(draws: Draws, plan: Plan, taste: Taste) -> list[Placed]:
    """Furnish all rooms."""
    placed: list[Placed] = []
    for index, room in enumerate(plan.rooms):
        space = Space(draws, plan, index)
        RECIPES[room.category](space, taste)
        finish(space, taste)
        placed += space.placed
    return placed
