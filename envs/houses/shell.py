"""The building: walls with their holes, floors, ceilings, doors and windows as surfaces seen from inside.

Neighbouring faces share their corners (no corner lies on another face's edge), so that a rasteriser leaves no
cracks. Floors and ceilings reach to the walls' centre lines, where those of two rooms meet under a threshold.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from envs.houses.draws import Draws
from envs.houses.house import WALL_HEIGHT, Material
from envs.houses.paints import jittered, material
from envs.houses.plan import WALL, Hole, Plan, Wall, Whole
from envs.houses.scene import Scene
from envs.houses.solids import QUARTERS, Shape

HEIGHT = round(WALL_HEIGHT * 1000)
"""From floor to ceiling, mm."""

CASING, SILL = 60, 40
"""How far a door's casing reaches beside the opening, and a window's sill into the room, mm."""

_PROUD = 15
_SKIRTING = (12, 80)
_PANE = 80
_FRONT_LEAF = 50


@dataclass(frozen=True)
class Style:
    """What the building's parts are made of.

    Attributes:
        walls: By room: colour word and material.
        floors: By room: colour word and material.
        trim: Skirting, casings, window frames: colour word and material.
        front_door: Colour word and material.
    """

    walls: tuple[tuple[str, Material], ...]
    floors: tuple[tuple[str, Material], ...]
    trim: tuple[str, Material]
    front_door: tuple[str, Material]


_WALL_COLORS = {
    "bathroom": ("white", "light blue", "light green", "light gray"),
    "bedroom": ("white", "beige", "light blue", "light green", "pink", "light yellow", "light gray"),
    "closet": ("white", "beige"),
    "dining room": ("white", "beige", "light yellow", "light green", "red"),
    "hallway": ("white", "beige", "light gray", "light yellow"),
    "kitchen": ("white", "light yellow", "light green", "light gray"),
    "laundry room": ("white", "light gray", "light blue"),
    "living room": ("white", "beige", "light gray", "light yellow", "tan"),
    "office": ("white", "beige", "light gray", "light blue", "dark green"),
}
_WET = ("bathroom", "laundry room")


def draw_style(draws: Draws, plan: Plan) -> Style:
    """Choose materials: one floor through most rooms, tiles where it gets wet."""
    boards = draws.pick((("tan", "planks"), ("brown", "planks"), ("dark brown", "planks"), ("tan", "parquet")))
    carpet = (draws.pick(("beige", "light gray", "light blue", "gray")), "carpet")
    carpeted = draws.chance(50)
    tiled_kitchen = (draws.pick(("white", "light gray", "tan")), draws.pick(("tiles", "checker")))
    house_wall = draws.pick(("white", "beige", "light gray"))
    walls, floors = [], []
    for room in plan.rooms:
        word = draws.pick(_WALL_COLORS[room.category]) if draws.chance(65) else house_wall
        texture = "plaster"
        if room.category == "bathroom":
            texture = "tiles"
        elif room.category in ("bedroom", "dining room", "living room") and draws.chance(20):
            texture = draws.pick(("stripes", "brick"))
        walls.append((word, jittered(draws, word, texture)))
        floor = boards
        if room.category in _WET:
            floor = (
                draws.pick(("white", "light gray", "gray", "light blue")),
                draws.pick(("tiles", "marble", "checker")),
            )
        elif room.category == "kitchen":
            floor = tiled_kitchen if draws.chance(60) else boards
        elif room.category in ("bedroom", "closet") and carpeted:
            floor = carpet
        floors.append((floor[0], material(*floor)))
    trim = draws.pick(("white", "white", "white", "brown", "dark brown"))
    front = draws.pick(("red", "dark green", "blue", "brown", "dark brown", "black"))
    return Style(
        tuple(walls),
        tuple(floors),
        (trim, material(trim, "plain" if trim == "white" else "wood")),
        (front, material(front)),
    )


def build_shell(scene: Scene, plan: Plan, style: Style) -> None:
    """Add the building's surfaces; the first objects are the openings, in their order."""
    openings = [_register_opening(scene, plan, index, style) for index in range(len(plan.openings))]
    for index in range(len(plan.rooms)):
        _add_floor_and_ceiling(scene, plan, index, style)
    for wall in plan.walls:
        before = next(w for w in plan.walls if w.room == wall.room and w.end == wall.start)
        after = next(w for w in plan.walls if w.room == wall.room and w.start == wall.end)
        _add_wall(scene, wall, (_mitre(before, wall), _mitre(wall, after)), style)
        for hole in wall.holes:
            instance = openings[hole.opening] if hole.opening >= 0 else _register_hole(scene, wall, hole, style)
            first = hole.opening >= 0 and plan.openings[hole.opening].rooms[0] == wall.room
            shape = _hole_parts(hole, style, style.walls[wall.room][1], first)
            scene.add(shape, instance, wall.room, QUARTERS[wall.quarter], (*wall.start, 0))


