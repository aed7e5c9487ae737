"""What furniture each kind of room gets, and how its pieces stand to one another. Whole millimetres."""

from __future__ import annotations

from envs.houses import furniture as make
from envs.houses.common_recipes import fill_corners, hang_on_walls, lay_flat, middle_rug, place_some, rug_at
from envs.houses.furniture import Model, Taste
from envs.houses.house import Material
from envs.houses.paints import material
from envs.houses.plan import Rect, Wall, Whole
from envs.houses.shell import SILL
from envs.houses.solids import QUARTERS, skewed, turned
from envs.houses.space import GAP, STEP, Placed, Space, footprint, span_of, spot_at


def _bedroom(space: Space, taste: Taste) -> None:
    draws = space.draws
    stands = [make.nightstand(draws, taste) for _ in range(2)]
    for width in draws.pick(((1800, 1600, 1400, 1000), (1600, 1400, 1000), (1400, 1000), (1000,))):
        bed = space.against_wall(make.bed(draws, taste, width), front=450, beside=stands)
        if bed:
            break
    for item in [item for item in space.placed if item.model.category == "nightstand"]:
        if draws.chance(75):
            space.on_top(item, make.table_lamp(draws, taste))
    place_some(space, taste, ((make.wardrobe, 90, 500), (make.dresser, 60, 450)))
    if draws.chance(35):
        _work_place(space, taste, make.chair(draws, taste))
    place_some(space, taste, ((make.armchair, 25, 300), (make.bench, 15, 300)))
    fill_corners(space, taste, ((make.plant, 45), (make.floor_lamp, 30)))
    if bed and draws.chance(70):
        rug_at(space, taste, bed.center[:2], (2300, 1500), bed.turn)
    hang_on_walls(space, taste, pictures=draws.between(1, 2), mirrors=int(draws.chance(50)))


def _living_room(space: Space, taste: Taste) -> None:
    draws = space.draws
    if not _sofa_group(space, taste):
        space.against_wall(make.sofa(draws, taste), front=400)
        stand = space.against_wall(make.tv_stand(draws, taste), front=300)
        if stand:
            space.on_top(stand, make.television(draws))
    place_some(space, taste, ((make.bookshelf, 80, 350), (make.bookshelf, 40, 350), (make.sideboard, 50, 350)))
    place_some(space, taste, ((make.armchair, 50, 300), (make.console_table, 20, 300)))
    fill_corners(space, taste, ((make.floor_lamp, 80), (make.plant, 80), (make.plant, 40), (make.side_table, 30)))
    hang_on_walls(space, taste, pictures=draws.between(2, 4), clocks=int(draws.chance(40)))


