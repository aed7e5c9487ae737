"""Makers: kitchen and laundry."""

from __future__ import annotations

from envs.houses.draws import Draws
from envs.houses.furniture.common import CLOTHS, Model, Taste, cloth_paint, door_fronts
from envs.houses.house import Material
from envs.houses.paints import material
from envs.houses.solids import Shape

COUNTER_HEIGHT = 900
"""Millimetres, worktop included."""


def kitchen_counter(taste: Taste, width: int, front: str, top: Material) -> Model:
    """A base cupboard with a worktop."""
    w, d, h = width // 2, 300, COUNTER_HEIGHT
    leaves = max(1, width // 500)
    shape = Shape()
    shape.box(
        material(front, "wood" if front in ("tan", "brown", "dark brown") else "plain"),
        (-w, w),
        (-d, d - 45),
        (80, h - 40),
    )
    shape.box(material("dark gray"), (-w, w), (-d, d - 90), (0, 80))
    paint = material(front, "wood" if front in ("tan", "brown", "dark brown") else "plain", shade=94)
    door_fronts(shape, paint, material(taste.metal), (-w, w), d - 20, (90, h - 50), leaves)
    shape.box(top, (-w, w), (-d, d), (h - 40, h))
    return Model("kitchen counter", front, (width, 2 * d, h), shape)


def sink(taste: Taste) -> Model:
    """A steel basin with a tap, to lie on a worktop."""
    steel, dark = material("silver"), material("gray")
    shape = Shape()
    shape.box(steel, (-280, 280), (-200, 200), (0, 12))
    shape.box(dark, (-240, 240), (-120, 170), (12, 16))
    shape.box(steel, (-15, 15), (-180, -150), (12, 240))
    shape.box(steel, (-12, 12), (-150, -10), (215, 240))
    return Model("sink", "silver", (560, 400, 240), shape)


def stove(draws: Draws, taste: Taste) -> Model:
    """A stove with an oven."""
    word = taste.appliance
    w, d, h = 300, 300, COUNTER_HEIGHT
    shape = Shape()
    shape.box(material(word), (-w, w), (-d, d - 30), (0, h))
    shape.box(material("black"), (-w + 40, w - 40), (d - 30, d - 20), (200, 600))
    shape.box(material("silver"), (-w + 60, w - 60), (d - 30, d), (640, 665))
    for x in (-190, -70, 70, 190):
        shape.box(material("black"), (x - 25, x + 25), (d - 30, d - 10), (760, 810))
    shape.box(material("black"), (-w + 10, w - 10), (-d + 10, d - 40), (h, h + 6))
    for x, y in ((-140, -130), (140, -130), (-140, 110), (140, 110)):
        shape.frustum(material("dark gray", shade=140), (x, y), (h + 6, h + 12), (95, 95), 8)
    return Model("stove", word, (2 * w, 2 * d, h + 12), shape)


def fridge(draws: Draws, taste: Taste) -> Model:
    """A fridge with a freezer compartment."""
    word = taste.appliance
    w, d, h = 320, 320, draws.between(1700, 1900, 50)
    body, front = material(word, shade=94), material(word)
    shape = Shape()
    shape.box(body, (-w, w), (-d, d - 50), (0, h))
    for low, high in ((40, 640), (655, h - 10)):
        shape.box(front, (-w, w), (d - 50, d - 20), (low, high))
    for low, high in ((450, 600), (750, 1100)):
        shape.box(material("dark gray"), (w - 90, w - 65), (d - 20, d), (low, high))
    return Model("fridge", word, (2 * w, 2 * d, h), shape)


def wall_cabinet(taste: Taste, width: int, front: str) -> Model:
    """A cupboard to hang above a worktop."""
    w, d, h = width // 2, 170, 650
    shape = Shape(grounded=False)
    texture = "wood" if front in ("tan", "brown", "dark brown") else "plain"
    shape.box(material(front, texture), (-w, w), (-d, d - 25), (0, h))
    paint = material(front, texture, shade=94)
    door_fronts(shape, paint, material(taste.metal), (-w, w), d, (0, h), max(1, width // 500))
    return Model("cabinet", front, (width, 2 * d, h), shape)


def range_hood(taste: Taste) -> Model:
    """An extractor above a stove."""
    shape = Shape(grounded=False)
    steel = material("silver")
    shape.prism(steel, ((-240, 0), (240, 0), (240, 60), (-60, 220), (-240, 220)), (-300, 300))
    shape.box(steel, (-110, 110), (-240, -60), (220, 900))
    return Model("range hood", "silver", (600, 480, 900), shape)


def microwave() -> Model:
    """A microwave oven, to stand on a worktop."""
    shape = Shape()
    shape.box(material("silver"), (-240, 240), (-170, 160), (0, 280))
    shape.box(material("black"), (-220, 110), (160, 170), (30, 250))
    shape.box(material("dark gray"), (140, 225), (160, 170), (30, 250))
    return Model("microwave", "silver", (480, 340, 280), shape)


def _front_loader(category: str, word: str, glass: str) -> Model:
    w, d, h = 300, 300, 850
    shape = Shape()
    shape.box(material(word), (-w, w), (-d, d - 30), (0, h))
    shape.box(material(word, shade=90), (-w + 15, w - 15), (d - 30, d - 24), (h - 150, h - 20))
    shape.box(material("dark gray"), (60, 240), (d - 24, d - 18), (h - 120, h - 60))
    # A round door: an octagon standing upright.
    for radius, y, paint in ((210, d - 15, material("silver")), (160, d - 5, material(glass))):
        ring = [(x * radius // 1000, 400 + z * radius // 1000) for x, z in _OCTAGON]
        front = [(x, y, z) for x, z in reversed(ring)]
        back = [(x, d - 30, z) for x, z in reversed(ring)]
        shape.polygon(paint, *front)
        for i in range(8):
            j = (i + 1) % 8
            shape.polygon(paint, back[i], back[j], front[j], front[i])
    return Model(category, word, (2 * w, 2 * d, h), shape)


_OCTAGON = ((924, 383), (383, 924), (-383, 924), (-924, 383), (-924, -383), (-383, -924), (383, -924), (924, -383))


def washing_machine(draws: Draws, taste: Taste) -> Model:
    """A washing machine with a round glass door."""
    return _front_loader("washing machine", "white" if draws.chance(75) else taste.appliance, "dark blue")


def dryer(draws: Draws, taste: Taste) -> Model:
    """A tumble dryer."""
    return _front_loader("dryer", "white" if draws.chance(75) else taste.appliance, "black")


def laundry_basket(draws: Draws, taste: Taste) -> Model:
    """A basket full of laundry."""
    word = draws.pick(("tan", "brown", "white", "gray"))
    shape = Shape()
    shape.frustum(material(word, "slats"), (0, 0), (0, 520), (180, 230), 8)
    shape.frustum(cloth_paint(draws.pick(CLOTHS)), (0, 0), (520, 580), (190, 60), 8)
    return Model("laundry basket", word, (460, 460, 580), shape)


def ironing_board(draws: Draws, taste: Taste) -> Model:
    """An ironing board with an iron."""
    word = draws.pick(taste.cloth)
    shape = Shape()
    for x in (-300, 260):
        shape.box(material("silver"), (x, x + 40), (-150, 150), (0, 30))
        shape.box(material("silver"), (x, x + 40), (-20, 20), (30, 850))
    shape.box(cloth_paint(word), (-600, 600), (-180, 180), (850, 890))
    shape.prism(material("red"), ((-60, 890), (60, 890), (30, 1000), (-30, 1000)), (280, 500))
    return Model("ironing board", word, (1200, 360, 1000), shape)
