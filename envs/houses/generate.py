"""From a seed to a house."""

from __future__ import annotations

import shapely

from envs.houses.clearance import rings, union, walkable
from envs.houses.draws import Draws
from envs.houses.furnish import furnish
from envs.houses.furniture import draw_taste
from envs.houses.house import Door, House, Point, Room
from envs.houses.make_plan import make_plan
from envs.houses.plan import WALL, Opening, Plan, Rect, Whole
from envs.houses.scene import Scene
from envs.houses.shell import build_shell, draw_style
from envs.houses.space import Placed
from navagent.errors import ConfigError

MAX_SEED = 2**63 - 1
_ATTEMPTS = 200
_PLAN, _STYLE, _FURNITURE = range(3)


def generate(seed: int) -> House:
    """Make the house of a seed; the same bytes on every machine.

    Args:
        seed: A whole number from 0.

    Raises:
        ConfigError: The seed is none.
    """
    check_seed(seed)
    for attempt in range(_ATTEMPTS):
        house = _attempt(seed, attempt)
        if house is not None:
            return house
    raise AssertionError(f"house seed {seed}: no plan in {_ATTEMPTS} attempts")


def check_seed(seed: int) -> None:
    """Raise ConfigError unless `seed` is one."""
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= MAX_SEED:
        raise ConfigError(f"{seed!r} is no house seed: give a whole number from 0 to {MAX_SEED}.")


def _attempt(seed: int, attempt: int) -> House | None:
    """Make a house, or None where the draw does not work out."""
    plan = make_plan(Draws(seed, attempt, _PLAN))
    if plan is None:
        return None
    draws = Draws(seed, attempt, _FURNITURE)
    placed = furnish(draws, plan, draw_taste(draws))
    floor = _floor(plan, placed)
    if floor is None or not _reaches_all(floor, plan):
        return None
    scene = Scene()
    build_shell(scene, plan, draw_style(Draws(seed, attempt, _STYLE), plan))
    for item in placed:
        w, d, h = item.model.size
        x, y, z = item.center
        instance = scene.register(
            item.model.category, item.model.color, item.room, (x, y, z + h // 2), (w, d, h), item.turn
        )
        scene.add(item.model.shape, instance, item.room, item.turn, item.center)
    return House(
        seed=seed,
        rooms=tuple(Room(r.category, _points(outline)) for r, outline in zip(plan.rooms, plan.outlines, strict=True)),
        doors=tuple(_door(opening) for opening in plan.openings),
        objects=tuple(scene.objects),
        materials=tuple(scene.materials),
        mesh=scene.mesh(),
        floor=(rings(floor),),
    )


def _floor(plan: Plan, placed: list[Placed]) -> shapely.Polygon | None:
    ways = [_way(opening) for opening in plan.openings]
    free = union([rect for inside in plan.insides for rect in inside] + ways)
    blocked = [item.rect for item in placed if item.blocks]
    return walkable(free.difference(union(blocked)))


def _way(opening: Opening) -> Rect:
    """Return the floor of an opening, through the wall."""
    (low, high), at, half = opening.span, opening.at, WALL // 2
    return Rect(low, at - half, high, at + half) if opening.axis == 0 else Rect(at - half, low, at + half, high)


def _reaches_all(floor: shapely.Polygon, plan: Plan) -> bool:
    return all(floor.intersection(union(inside)).area > 500_000 for inside in plan.insides)


def _door(opening: Opening) -> Door:
    (low, high), at = opening.span, opening.at
    ends = ((low, at), (high, at)) if opening.axis == 0 else ((at, low), (at, high))
    start, end = _points(ends)
    return Door(opening.rooms, start, end, opening.height / 1000, opening.kind)


def _points(corners: tuple[Whole, ...]) -> tuple[Point, ...]:
    return tuple((x / 1000, y / 1000) for x, y in corners)
