"""Makers: on walls, floors and ceilings."""

from __future__ import annotations

from envs.houses.draws import Draws
from envs.houses.furniture.common import Model, Taste, cloth_paint, wood_paint
from envs.houses.paints import material
from envs.houses.solids import Shape


def picture(draws: Draws, taste: Taste) -> Model:
    """A framed picture, to hang on a wall."""
    w, h = draws.pick(((300, 400), (400, 600), (500, 500), (600, 400), (800, 500), (900, 600)))
    frame = draws.pick(("black", "white", "gold", taste.wood))
    tint = draws.pick(("blue", "red", "green", "orange", "yellow", "purple", "light blue", "gray"))
    pattern = draws.pick(("landscape", "abstract", "landscape", "leaves"))
    shape = Shape(grounded=False)
    w = w // 2
    shape.box(material(frame), (-w, w), (-20, 10), (0, h))
    # One repetition fills the picture: u starts at its left edge.
    shape.box(material(tint, pattern, max(2 * w, h) / 1000), (-w + 35, w - 35), (10, 16), (35, h - 35))
    return Model("picture", tint, (2 * w, 40, h), shape)


def mirror(draws: Draws, taste: Taste) -> Model:
    """A mirror, to hang on a wall."""
    w, h = draws.pick(((240, 700), (300, 800), (350, 700)))
    frame = draws.pick(("silver", "gold", "black", taste.wood))
    shape = Shape(grounded=False)
    shape.box(material(frame), (-w, w), (-20, 10), (0, h))
    shape.box(material("light blue", "plain", shade=104), (-w + 30, w - 30), (10, 14), (30, h - 30))
    return Model("mirror", frame, (2 * w, 40, h), shape)


def clock(draws: Draws) -> Model:
    """A wall clock."""
    word = draws.pick(("white", "black", "red"))
    shape = Shape(grounded=False)
    shape.box(material(word), (-160, 160), (-20, 0), (0, 320))
    shape.box(material("white", shade=106), (-130, 130), (0, 6), (30, 290))
    shape.box(material("black"), (-8, 8), (6, 10), (150, 260))
    shape.box(material("black"), (-90, -8), (6, 10), (150, 164))
    return Model("clock", word, (320, 40, 320), shape)


def curtain(draws: Draws, word: str, width: int, height: int) -> Model:
    """One side of a pair of curtains, in folds."""
    w = width // 2
    shape = Shape(grounded=False)
    folds = max(2, width // 90)
    for fold in range(folds):
        a, b = -w + width * fold // folds, -w + width * (fold + 1) // folds
        shape.box(cloth_paint(word, 100 - 12 * (fold % 2)), (a, b), (-20, 20 - 22 * (fold % 2)), (0, height))
    return Model("curtain", word, (width, 40, height), shape)


def rug(draws: Draws, taste: Taste, width: int, depth: int) -> Model:
    """A rug with a border."""
    word = draws.pick(taste.cloth)
    w, d = width // 2, depth // 2
    shape = Shape()
    shape.box(material(word, "carpet", shade=80), (-w, w), (-d, d), (0, 8))
    pattern = draws.pick(("ornament", "carpet", "ornament", "fabric"))
    shape.box(material(word, pattern), (-w + 100, w - 100), (-d + 100, d - 100), (8, 12))
    return Model("rug", word, (width, depth, 12), shape)


def bath_mat(draws: Draws, taste: Taste) -> Model:
    """A mat before a bathtub or basin."""
    word = draws.pick((*taste.cloth, "white"))
    shape = Shape()
    shape.box(material(word, "carpet"), (-350, 350), (-220, 220), (0, 12))
    return Model("bath mat", word, (700, 440, 12), shape)


def floor_lamp(draws: Draws, taste: Taste) -> Model:
    """A lamp that stands on the floor."""
    word = draws.pick(("white", "beige", "yellow", "red"))
    metal = material(taste.metal)
    shape = Shape()
    shape.frustum(metal, (0, 0), (0, 30), (150, 150), 8)
    shape.frustum(metal, (0, 0), (30, 1420), (16, 16), 6)
    shape.frustum(material(word, "fabric", shade=112), (0, 0), (1380, 1680), (200, 140), 8)
    return Model("floor lamp", word, (400, 400, 1680), shape)


def ceiling_lamp(draws: Draws, taste: Taste, pendant: bool) -> Model:
    """A lamp at the ceiling, flat or hanging; its top is at z = height."""
    shape = Shape(grounded=False)
    if pendant:
        word = draws.pick(("white", "black", "red", "yellow"))
        shape.frustum(material("black"), (0, 0), (260, 700), (8, 8), 6)
        shape.frustum(material(word, shade=108), (0, 0), (0, 280), (220, 60), 8)
        return Model("ceiling lamp", word, (440, 440, 700), shape)
    shape.frustum(material("white", shade=112), (0, 0), (0, 90), (150, 190), 8)
    return Model("ceiling lamp", "white", (380, 380, 90), shape)


def plant(draws: Draws, taste: Taste) -> Model:
    """A plant in a pot."""
    pot = draws.pick(("white", "brown", "gray", "orange"))
    tall = draws.chance(60)
    leaf = material(draws.pick(("green", "dark green")), "leaves")
    shape = Shape()
    shape.frustum(material(pot), (0, 0), (0, 300), (110, 150), 8)
    shape.frustum(material("dark brown"), (0, 0), (300, 304), (130, 130), 8)
    trunk = 650 if tall else 330
    shape.frustum(wood_paint("brown"), (0, 0), (304, trunk + 80), (20, 16), 6)
    top = trunk + (650 if tall else 420)
    shape.frustum(leaf, (0, 0), (trunk, (trunk + top) // 2), (90, 220), 8)
    shape.frustum(leaf, (0, 0), ((trunk + top) // 2, top), (220, 60), 8)
    return Model("plant", "green", (440, 440, top), shape)


def trash_can(draws: Draws, taste: Taste) -> Model:
    """A waste bin."""
    word = draws.pick(("gray", "black", "silver", "white"))
    shape = Shape()
    shape.frustum(material(word), (0, 0), (0, 400), (110, 140), 8)
    return Model("trash can", word, (280, 280, 400), shape)
