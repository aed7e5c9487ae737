"""Makers: bedroom."""

from __future__ import annotations

from envs.houses.draws import Draws
from envs.houses.furniture.common import (
    Model,
    Taste,
    cloth_paint,
    door_fronts,
    drawer_fronts,
    half_of,
    wood_paint,
    wood_word,
)
from envs.houses.paints import material
from envs.houses.solids import Shape


def bed(draws: Draws, taste: Taste, width: int = 0) -> Model:
    """A bed, its head at the back."""
    width = width or draws.pick((1000, 1400, 1600, 1600, 1800))
    w, d = half_of(width, 2100)
    word, blanket = wood_word(draws, taste), draws.pick(taste.cloth)
    head = draws.between(900, 1150, 50)
    frame, sheet = wood_paint(word), cloth_paint("white")
    shape = Shape()
    shape.box(frame, (-w, w), (-d, -d + 60), (0, head))
    shape.box(frame, (-w, w), (-d + 60, d), (0, 300))
    shape.box(sheet, (-w + 20, w - 20), (-d + 60, d - 30), (300, 500))
    shape.box(cloth_paint(blanket), (-w + 5, w - 5), (-d + 750, d - 15), (280, 530))
    shape.box(cloth_paint(blanket, 80), (-w + 3, w - 3), (-d + 700, -d + 900), (290, 545))
    pillows = 2 if width >= 1400 else 1
    for i in range(pillows):
        a, b = -w + 2 * w * i // pillows + 80, -w + 2 * w * (i + 1) // pillows - 80
        shape.prism(sheet, ((-d + 90, 500), (-d + 520, 500), (-d + 450, 600), (-d + 130, 640)), (a, b))
    return Model("bed", blanket, (width, 2100, head), shape)


def nightstand(draws: Draws, taste: Taste) -> Model:
    """A nightstand with two drawers."""
    w, d, h = 220, 200, draws.between(500, 580, 20)
    word = taste.wood
    shape = Shape()
    shape.box(wood_paint(word), (-w, w), (-d, d - 25), (0, h))
    drawer_fronts(shape, wood_paint(word, 88), material(taste.metal), (-w, w), d, [40, h // 2, h - 20])
    return Model("nightstand", word, (2 * w, 2 * d, h), shape)


def wardrobe(draws: Draws, taste: Taste) -> Model:
    """A wardrobe with two or three doors."""
    leaves = draws.pick((2, 2, 3, 4))
    w, d, h = leaves * 250, 300, draws.between(1950, 2200, 50)
    word = wood_word(draws, taste)
    shape = Shape()
    shape.box(wood_paint(word), (-w, w), (-d, d - 25), (0, h))
    door_fronts(shape, wood_paint(word, 90), material(taste.metal), (-w, w), d, (60, h - 30), leaves)
    return Model("wardrobe", word, (2 * w, 2 * d, h), shape)


def dresser(draws: Draws, taste: Taste) -> Model:
    """A chest of drawers."""
    w, d, h = draws.between(400, 650, 50), 230, draws.between(750, 950, 50)
    word = wood_word(draws, taste)
    shape = Shape()
    shape.box(wood_paint(word), (-w, w), (-d, d - 25), (0, h))
    levels = [60 + (h - 90) * i // 3 for i in range(4)]
    for x in ((-w, 0), (0, w)):
        drawer_fronts(shape, wood_paint(word, 88), material(taste.metal), x, d, levels)
    return Model("dresser", word, (2 * w, 2 * d, h), shape)


def table_lamp(draws: Draws, taste: Taste) -> Model:
    """A lamp to stand on a nightstand or desk."""
    word = draws.pick(("white", "beige", "yellow", taste.cloth[0]))
    shape = Shape()
    shape.frustum(material(taste.metal), (0, 0), (0, 30), (70, 70), 6)
    shape.frustum(material(taste.metal), (0, 0), (30, 240), (14, 14), 6)
    shape.frustum(material(word, "fabric", shade=112), (0, 0), (220, 400), (120, 80), 8)
    return Model("table lamp", word, (240, 240, 400), shape)