def _register_opening(scene: Scene, plan: Plan, index: int, style: Style) -> int:
    opening = plan.openings[index]
    middle = sum(opening.span) // 2
    center = (middle, opening.at) if opening.axis == 0 else (opening.at, middle)
    width = opening.span[1] - opening.span[0]
    door = opening.kind == "door"
    return scene.register(
        "door" if door else "doorway",
        style.trim[0] if door else style.walls[opening.rooms[0]][0],
        opening.rooms[0],
        (*center, opening.height // 2),
        (width, WALL, opening.height),
        QUARTERS[_facing(plan, index)],
    )


def _facing(plan: Plan, index: int) -> int:
    """Return the quarter that the opening's first room lies at."""
    room = plan.openings[index].rooms[0]
    return next(w.quarter for w in plan.walls if w.room == room and any(hole.opening == index for hole in w.holes))


def _register_hole(scene: Scene, wall: Wall, hole: Hole, style: Style) -> int:
    spot = wall.rect(hole.s, (-_PANE, 0))
    center = ((spot.x0 + spot.x1) // 2, (spot.y0 + spot.y1) // 2, sum(hole.z) // 2)
    color = style.front_door[0] if hole.kind == "front door" else style.trim[0]
    size = (hole.s[1] - hole.s[0], _PANE, hole.z[1] - hole.z[0])
    return scene.register(hole.kind, color, wall.room, center, size, QUARTERS[wall.quarter])


def _add_floor_and_ceiling(scene: Scene, plan: Plan, room: int, style: Style) -> None:
    cells = plan.rooms[room].cells
    x0, y0 = min(c.x0 for c in cells), min(c.y0 for c in cells)
    x1, y1 = max(c.x1 for c in cells), max(c.y1 for c in cells)
    floor, ceiling = Shape(), Shape()
    ceiling_paint = material("white", "plaster", shade=104)
    for c in cells:
        floor.polygon(style.floors[room][1], (c.x0, c.y0, 0), (c.x1, c.y0, 0), (c.x1, c.y1, 0), (c.x0, c.y1, 0))
        h = HEIGHT
        ceiling.polygon(ceiling_paint, (c.x0, c.y0, h), (c.x0, c.y1, h), (c.x1, c.y1, h), (c.x1, c.y0, h))
    for name, color, shape, z in (("floor", style.floors[room][0], floor, 0), ("ceiling", "white", ceiling, HEIGHT)):
        center = ((x0 + x1) // 2, (y0 + y1) // 2, z)
        instance = scene.register(name, color, room, center, (x1 - x0, y1 - y0, 0), QUARTERS[0])
        scene.add(shape, instance, room, QUARTERS[0], (0, 0, 0))


def _mitre(wall: Wall, after: Wall) -> int:
    """Return 1 where a room's corner is convex, -1 where it juts into the room."""
    (ax, ay), (bx, by) = wall.along, after.along
    return ax * by - ay * bx


def _add_wall(scene: Scene, wall: Wall, mitres: Whole, style: Style) -> None:
    """Add a wall's face and skirting; its own frame has y = 0 on the face and x from start to end."""
    word, paint = style.walls[wall.room]
    shape = Shape(grounded=False)
    for triangle in face_with_holes(wall.length, HEIGHT, [(hole.s, hole.z) for hole in wall.holes]):
        shape.polygon(paint, *((s, 0, z) for s, z in triangle))
    _add_skirting(shape, wall, mitres, style.trim[1])
    middle = ((wall.start[0] + wall.end[0]) // 2, (wall.start[1] + wall.end[1]) // 2, HEIGHT // 2)
    turn = QUARTERS[wall.quarter]
    instance = scene.register("wall", word, wall.room, middle, (wall.length, 0, HEIGHT), turn)
    scene.add(shape, instance, wall.room, turn, (*wall.start, 0))


def face_with_holes(length: int, height: int, holes: list[tuple[Whole, Whole]]) -> list[list[Whole]]:
    """Return triangles (s, z) of an upright face with rectangular holes, no corner on another's edge.

    They run counterclockwise for who stands where s grows to the left.
    """
    cuts = sorted({0, length, *(s for hole, _ in holes for s in hole)})
    levels = {cut: sorted(z for s, zs in holes if cut in s for z in zs) for cut in cuts}
    triangles = []
    for a, b in pairwise(cuts):
        low = 0
        over = sorted(z for s, z in holes if s[0] <= a and b <= s[1])
        for bottom, top in [*over, (height, height)]:
            if bottom > low:
                chains = [[low, *(z for z in levels[cut] if low < z < bottom), bottom] for cut in (a, b)]
                triangles += _zipped(a, b, chains[0], chains[1])
            low = top
    return triangles


def _zipped(a: int, b: int, left: list[int], right: list[int]) -> list[list[Whole]]:
    """Triangulate the strip between corners at s = a and corners at s = b."""
    i = j = 0
    triangles = []
    while i + 1 < len(left) or j + 1 < len(right):
        base: list[Whole] = [(b, right[j]), (a, left[i])]
        if j + 1 == len(right) or (i + 1 < len(left) and left[i + 1] <= right[j + 1]):
            i += 1
            triangles.append([*base, (a, left[i])])
        else:
            j += 1
            triangles.append([*base, (b, right[j])])
    return triangles


def _add_skirting(shape: Shape, wall: Wall, mitres: Whole, paint: Material) -> None:
    depth, height = _SKIRTING
    cuts = [0]
    for hole in wall.holes:
        if hole.z[0] == 0:
            frame = 0 if hole.kind == "passage" else CASING
            cuts += (hole.s[0] - frame, hole.s[1] + frame)
    cuts.append(wall.length)
    for a, b in zip(cuts[::2], cuts[1::2], strict=True):
        a1 = a + depth * mitres[0] if a == 0 else a
        b1 = b - depth * mitres[1] if b == wall.length else b
        shape.polygon(paint, (b1, depth, 0), (a1, depth, 0), (a1, depth, height), (b1, depth, height))
        shape.polygon(paint, (a, 0, height), (b, 0, height), (b1, depth, height), (a1, depth, height))
        if a:
            shape.polygon(paint, (a, depth, 0), (a, 0, 0), (a, 0, height), (a, depth, height))
        if b < wall.length:
            shape.polygon(paint, (b, 0, 0), (b, depth, 0), (b, depth, height), (b, 0, height))


def _hole_parts(hole: Hole, style: Style, paint: Material, first: bool) -> Shape:
    """Return what lines or fills a hole, in its wall's frame; y < 0 is within the wall."""
    shape = Shape(grounded=False)
    trim = style.trim[1]
    if hole.kind in ("door", "passage"):
        _add_reveal(shape, trim if hole.kind == "door" else paint, hole, WALL // 2)
        if first:
            _add_threshold(shape, trim if hole.kind == "door" else material("brown", "wood"), hole)
    elif hole.kind == "window":
        _add_window(shape, hole, trim)
    else:
        _add_reveal(shape, trim, hole, _FRONT_LEAF)
        _add_front_leaf(shape, hole, style.front_door[1])
    if hole.kind in ("door", "front door"):
        _add_casing(shape, hole, trim)
    return shape


def _add_reveal(shape: Shape, paint: Material, hole: Hole, depth: int) -> None:
    (a, b), (low, high), back = hole.s, hole.z, -depth
    shape.polygon(paint, (a, back, low), (a, 0, low), (a, 0, high), (a, back, high))
    shape.polygon(paint, (b, 0, low), (b, back, low), (b, back, high), (b, 0, high))
    shape.polygon(paint, (a, 0, high), (b, 0, high), (b, back, high), (a, back, high))
    if low:
        shape.polygon(paint, (a, back, low), (b, back, low), (b, 0, low), (a, 0, low))


def _add_threshold(shape: Shape, paint: Material, hole: Hole) -> None:
    (a, b), rise = hole.s, 8
    shape.polygon(paint, (a, -WALL, rise), (b, -WALL, rise), (b, 0, rise), (a, 0, rise))
    shape.polygon(paint, (b, 0, 0), (a, 0, 0), (a, 0, rise), (b, 0, rise))
    shape.polygon(paint, (a, -WALL, 0), (b, -WALL, 0), (b, -WALL, rise), (a, -WALL, rise))


def _add_casing(shape: Shape, hole: Hole, paint: Material) -> None:
    """Add flat boards round the opening, proud of the wall."""
    (a, b), top, y = hole.s, hole.z[1], _PROUD
    head = top + CASING
    for low, high in ((a - CASING, a), (b, b + CASING)):
        shape.polygon(paint, (high, y, 0), (low, y, 0), (low, y, head), (high, y, head))
        shape.polygon(paint, (low, y, 0), (low, 0, 0), (low, 0, head), (low, y, head))
        shape.polygon(paint, (high, 0, 0), (high, y, 0), (high, y, head), (high, 0, head))
        shape.polygon(paint, (low, 0, head), (high, 0, head), (high, y, head), (low, y, head))
    shape.polygon(paint, (b, y, top), (a, y, top), (a, y, head), (b, y, head))
    shape.polygon(paint, (a, 0, top), (a, y, top), (b, y, top), (b, 0, top))
    shape.polygon(paint, (a, 0, head), (b, 0, head), (b, y, head), (a, y, head))


def _add_window(shape: Shape, hole: Hole, trim: Material) -> None:
    (a, b), (low, high) = hole.s, hole.z
    _add_reveal(shape, trim, hole, _PANE)
    sky = material("light blue", shade=112)
    shape.polygon(sky, (b, -_PANE, low), (a, -_PANE, low), (a, -_PANE, high), (b, -_PANE, high))
    bar, depth = 45, (-_PANE, -_PANE + 30)
    shape.box(trim, (a, a + bar), depth, (low, high))
    shape.box(trim, (b - bar, b), depth, (low, high))
    shape.box(trim, (a + bar, b - bar), depth, (low, low + bar))
    shape.box(trim, (a + bar, b - bar), depth, (high - bar, high))
    if b - a > 850:
        middle = (a + b) // 2
        shape.box(trim, (middle - bar // 2, middle + bar // 2), depth, (low + bar, high - bar))
    shape.box(trim, (a - 50, b + 50), (0, SILL), (low - 30, low))


def _add_front_leaf(shape: Shape, hole: Hole, paint: Material) -> None:
    (a, b), top, y = hole.s, hole.z[1], -_FRONT_LEAF
    shape.polygon(paint, (b, y, 0), (a, y, 0), (a, y, top), (b, y, top))
    for low, high in ((220, 900), (1060, 1850)):
        shape.box(paint, (a + 150, b - 150), (y, y + 12), (low, high))
    shape.box(material("silver"), (a + 60, a + 100), (y, y + 45), (960, 1060))
