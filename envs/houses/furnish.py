"""Furniture where people put it. Whole millimetres; every footprint is axis-parallel.

Placing keeps three things: no footprint meets a wall, another one or the approach of a door; what is used from its
front has
room there; and all doors of a room stay joined by floor that is nowhere too narrow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import shapely

from envs.houses import furniture as make
from envs.houses.clearance import CORE, grown, pieces, union
from envs.houses.draws import Draws
from envs.houses.furniture import Maker, Model, Taste
from envs.houses.house import Material
from envs.houses.paints import material
from envs.houses.plan import WALL, Hole, Plan, Rect, Wall, Whole
from envs.houses.shell import CASING, HEIGHT, SILL
from envs.houses.solids import QUARTERS, Turn, skewed, turned

APPROACH = 800
"""What stays free before and behind a door, mm."""

_GAP = 20
_STEP = 50
_FRAME = 20
_POCKET = 400_000
"""Floor that furniture may cut off from a room, mm2 after erosion: a corner behind a chair, not half a room."""


@dataclass(frozen=True, eq=False)
class Placed:
    """A model in its place.

    Attributes:
        model: What it is.
        room: Index.
        center: Where the middle of its footprint is and its lower edge, mm.
        turn: Where its front faces.
        rect: Its footprint.
        blocks: Nobody can walk there.
    """

    model: Model
    room: int
    center: tuple[int, int, int]
    turn: Turn
    rect: Rect
    blocks: bool


def furnish(draws: Draws, plan: Plan, taste: Taste) -> list[Placed]:
    """Furnish all rooms."""
    placed: list[Placed] = []
    for index, room in enumerate(plan.rooms):
        space = _Space(draws, plan, index)
        _RECIPES[room.category](space, taste)
        _finish(space, taste)
        placed += space.placed
    return placed


class _Space:
    """A room while it is furnished."""

    def __init__(self, draws: Draws, plan: Plan, room: int) -> None:
        self.draws = draws
        self.room = room
        self.category = plan.rooms[room].category
        self.placed: list[Placed] = []
        self.insides = plan.insides[room]
        self.walls = [wall for wall in plan.walls if wall.room == room]
        self.bounds = Rect(
            min(r.x0 for r in self.insides), min(r.y0 for r in self.insides),
            max(r.x1 for r in self.insides), max(r.y1 for r in self.insides),
        )  # fmt: skip
        self._blocked: list[Rect] = []
        self._kept: list[Rect] = []
        self._hung: dict[int, list[tuple[Whole, Whole]]] = {i: [] for i in range(len(self.walls))}
        gates: list[Rect] = []
        self._gate_points: list[shapely.Point] = []
        for i, wall in enumerate(self.walls):
            for hole in wall.holes:
                self._hung[i].append(_shadow(hole))
                if hole.kind == "window":
                    continue
                self._kept.append(wall.rect((hole.s[0] - CASING, hole.s[1] + CASING), (0, APPROACH)))
                if hole.opening >= 0:
                    gates.append(wall.rect(hole.s, (-500, 10)))
                    point = wall.rect(hole.s, (-WALL, 0))
                    self._gate_points.append(shapely.Point((point.x0 + point.x1) // 2, (point.y0 + point.y1) // 2))
        self._core = grown(union([*self.insides, *gates]), -CORE)

    # --- What fits ---

    def inside(self, rect: Rect) -> bool:
        """Tell whether a rectangle lies in the room, short of its walls."""
        return any(room.holds(rect) for room in self.insides)

    def free(self, rect: Rect, kept: bool = True) -> bool:
        """Tell whether nothing stands in a rectangle; `kept`: and whether nothing may need it."""
        if any(rect.meets(other) for other in self._blocked):
            return False
        return not kept or not any(rect.meets(other) for other in self._kept)

    def keep(self, rect: Rect) -> None:
        """Keep a rectangle free of what is placed later."""
        self._kept.append(rect)

    def _cut(self, rects: Sequence[Rect]) -> shapely.Polygon | None:
        """Return the room's core without `rects`, if all its doors stay joined."""
        rest = self._core.difference(union(rect.grown(CORE) for rect in rects))
        parts = pieces(rest)
        if not parts or sum(part.area for part in parts[1:]) > _POCKET:
            return None
        main = parts[0]
        return main if all(main.covers(point) for point in self._gate_points) else None

    def stand(self, pieces_: Sequence[tuple[Model, Whole, Turn]]) -> bool:
        """Put models on the floor together if they leave the ways open; the caller has seen that they fit."""
        placed = [
            Placed(model, self.room, (*at, 0), turn, footprint(model, at, turn), True) for model, at, turn in pieces_
        ]
        core = self._cut([item.rect for item in placed])
        if core is None:
            return False
        self._core = core
        for item in placed:
            self.placed.append(item)
            self._blocked.append(item.rect)
            self._shade(item)
        return True

    def _shade(self, item: Placed) -> None:
        """Remember which part of the walls an item hides, so that nothing is hung behind it."""
        for i, wall in enumerate(self.walls):
            s, near = _span(wall, item.rect)
            if near < 250:
                self._hung[i].append((s, (0, item.model.size[2] + 60)))

    def covered(self, wall: int, s: Whole, z: Whole, but: tuple[Whole, Whole] | None = None) -> bool:
        """Tell whether a part of a wall has something on it or before it, other than `but`."""
        return any(
            a[0] < s[1] and s[0] < a[1] and b[0] < z[1] and z[0] < b[1] for a, b in self._hung[wall] if (a, b) != but
        )

    def put(self, model: Model, center: tuple[int, int, int], turn: Turn) -> Placed:
        """Put a model somewhere that blocks nobody."""
        item = Placed(model, self.room, center, turn, footprint(model, center[:2], turn), False)
        self.placed.append(item)
        return item

    def on_top(self, base: Placed, model: Model, shift: Whole = (0, 0), quarter: int = 0) -> None:
        """Put a model on another, `shift` in the other's frame."""
        x, y = turned(*shift, base.turn)
        turn = base.turn
        for _ in range(quarter):
            turn = (-turn[1], turn[0], turn[2])
        self.put(model, (base.center[0] + x, base.center[1] + y, base.center[2] + base.model.size[2]), turn)

    # --- Where it may go ---

    def along_walls(self, width: int, depth: int, height: int, front: int, corner: bool) -> Iterator[tuple[Wall, int]]:
        """Yield walls and positions along them where something of that size fits with its back to the wall.

        Args:
            width: Of the footprint, mm.
            depth: Of the footprint.
            height: It hides no window that begins lower.
            front: To be kept free before it.
            corner: Corners first.
        """
        candidates = []
        index = {wall.start: i for i, wall in enumerate(self.walls)}
        for wall in self.walls:
            low, high = _GAP + width // 2, wall.length - _GAP - width // 2
            if low > high:
                continue
            spots = list(range((low + 9) // 10 * 10, high + 1, _STEP))
            candidates += [(wall, s) for s in ([low, high, *spots] if not corner else [low, high])]
        ordered = self.draws.shuffled(candidates)
        if corner:
            ordered += self.draws.shuffled([(w, s) for w in self.walls for s in _spots(w, width)])
        for wall, s in ordered:
            span = (s - width // 2, s + width // 2)
            rect = wall.rect(span, (_GAP, _GAP + depth))
            if not self.inside(rect) or not self.free(rect):
                continue
            if self.covered(index[wall.start], span, (0, height)):
                continue
            if front:
                zone = wall.rect(span, (_GAP + depth, _GAP + depth + front))
                if not self.inside(zone) or not self.free(zone, kept=False):
                    continue
            yield wall, s

    def against_wall(
        self, model: Model, front: int = 0, corner: bool = False, tries: int = 6, beside: Sequence[Model] = ()
    ) -> Placed | None:
        """Stand a model with its back to a wall; None if there is no room.

        Args:
            model: What to place.
            front: To be kept free before it, mm.
            corner: Rather in a corner.
            tries: How many places that fit to try for one that leaves the ways open.
            beside: Models that go right beside it on either side as far as they fit.
        """
        w, d, h = model.size
        for wall, s in self.along_walls(w, d, h, front, corner):
            turn = QUARTERS[wall.quarter]
            if self.stand([(model, _spot(wall, s, _GAP + d // 2), turn)]):
                main = self.placed[-1]
                if front:
                    self.keep(wall.rect((s - w // 2, s + w // 2), (_GAP + d, _GAP + d + front)))
                for side, other in zip((-1, 1), beside, strict=False):
                    self._beside(wall, s + side * (w // 2 + 30 + other.size[0] // 2), other)
                return main
            tries -= 1
            if tries == 0:
                break
        return None

    def _beside(self, wall: Wall, s: int, model: Model) -> None:
        at = _spot(wall, s, _GAP + model.size[1] // 2)
        rect = footprint(model, at, QUARTERS[wall.quarter])
        if self.inside(rect.grown(_GAP)) and self.free(rect):
            self.stand([(model, at, QUARTERS[wall.quarter])])

    def anywhere(self, width: int, depth: int, margin: int) -> Iterator[tuple[Whole, int]]:
        """Yield centres (and quarter turns) where a footprint fits, those nearest the room's middle first."""
        middle = ((self.bounds.x0 + self.bounds.x1) // 2, (self.bounds.y0 + self.bounds.y1) // 2)
        shifts = sorted(
            ((dx, dy) for dx in range(-1000, 1001, 100) for dy in range(-1000, 1001, 100)),
            key=lambda shift: (shift[0] ** 2 + shift[1] ** 2, shift),
        )
        first = self.draws.below(2)
        for dx, dy in shifts:
            at = ((middle[0] + dx) // 10 * 10, (middle[1] + dy) // 10 * 10)
            for quarter in (first, 1 - first):
                w, d = (width, depth) if quarter == 0 else (depth, width)
                rect = Rect(at[0] - w // 2, at[1] - d // 2, at[0] + w // 2, at[1] + d // 2)
                if self.inside(rect.grown(margin)) and self.free(rect):
                    yield at, quarter

    def hang(self, model: Model, low: int, wall: Wall | None = None, s: int | None = None, margin: int = 40) -> bool:
        """Hang a model on a wall with its lower edge at `low`."""
        w, d, h = model.size
        options = [
            (i, spot)
            for i, each in enumerate(self.walls)
            if wall in (None, each)
            for spot in ([s] if s is not None else _spots(each, w + 200))
        ]
        for i, spot in self.draws.shuffled(options):
            span, levels = (spot - w // 2 - margin, spot + w // 2 + margin), (low, low + h)
            if self.covered(i, span, levels):
                continue
            each = self.walls[i]
            self.put(model, (*_spot(each, spot, d // 2), low), QUARTERS[each.quarter])
            self._hung[i].append((span, levels))
            return True
        return False


def footprint(model: Model, at: Whole, turn: Turn) -> Rect:
    """Return the rectangle round a turned model, to the centimetre."""
    w, d, _ = model.size
    corners = [turned(x, y, turn) for x in (-w // 2, w // 2) for y in (-d // 2, d // 2)]
    reach_x, reach_y = max(x for x, _ in corners), max(y for _, y in corners)
    if turn[2] != 1:
        reach_x, reach_y = (reach_x + 9) // 10 * 10, (reach_y + 9) // 10 * 10
    return Rect(at[0] - reach_x, at[1] - reach_y, at[0] + reach_x, at[1] + reach_y)


def _shadow(hole: Hole) -> tuple[Whole, Whole]:
    """Return what a hole and its frame take of a wall."""
    return (hole.s[0] - CASING, hole.s[1] + CASING), (hole.z[0] - SILL, hole.z[1] + CASING)


def _spot(wall: Wall, s: int, depth: int) -> Whole:
    rect = wall.rect((s, s), (depth, depth))
    return rect.x0, rect.y0


def _spots(wall: Wall, width: int) -> list[int]:
    return list(range((width // 2 + _GAP + 9) // 10 * 10, wall.length - width // 2 - _GAP + 1, _STEP))


def _span(wall: Wall, rect: Rect) -> tuple[Whole, int]:
    """Return where a rectangle lies along a wall, and how far from it."""
    (ux, uy), (x, y) = wall.along, wall.start
    ends = [(px - x) * ux + (py - y) * uy for px in (rect.x0, rect.x1) for py in (rect.y0, rect.y1)]
    depths = [(py - y) * ux - (px - x) * uy for px in (rect.x0, rect.x1) for py in (rect.y0, rect.y1)]
    near = min(depths)
    return (min(ends), max(ends)), near if near >= 0 else 1_000_000


# --- Rooms -----------------------------------------------------------------------------------------------------------


def _bedroom(space: _Space, taste: Taste) -> None:
    draws = space.draws
    stands = [make.nightstand(draws, taste) for _ in range(2)]
    for width in draws.pick(((1800, 1600, 1400, 1000), (1600, 1400, 1000), (1400, 1000), (1000,))):
        bed = space.against_wall(make.bed(draws, taste, width), front=450, beside=stands)
        if bed:
            break
    for item in [item for item in space.placed if item.model.category == "nightstand"]:
        if draws.chance(75):
            space.on_top(item, make.table_lamp(draws, taste))
    _some(space, taste, ((make.wardrobe, 90, 500), (make.dresser, 60, 450)))
    if draws.chance(35):
        _work_place(space, taste, make.chair(draws, taste))
    _some(space, taste, ((make.armchair, 25, 300), (make.bench, 15, 300)))
    _corners(space, taste, ((make.plant, 45), (make.floor_lamp, 30)))
    if bed and draws.chance(70):
        _rug_at(space, taste, bed.center[:2], (2300, 1500), bed.turn)
    _walls(space, taste, pictures=draws.between(1, 2), mirrors=int(draws.chance(50)))


def _living_room(space: _Space, taste: Taste) -> None:
    draws = space.draws
    if not _sofa_group(space, taste):
        space.against_wall(make.sofa(draws, taste), front=400)
        stand = space.against_wall(make.tv_stand(draws, taste), front=300)
        if stand:
            space.on_top(stand, make.television(draws))
    _some(space, taste, ((make.bookshelf, 80, 350), (make.bookshelf, 40, 350), (make.sideboard, 50, 350)))
    _some(space, taste, ((make.armchair, 50, 300), (make.console_table, 20, 300)))
    _corners(space, taste, ((make.floor_lamp, 80), (make.plant, 80), (make.plant, 40), (make.side_table, 30)))
    _walls(space, taste, pictures=draws.between(2, 4), clocks=int(draws.chance(40)))


def _sofa_group(space: _Space, taste: Taste) -> bool:
    """Television at a wall, the sofa facing it, a low table between them on a rug, armchairs at the sides."""
    draws = space.draws
    stand, sofa, table = make.tv_stand(draws, taste), make.sofa(draws, taste), make.coffee_table(draws, taste)
    w, d, h = stand.size
    for tries, (wall, s) in enumerate(space.along_walls(w, d, h + 600, 300, False)):
        if tries == 40:
            break
        turn = QUARTERS[wall.quarter]
        back = QUARTERS[(wall.quarter + 2) % 4]
        room_depth = _depth_before(space, wall, s)
        near, far = _GAP + d + 1500, _GAP + d + 2600
        # Against the opposite wall if that is near enough, else free in the room.
        sofa_near = min(far, room_depth - _GAP - sofa.size[1])
        if sofa_near < near:
            continue
        if _GAP < room_depth - sofa_near - sofa.size[1] < 600:
            sofa_near = room_depth - sofa.size[1] - 700
            if sofa_near < near:
                continue
        sofa_near = sofa_near // 10 * 10
        sofa_at = _spot(wall, s, sofa_near + sofa.size[1] // 2)
        table_at = _spot(wall, s, sofa_near - 420 - table.size[1] // 2)
        group = [(stand, _spot(wall, s, _GAP + d // 2), turn), (sofa, sofa_at, back), (table, table_at, turn)]
        if not all(_fits(space, footprint(m, at, t)) for m, at, t in group) or not space.stand(group):
            continue
        space.on_top(space.placed[-3], make.television(draws, min(1200, w - 100)))
        space.keep(wall.rect((s - 300, s + 300), (_GAP + d, sofa_near)))
        _rug_at(space, taste, table_at, (2200, 1500), turn)
        for side in draws.shuffled((-1, 1))[: draws.between(0, 2)]:
            chair = make.armchair(draws, taste, sofa.color if draws.chance(60) else "")
            at = _spot(wall, s + side * (w // 2 + 550), sofa_near - 500)
            facing = QUARTERS[(wall.quarter + (1 if side < 0 else 3)) % 4]
            if draws.chance(40):
                facing = skewed(QUARTERS.index(facing), 0 if side < 0 else 1)
            if _fits(space, footprint(chair, at, facing)):
                space.stand([(chair, at, facing)])
        return True
    return False


def _fits(space: _Space, rect: Rect) -> bool:
    return space.inside(rect.grown(_GAP)) and space.free(rect)


def _depth_before(space: _Space, wall: Wall, s: int) -> int:
    """Return how far the room reaches before a point of a wall."""
    reach = 0
    for inside in space.insides:
        span, near = _span(wall, inside)
        if near == 0 and span[0] <= s <= span[1]:
            reach = max(reach, inside.x1 - inside.x0 if wall.along[1] else inside.y1 - inside.y0)
    return reach


def _kitchen(space: _Space, taste: Taste) -> None:
    draws = space.draws
    front = draws.pick(("white", "white", "tan", "brown", "light gray", "dark blue", "green"))
    top = material(*draws.pick((("dark gray", "marble"), ("white", "marble"), ("tan", "wood"), ("black", "plain"))))
    for _ in range(2):
        if _kitchen_run(space, taste, front, top):
            break
    else:
        for model in (make.fridge(draws, taste), make.stove(draws, taste)):
            space.against_wall(model, front=600, corner=True)
        counter = space.against_wall(make.kitchen_counter(taste, 1000, front, top), front=600)
        if counter:
            space.on_top(counter, make.sink(taste))
    if not any(room_item.model.category == "fridge" for room_item in space.placed):
        space.against_wall(make.fridge(draws, taste), front=600, corner=True)
    if draws.chance(45):
        counter = space.against_wall(make.kitchen_counter(taste, draws.pick((800, 1000, 1200)), front, top), front=600)
        if counter and draws.chance(70):
            space.on_top(counter, make.microwave())
    if draws.chance(60):
        _table_group(space, taste, small=True)
    _corners(space, taste, ((make.trash_can, 70), (make.plant, 25)))
    _walls(space, taste, pictures=draws.below(2), clocks=int(draws.chance(70)))


def _kitchen_run(space: _Space, taste: Taste, front: str, top: Material) -> bool:
    """Fridge, worktops, stove and sink side by side along one wall, cupboards above."""
    draws = space.draws
    for wall, low, high in _clear_runs(space, 660):
        if high - low < 640 + 600 + 800:
            continue
        models: list[Model] = [make.fridge(draws, taste)]
        left = min(high - low, 4200) - 640 - 10 - 600
        first = draws.pick((400, 500, 600)) if left > 1400 else 0
        if first:
            models.append(make.kitchen_counter(taste, first, front, top))
        models.append(make.stove(draws, taste))
        basin = (left - first) // 20 * 20
        wide = min(basin, 1400)
        models.append(make.kitchen_counter(taste, wide, front, top))
        rest = (basin - wide) // 100 * 100
        if rest >= 300:
            models.append(make.kitchen_counter(taste, rest, front, top))
        if _tall_before_window(wall, low, high, models) or draws.chance(50):
            models.reverse()
        s = low if draws.chance(50) else high - sum(m.size[0] for m in models) - 10
        if _stand_run(space, taste, wall, s // 10 * 10, models):
            return True
        models.reverse()
        if _stand_run(space, taste, wall, s // 10 * 10, models):
            return True
    return False


def _tall_before_window(wall: Wall, low: int, high: int, models: list[Model]) -> bool:
    return any(hole.kind == "window" and hole.s[0] < low + models[0].size[0] for hole in wall.holes) and high > low


def _clear_runs(space: _Space, depth: int) -> list[tuple[Wall, int, int]]:
    """Return stretches of wall with nothing before them, longest first."""
    runs = []
    for wall in space.walls:
        s = _GAP
        start = None
        while s + _STEP <= wall.length - _GAP:
            rect = wall.rect((s, s + _STEP), (_GAP, depth))
            good = space.inside(rect) and space.free(rect)
            if good and start is None:
                start = s
            if not good and start is not None:
                runs.append((wall, start, s))
                start = None
            s += _STEP
        if start is not None:
            runs.append((wall, start, s))
    return sorted(runs, key=lambda run: run[1] - run[2])


def _stand_run(space: _Space, taste: Taste, wall: Wall, start: int, models: list[Model]) -> bool:
    turn = QUARTERS[wall.quarter]
    group, spots = [], []
    s = start
    for model in models:
        w, d, h = model.size
        middle = s + w // 2
        window = any(
            hole.kind == "window" and hole.z[0] - SILL < h and hole.s[0] < s + w and s < hole.s[1]
            for hole in wall.holes
        )
        rect = wall.rect((s, s + w), (_GAP, _GAP + d))
        if window or not space.inside(rect) or not space.free(rect):
            return False
        group.append((model, _spot(wall, middle, _GAP + d // 2), turn))
        spots.append(middle)
        s += w
    zone = wall.rect((start, s), (_GAP + 640, _GAP + 1300))
    if not space.free(zone, kept=False) or not space.stand(group):
        return False
    space.keep(zone)
    items = space.placed[-len(group) :]
    widest = max((i for i in items if i.model.category == "kitchen counter"), key=lambda i: i.model.size[0])
    space.on_top(widest, make.sink(taste))
    for item, middle in zip(items, spots, strict=True):
        if item.model.category == "stove":
            space.hang(make.range_hood(taste), 1650, wall, middle, margin=0)
        elif item.model.category == "kitchen counter":
            cabinet = make.wall_cabinet(taste, item.model.size[0] - 20, item.model.color)
            space.hang(cabinet, 1500, wall, middle, margin=0)
            if item is not widest and item.model.size[0] >= 500 and space.draws.chance(60):
                space.on_top(item, make.microwave())
    return True


def _dining_room(space: _Space, taste: Taste) -> None:
    draws = space.draws
    if not _table_group(space, taste, small=False):
        _table_group(space, taste, small=True)
    _some(space, taste, ((make.sideboard, 85, 350), (make.bookshelf, 25, 350)))
    _corners(space, taste, ((make.plant, 70), (make.floor_lamp, 30)))
    _walls(space, taste, pictures=draws.between(1, 3), mirrors=int(draws.chance(30)), clocks=int(draws.chance(30)))


def _table_group(space: _Space, taste: Taste, small: bool) -> bool:
    """A table with chairs round it, on a rug."""
    draws = space.draws
    wood, seat = draws.pick(("tan", "brown", "dark brown", "white", taste.wood)), draws.pick(("", "", *taste.cloth))
    for width in (900,) if small else draws.pick(((1800, 1400), (1600, 1400), (1400,), (900, 1400))):
        table = make.round_table(draws, taste) if width == 900 else make.dining_table(draws, taste, width)
        chair = make.chair(draws, taste, wood, seat)
        seats = _seats(table, chair, small)
        hull_w, hull_d = table.size[0] + 1000, table.size[1] + 1000
        tries = 8
        for at, quarter in space.anywhere(hull_w, hull_d, 20):
            turn = QUARTERS[quarter]
            group = [(table, at, turn)]
            for (dx, dy), facing in seats:
                x, y = turned(dx, dy, turn)
                group.append((chair, (at[0] + x, at[1] + y), QUARTERS[(facing + quarter) % 4]))
            if space.stand(group):
                if not small or draws.chance(40):
                    _rug_at(space, taste, at, (table.size[0] + 1000, table.size[1] + 900), turn)
                return True
            tries -= 1
            if tries == 0:
                break
    return False


def _seats(table: Model, chair: Model, small: bool) -> list[tuple[Whole, int]]:
    """Return where chairs go round a table and which way they face."""
    w, d, _ = table.size
    reach = chair.size[1] // 2 + 20
    across = [0] if w < 1300 else [-w // 4, w // 4] if w < 1700 else [-w // 3, 0, w // 3]
    seats = [((x // 10 * 10, side * (d // 2 + reach)), 2 if side > 0 else 0) for x in across for side in (-1, 1)]
    if w >= 1300 or not small:
        seats += [((side * (w // 2 + reach), 0), 3 if side > 0 else 1) for side in (-1, 1)]
    return seats


def _office(space: _Space, taste: Taste) -> None:
    draws = space.draws
    _work_place(space, taste, make.office_chair(draws, taste), always_screen=True)
    _some(space, taste, ((make.bookshelf, 90, 350), (make.bookshelf, 50, 350), (make.sideboard, 30, 350)))
    _some(space, taste, ((make.armchair, 40, 300),))
    _corners(space, taste, ((make.floor_lamp, 50), (make.plant, 60), (make.trash_can, 50)))
    _middle_rug(space, taste, 55)
    _walls(space, taste, pictures=draws.between(1, 3), clocks=int(draws.chance(40)))


def _work_place(space: _Space, taste: Taste, chair: Model, always_screen: bool = False) -> None:
    """A desk at a wall with a chair before it."""
    draws = space.draws
    desk = make.desk(draws, taste)
    w, d, h = desk.size
    for tries, (wall, s) in enumerate(space.along_walls(w, d, h + 350, 750, False)):
        if tries == 6:
            return
        seat = QUARTERS[(wall.quarter + 2) % 4]
        if chair.category == "office chair" and draws.chance(50):
            seat = skewed((wall.quarter + 2) % 4, draws.below(4))
        reach = footprint(chair, (0, 0), seat)
        away = (reach.x1 if wall.along[1] else reach.y1) + 20
        at = _spot(wall, s, _GAP + d + away)
        group = [(desk, _spot(wall, s, _GAP + d // 2), QUARTERS[wall.quarter]), (chair, at, seat)]
        if _fits(space, footprint(chair, at, seat)) and space.stand(group):
            item = space.placed[-2]
            if always_screen or draws.chance(50):
                space.on_top(item, make.monitor(draws), (0, -80))
            if draws.chance(50):
                space.on_top(item, make.table_lamp(draws, taste), (-w // 2 + 160, -150))
            return


def _bathroom(space: _Space, taste: Taste) -> None:
    draws = space.draws
    wash = make.shower(draws) if draws.chance(35) else make.bathtub(draws)
    big = space.against_wall(wash, front=350, corner=True) or space.against_wall(make.shower(draws), 300, corner=True)
    space.against_wall(make.toilet(draws), front=350)
    basin = space.against_wall(make.washbasin(draws, taste), front=350)
    if basin:
        wall, s = _behind(space, basin)
        space.hang(make.mirror(draws, taste), 1150, wall, s)
    if draws.chance(25):
        space.against_wall(make.washing_machine(draws, taste), front=400, corner=True)
    _corners(space, taste, ((make.laundry_basket, 40), (make.trash_can, 40), (make.plant, 15)))
    for _ in range(draws.between(1, 2)):
        space.hang(make.towel(draws, taste), 800)
    if big:
        _mat_before(space, taste, big)


def _behind(space: _Space, item: Placed) -> tuple[Wall, int]:
    """Return the wall at an item's back and where it is along it."""
    wall = min(
        (w for w in space.walls if QUARTERS[w.quarter] == item.turn),
        key=lambda w: _span(w, item.rect)[1],
    )
    s = _span(wall, item.rect)[0]
    return wall, (s[0] + s[1]) // 2


def _mat_before(space: _Space, taste: Taste, item: Placed) -> None:
    mat = make.bath_mat(space.draws, taste)
    x, y = turned(0, item.model.size[1] // 2 + 280, item.turn)
    _lay(space, mat, (item.center[0] + x, item.center[1] + y), item.turn)


def _laundry(space: _Space, taste: Taste) -> None:
    draws = space.draws
    machine = make.washing_machine(draws, taste)
    if not space.against_wall(machine, front=500, beside=[make.dryer(draws, taste)]):
        space.against_wall(machine, front=300, tries=20)
    _some(space, taste, ((make.shelf, 70, 300), (make.sideboard, 25, 300)))
    _corners(space, taste, ((make.laundry_basket, 90), (make.laundry_basket, 30), (make.trash_can, 30)))
    if draws.chance(50):
        space.against_wall(make.ironing_board(draws, taste), front=250)
    _walls(space, taste, clocks=int(draws.chance(30)), pictures=draws.below(2))


def _closet(space: _Space, taste: Taste) -> None:
    _some(space, taste, ((make.wardrobe, 100, 450), (make.shelf, 80, 350), (make.dresser, 40, 350)))
    _some(space, taste, ((make.shelf, 60, 300), (make.shoe_rack, 70, 250), (make.stool, 30, 0)))
    _corners(space, taste, ((make.laundry_basket, 30), (make.coat_rack, 25)))
    _walls(space, taste, mirrors=1)


def _hallway(space: _Space, taste: Taste) -> None:
    draws = space.draws
    _some(space, taste, ((make.console_table, 75, 0), (make.shoe_rack, 65, 0), (make.bench, 45, 0)))
    _corners(space, taste, ((make.coat_rack, 60), (make.plant, 60), (make.plant, 30)))
    widest = max(space.insides, key=lambda r: (r.x1 - r.x0) * (r.y1 - r.y0))
    if draws.chance(80):
        along_x = widest.x1 - widest.x0 > widest.y1 - widest.y0
        length = draws.pick((1800, 2400, 3000))
        middle = ((widest.x0 + widest.x1) // 20 * 10, (widest.y0 + widest.y1) // 20 * 10)
        _lay(space, make.rug(draws, taste, length, 800), middle, QUARTERS[0 if along_x else 1])
    _walls(space, taste, pictures=draws.between(2, 5), mirrors=1, clocks=int(draws.chance(20)))


_RECIPES = {
    "bathroom": _bathroom,
    "bedroom": _bedroom,
    "closet": _closet,
    "dining room": _dining_room,
    "hallway": _hallway,
    "kitchen": _kitchen,
    "laundry room": _laundry,
    "living room": _living_room,
    "office": _office,
}


# --- What many rooms have --------------------------------------------------------------------------------------------


def _some(space: _Space, taste: Taste, choices: Sequence[tuple[Maker, int, int]]) -> None:
    """Stand models against walls: maker, per cent of rooms that have one, mm to keep free before it."""
    for maker, percent, front in choices:
        if space.draws.chance(percent):
            space.against_wall(maker(space.draws, taste), front)


def _corners(space: _Space, taste: Taste, choices: Sequence[tuple[Maker, int]]) -> None:
    """Stand small things in corners: maker, per cent of rooms that have one."""
    for maker, percent in choices:
        if space.draws.chance(percent):
            space.against_wall(maker(space.draws, taste), corner=True)


def _walls(space: _Space, taste: Taste, pictures: int = 0, mirrors: int = 0, clocks: int = 0) -> None:
    """Hang things at eye height."""
    for _ in range(mirrors):
        space.hang(make.mirror(space.draws, taste), 1050)
    for _ in range(pictures):
        model = make.picture(space.draws, taste)
        space.hang(model, 1550 - model.size[2] // 2)
    for _ in range(clocks):
        space.hang(make.clock(space.draws), 1750)


def _rug_at(space: _Space, taste: Taste, at: Whole, size: Whole, turn: Turn) -> None:
    for shrink in (0, 200, 400):
        rug = make.rug(space.draws, taste, size[0] - shrink, size[1] - shrink)
        if _lay(space, rug, at, turn):
            return


def _lay(space: _Space, model: Model, at: Whole, turn: Turn) -> bool:
    """Lay a flat model on the floor unless it meets a wall or another flat one."""
    rect = footprint(model, at, turn)
    flat = [item.rect for item in space.placed if item.center[2] == 0 and item.model.size[2] < 20]
    if not space.inside(rect.grown(_FRAME)) or any(rect.meets(other) for other in flat):
        return False
    space.put(model, (*at, 0), turn)
    return True


def _middle_rug(space: _Space, taste: Taste, percent: int) -> None:
    if space.draws.chance(percent):
        b = space.bounds
        _rug_at(space, taste, ((b.x0 + b.x1) // 20 * 10, (b.y0 + b.y1) // 20 * 10), (2000, 1400), QUARTERS[0])


def _finish(space: _Space, taste: Taste) -> None:
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


def _hang_curtains(space: _Space, word: str) -> None:
    for i, wall in enumerate(space.walls):
        for hole in wall.holes:
            if hole.kind != "window":
                continue
            model = make.curtain(space.draws, word, 260, hole.z[1] - hole.z[0] + 110)
            low, lower = hole.z[0] - 30, hole.s[0] - 30
            spans = [(middle - 130, middle + 130) for middle in (lower, hole.s[1] + 30)]
            levels = (low, low + model.size[2])
            if any(s[0] < 60 or s[1] > wall.length - 60 or space.covered(i, s, levels, _shadow(hole)) for s in spans):
                continue
            for s in spans:
                space.put(model, (*_spot(wall, s[0] + 130, 70), low), QUARTERS[wall.quarter])
