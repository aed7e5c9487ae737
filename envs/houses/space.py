"""A room while it is furnished: what stands in it, and what still may. Whole millimetres."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import shapely

from envs.houses.clearance import CORE, grown, pieces, union
from envs.houses.draws import Draws
from envs.houses.furniture import Model
from envs.houses.plan import WALL, Hole, Plan, Rect, Wall, Whole
from envs.houses.shell import CASING, SILL
from envs.houses.solids import QUARTERS, Turn, turned

APPROACH = 800
"""What stays free before and behind a door, mm."""


GAP = 20


STEP = 50


FRAME = 20


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


class Space:
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
                self._hung[i].append(shadow_of(hole))
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
            s, near = span_of(wall, item.rect)
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
            low, high = GAP + width // 2, wall.length - GAP - width // 2
            if low > high:
                continue
            spots = list(range((low + 9) // 10 * 10, high + 1, STEP))
            candidates += [(wall, s) for s in ([low, high, *spots] if not corner else [low, high])]
        ordered = self.draws.shuffled(candidates)
        if corner:
            ordered += self.draws.shuffled([(w, s) for w in self.walls for s in _spots(w, width)])
        for wall, s in ordered:
            span = (s - width // 2, s + width // 2)
            rect = wall.rect(span, (GAP, GAP + depth))
            if not self.inside(rect) or not self.free(rect):
                continue
            if self.covered(index[wall.start], span, (0, height)):
                continue
            if front:
                zone = wall.rect(span, (GAP + depth, GAP + depth + front))
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
            if self.stand([(model, spot_at(wall, s, GAP + d // 2), turn)]):
                main = self.placed[-1]
                if front:
                    self.keep(wall.rect((s - w // 2, s + w // 2), (GAP + d, GAP + d + front)))
                for side, other in zip((-1, 1), beside, strict=False):
                    self._beside(wall, s + side * (w // 2 + 30 + other.size[0] // 2), other)
                return main
            tries -= 1
            if tries == 0:
                break
        return None

    def _beside(self, wall: Wall, s: int, model: Model) -> None:
        at = spot_at(wall, s, GAP + model.size[1] // 2)
        rect = footprint(model, at, QUARTERS[wall.quarter])
        if self.inside(rect.grown(GAP)) and self.free(rect):
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
            self.put(model, (*spot_at(each, spot, d // 2), low), QUARTERS[each.quarter])
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


def shadow_of(hole: Hole) -> tuple[Whole, Whole]:
    """Return what a hole and its frame take of a wall."""
    return (hole.s[0] - CASING, hole.s[1] + CASING), (hole.z[0] - SILL, hole.z[1] + CASING)


def spot_at(wall: Wall, s: int, depth: int) -> Whole:
    """Return the point at `s` along a wall and `depth` into the room, mm."""
    rect = wall.rect((s, s), (depth, depth))
    return rect.x0, rect.y0


def _spots(wall: Wall, width: int) -> list[int]:
    return list(range((width // 2 + GAP + 9) // 10 * 10, wall.length - width // 2 - GAP + 1, STEP))


def span_of(wall: Wall, rect: Rect) -> tuple[Whole, int]:
    """Return where a rectangle lies along a wall, and how far from it."""
    (ux, uy), (x, y) = wall.along, wall.start
    ends = [(px - x) * ux + (py - y) * uy for px in (rect.x0, rect.x1) for py in (rect.y0, rect.y1)]
    depths = [(py - y) * ux - (px - x) * uy for px in (rect.x0, rect.x1) for py in (rect.y0, rect.y1)]
    near = min(depths)
    return (min(ends), max(ends)), near if near >= 0 else 1_000_000
