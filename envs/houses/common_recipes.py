"""What many rooms have: pieces along walls and in corners, pictures, rugs, curtains. Whole millimetres."""

from __future__ import annotations

from collections.abc import Sequence

from envs.houses import furniture as make
from envs.houses.furniture import Maker, Model, Taste
from envs.houses.plan import Whole
from envs.houses.shell import HEIGHT
from envs.houses.solids import QUARTERS, Turn
from envs.houses.space import FRAME, Space, footprint, shadow_of, spot_at


def place_some(space: Space, taste: Taste, choices: Sequence[tuple[Maker, int, int]]) -> None:
    """Stand models against walls: maker, per cent of rooms that have one, mm to keep free before it."""
    for maker, percent, front in choices:
        if space.draws.chance(percent):
            space.against_wall(maker(space.draws, taste), front)


def fill_corners(space: Space, taste: Taste, choices: Sequence[tuple[Maker, int]]) -> None:
    """Stand small things in corners: maker, per cent of rooms that have one."""
    for maker, percent in choices:
        if space.draws.chance(percent):
            space.against_wall(maker(space.draws, taste), corner=True)


def hang_on_walls(space: Space, taste: Taste, pictures: int = 0, mirrors: int = 0, clocks: int = 0) -> None:
    """Hang things at eye height."""
    for _ in range(mirrors):
        space.hang(make.mirror(space.draws, taste), 1050)
    for _ in range(pictures):
        model = make.picture(space.draws, taste)
        space.hang(model, 1550 - model.size[2] // 2)
    for _ in range(clocks):
        space.hang(make.clock(space.draws), 1750)


def rug_at(space: Space, taste: Taste, at: Whole, size: Whole, turn: Turn) -> None:
    """Lay a rug, smaller if it does not fit."""
    for shrink in (0, 200, 400):
        rug = make.rug(space.draws, taste, size[0] - shrink, size[1] - shrink)
        if lay_flat(space, rug, at, turn):
            return


def lay_flat(space: Space, model: Model, at: Whole, turn: Turn) -> bool:
    """Lay a flat model on the floor unless it meets a wall or another flat one."""
    rect = footprint(model, at, turn)
    flat = [item.rect for item in space.placed if item.center[2] == 0 and item.model.size[2] < 20]
    if not space.inside(rect.grown(FRAME)) or any(rect.meets(other) for other in flat):
        return False
    space.put(model, (*at, 0), turn)
    return True


def middle_rug(space: Space, taste: Taste, percent: int) -> None:
    """Lay a rug in the middle of the room, in so many per cent of rooms."""
    if space.draws.chance(percent):
        b = space.bounds
        rug_at(space, taste, ((b.x0 + b.x1) // 20 * 10, (b.y0 + b.y1) // 20 * 10), (2000, 1400), QUARTERS[0])


def finish(space: Space, taste: Taste) -> None:
    """Lamps at the ceiling, curtains at the windows."""
    draws = space.draws
    room = max(space.insides, key=lambda r: (r.x1 - r.x0) * (r.y1 - r.y0))
    at = ((room.x0 + room.x1) // 20 * 10, (room.y0 + room.y1) // 20 * 10)
    table = [item for item in space.placed if item.model.category == "dining table"]
    lamp = make.ceiling_lamp(draws, taste, pendant=bool(table))
    if table:
        at = table[0].center[:2]
    space.put(lamp, (*at, HEIGHT - lamp.size[2]), QUARTERS[0])
    if space.category in _CURTAINED and draws.chance(70):
        _hang_curtains(space, draws.pick((*taste.cloth, "white", "beige")))


_CURTAINED = ("bedroom", "dining room", "living room", "office")


def _hang_curtains(space: Space, word: str) -> None:
    for i, wall in enumerate(space.walls):
        for hole in wall.holes:
            if hole.kind != "window":
                continue
            model = make.curtain(space.draws, word, 260, hole.z[1] - hole.z[0] + 110)
            low, lower = hole.z[0] - 30, hole.s[0] - 30
            spans = [(middle - 130, middle + 130) for middle in (lower, hole.s[1] + 30)]
            levels = (low, low + model.size[2])
            if any(s[0] < 60 or s[1] > wall.length - 60 or space.covered(i, s, levels, shadow_of(hole)) for s in spans):
                continue
            for s in spans:
                space.put(model, (*spot_at(wall, s[0] + 130, 70), low), QUARTERS[wall.quarter])