def _sofa_group(space: Space, taste: Taste) -> bool:
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
        near, far = GAP + d + 1500, GAP + d + 2600
        # Against the opposite wall if that is near enough, else free in the room.
        sofa_near = min(far, room_depth - GAP - sofa.size[1])
        if sofa_near < near:
            continue
        if GAP < room_depth - sofa_near - sofa.size[1] < 600:
            sofa_near = room_depth - sofa.size[1] - 700
            if sofa_near < near:
                continue
        sofa_near = sofa_near // 10 * 10
        sofa_at = spot_at(wall, s, sofa_near + sofa.size[1] // 2)
        table_at = spot_at(wall, s, sofa_near - 420 - table.size[1] // 2)
        group = [(stand, spot_at(wall, s, GAP + d // 2), turn), (sofa, sofa_at, back), (table, table_at, turn)]
        if not all(_fits(space, footprint(m, at, t)) for m, at, t in group) or not space.stand(group):
            continue
        space.on_top(space.placed[-3], make.television(draws, min(1200, w - 100)))
        space.keep(wall.rect((s - 300, s + 300), (GAP + d, sofa_near)))
        rug_at(space, taste, table_at, (2200, 1500), turn)
        for side in draws.shuffled((-1, 1))[: draws.between(0, 2)]:
            chair = make.armchair(draws, taste, sofa.color if draws.chance(60) else "")
            at = spot_at(wall, s + side * (w // 2 + 550), sofa_near - 500)
            facing = QUARTERS[(wall.quarter + (1 if side < 0 else 3)) % 4]
            if draws.chance(40):
                facing = skewed(QUARTERS.index(facing), 0 if side < 0 else 1)
            if _fits(space, footprint(chair, at, facing)):
                space.stand([(chair, at, facing)])
        return True
    return False


def _fits(space: Space, rect: Rect) -> bool:
    return space.inside(rect.grown(GAP)) and space.free(rect)


def _depth_before(space: Space, wall: Wall, s: int) -> int:
    """Return how far the room reaches before a point of a wall."""
    reach = 0
    for inside in space.insides:
        span, near = span_of(wall, inside)
        if near == 0 and span[0] <= s <= span[1]:
            reach = max(reach, inside.x1 - inside.x0 if wall.along[1] else inside.y1 - inside.y0)
    return reach


def _kitchen(space: Space, taste: Taste) -> None:
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
    fill_corners(space, taste, ((make.trash_can, 70), (make.plant, 25)))
    hang_on_walls(space, taste, pictures=draws.below(2), clocks=int(draws.chance(70)))


def _kitchen_run(space: Space, taste: Taste, front: str, top: Material) -> bool:
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


def _clear_runs(space: Space, depth: int) -> list[tuple[Wall, int, int]]:
    """Return stretches of wall with nothing before them, longest first."""
    runs = []
    for wall in space.walls:
        s = GAP
        start = None
        while s + STEP <= wall.length - GAP:
            rect = wall.rect((s, s + STEP), (GAP, depth))
            good = space.inside(rect) and space.free(rect)
            if good and start is None:
                start = s
            if not good and start is not None:
                runs.append((wall, start, s))
                start = None
            s += STEP
        if start is not None:
            runs.append((wall, start, s))
    return sorted(runs, key=lambda run: run[1] - run[2])


def _stand_run(space: Space, taste: Taste, wall: Wall, start: int, models: list[Model]) -> bool:
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
        rect = wall.rect((s, s + w), (GAP, GAP + d))
        if window or not space.inside(rect) or not space.free(rect):
            return False
        group.append((model, spot_at(wall, middle, GAP + d // 2), turn))
        spots.append(middle)
        s += w
    zone = wall.rect((start, s), (GAP + 640, GAP + 1300))
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


def _dining_room(space: Space, taste: Taste) -> None:
    draws = space.draws
    if not _table_group(space, taste, small=False):
        _table_group(space, taste, small=True)
    place_some(space, taste, ((make.sideboard, 85, 350), (make.bookshelf, 25, 350)))
    fill_corners(space, taste, ((make.plant, 70), (make.floor_lamp, 30)))
    hang_on_walls(
        space, taste, pictures=draws.between(1, 3), mirrors=int(draws.chance(30)), clocks=int(draws.chance(30))
    )


def _table_group(space: Space, taste: Taste, small: bool) -> bool:
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
                    rug_at(space, taste, at, (table.size[0] + 1000, table.size[1] + 900), turn)
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


def _office(space: Space, taste: Taste) -> None:
    draws = space.draws
    _work_place(space, taste, make.office_chair(draws, taste), always_screen=True)
    place_some(space, taste, ((make.bookshelf, 90, 350), (make.bookshelf, 50, 350), (make.sideboard, 30, 350)))
    place_some(space, taste, ((make.armchair, 40, 300),))
    fill_corners(space, taste, ((make.floor_lamp, 50), (make.plant, 60), (make.trash_can, 50)))
    middle_rug(space, taste, 55)
    hang_on_walls(space, taste, pictures=draws.between(1, 3), clocks=int(draws.chance(40)))


def _work_place(space: Space, taste: Taste, chair: Model, always_screen: bool = False) -> None:
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
        at = spot_at(wall, s, GAP + d + away)
        group = [(desk, spot_at(wall, s, GAP + d // 2), QUARTERS[wall.quarter]), (chair, at, seat)]
        if _fits(space, footprint(chair, at, seat)) and space.stand(group):
            item = space.placed[-2]
            if always_screen or draws.chance(50):
                space.on_top(item, make.monitor(draws), (0, -80))
            if draws.chance(50):
                space.on_top(item, make.table_lamp(draws, taste), (-w // 2 + 160, -150))
            return


def _bathroom(space: Space, taste: Taste) -> None:
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
    fill_corners(space, taste, ((make.laundry_basket, 40), (make.trash_can, 40), (make.plant, 15)))
    for _ in range(draws.between(1, 2)):
        space.hang(make.towel(draws, taste), 800)
    if big:
        _mat_before(space, taste, big)


def _behind(space: Space, item: Placed) -> tuple[Wall, int]:
    """Return the wall at an item's back and where it is along it."""
    wall = min(
        (w for w in space.walls if QUARTERS[w.quarter] == item.turn),
        key=lambda w: span_of(w, item.rect)[1],
    )
    s = span_of(wall, item.rect)[0]
    return wall, (s[0] + s[1]) // 2


def _mat_before(space: Space, taste: Taste, item: Placed) -> None:
    mat = make.bath_mat(space.draws, taste)
    x, y = turned(0, item.model.size[1] // 2 + 280, item.turn)
    lay_flat(space, mat, (item.center[0] + x, item.center[1] + y), item.turn)


def _laundry(space: Space, taste: Taste) -> None:
    draws = space.draws
    machine = make.washing_machine(draws, taste)
    if not space.against_wall(machine, front=500, beside=[make.dryer(draws, taste)]):
        space.against_wall(machine, front=300, tries=20)
    place_some(space, taste, ((make.shelf, 70, 300), (make.sideboard, 25, 300)))
    fill_corners(space, taste, ((make.laundry_basket, 90), (make.laundry_basket, 30), (make.trash_can, 30)))
    if draws.chance(50):
        space.against_wall(make.ironing_board(draws, taste), front=250)
    hang_on_walls(space, taste, clocks=int(draws.chance(30)), pictures=draws.below(2))


def _closet(space: Space, taste: Taste) -> None:
    place_some(space, taste, ((make.wardrobe, 100, 450), (make.shelf, 80, 350), (make.dresser, 40, 350)))
    place_some(space, taste, ((make.shelf, 60, 300), (make.shoe_rack, 70, 250), (make.stool, 30, 0)))
    fill_corners(space, taste, ((make.laundry_basket, 30), (make.coat_rack, 25)))
    hang_on_walls(space, taste, mirrors=1)


def _hallway(space: Space, taste: Taste) -> None:
    draws = space.draws
    place_some(space, taste, ((make.console_table, 75, 0), (make.shoe_rack, 65, 0), (make.bench, 45, 0)))
    fill_corners(space, taste, ((make.coat_rack, 60), (make.plant, 60), (make.plant, 30)))
    widest = max(space.insides, key=lambda r: (r.x1 - r.x0) * (r.y1 - r.y0))
    if draws.chance(80):
        along_x = widest.x1 - widest.x0 > widest.y1 - widest.y0
        length = draws.pick((1800, 2400, 3000))
        middle = ((widest.x0 + widest.x1) // 20 * 10, (widest.y0 + widest.y1) // 20 * 10)
        lay_flat(space, make.rug(draws, taste, length, 800), middle, QUARTERS[0 if along_x else 1])
    hang_on_walls(space, taste, pictures=draws.between(2, 5), mirrors=1, clocks=int(draws.chance(20)))


RECIPES = {
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
