"""Makers: shelves and cupboards."""

from __future__ import annotations

from envs.houses.draws import Draws
from envs.houses.furniture.common import CLOTHS, Model, Taste, cloth_paint, door_fronts, wood_paint, wood_word
from envs.houses.paints import material
from envs.houses.solids import Shape

_SPINES = ("red", "blue", "green", "dark blue", "orange", "beige", "dark green", "purple", "black", "white")


def bookshelf(draws: Draws, taste: Taste) -> Model:
    """A bookshelf with books."""
    word = wood_word(draws, taste)
    w, d, h = draws.pick((400, 450, 500)), 150, draws.between(1700, 2100, 50)
    frame = wood_paint(word)
    shape = Shape()
    for side in ((-w, -w + 30), (w - 30, w)):
        shape.box(frame, side, (-d, d), (0, h))
    shape.box(wood_paint(word, 80), (-w + 30, w - 30), (-d, -d + 15), (0, h))
    boards = [60 + (h - 90) * i // 5 for i in range(6)]
    for level in boards:
        shape.box(frame, (-w + 30, w - 30), (-d + 15, d), (level, level + 30))
    for level in boards[:-1]:
        x = -w + 40
        for _ in range(3):
            end = x + draws.between(120, 260, 10)
            if end > w - 40 or draws.chance(15):
                continue
            height = level + 30 + draws.between(180, 260, 10)
            spine = material(draws.pick(_SPINES), "stripes", 0.18)
            shape.box(spine, (x, end), (-d + 20, d - draws.between(30, 70, 10)), (level + 30, height))
            x = end + 5
    return Model("bookshelf", word, (2 * w, 2 * d, h), shape)


def shelf(draws: Draws, taste: Taste) -> Model:
    """An open shelf with boxes and folded clothes."""
    word = wood_word(draws, taste)
    w, d, h = draws.pick((400, 450)), 200, 1800
    shape = Shape()
    for side in ((-w, -w + 30), (w - 30, w)):
        shape.box(wood_paint(word), side, (-d, d), (0, h))
    shape.box(wood_paint(word, 80), (-w + 30, w - 30), (-d, -d + 15), (0, h))
    for level in range(100, h, 420):
        shape.box(wood_paint(word), (-w + 30, w - 30), (-d + 15, d), (level, level + 30))
        x = draws.between(-w + 60, -60, 20)
        shape.box(cloth_paint(draws.pick(CLOTHS)), (x, x + 300), (-d + 40, d - 60), (level + 30, level + 230))
    return Model("shelf", word, (2 * w, 2 * d, h), shape)


def sideboard(draws: Draws, taste: Taste) -> Model:
    """A low cupboard for dishes."""
    word = taste.wood
    leaves = draws.pick((2, 3, 4))
    w, d, h = leaves * 220, 220, draws.between(780, 900, 20)
    shape = Shape()
    shape.box(wood_paint(word), (-w, w), (-d, d - 25), (0, h))
    door_fronts(shape, wood_paint(word, 90), material(taste.metal), (-w, w), d, (60, h - 30), leaves)
    return Model("sideboard", word, (2 * w, 2 * d, h), shape)


def shoe_rack(draws: Draws, taste: Taste) -> Model:
    """A rack with shoes."""
    word = wood_word(draws, taste)
    w, d = 350, 150
    shape = Shape()
    for side in ((-w, -w + 30), (w - 30, w)):
        shape.box(wood_paint(word), side, (-d, d), (0, 520))
    for level in (90, 290, 490):
        shape.box(wood_paint(word), (-w + 30, w - 30), (-d, d), (level, level + 25))
    for level in (115, 315):
        for x in (-w + 60, -w + 270, -w + 480):
            shape.box(material(draws.pick(("black", "brown", "white", "red", "blue"))), (x, x + 170),
                      (-d + 30, d - 30), (level, level + 90))  # fmt: skip
    return Model("shoe rack", word, (2 * w, 2 * d, 520), shape)


def coat_rack(draws: Draws, taste: Taste) -> Model:
    """A stand with coats."""
    word = wood_word(draws, taste)
    coat = draws.pick(taste.cloth)
    shape = Shape()
    shape.frustum(wood_paint(word), (0, 0), (0, 40), (200, 200), 8)
    shape.frustum(wood_paint(word), (0, 0), (40, 1780), (25, 25), 6)
    shape.box(wood_paint(word), (-180, 180), (-15, 15), (1680, 1710))
    shape.box(wood_paint(word), (-15, 15), (-180, 180), (1640, 1670))
    shape.prism(cloth_paint(coat), ((-70, 900), (70, 900), (50, 1660), (-50, 1660)), (-190, -60))
    if draws.chance(60):
        other = draws.pick(taste.cloth)
        shape.prism(cloth_paint(other, 85), ((-70, 1050), (70, 1050), (50, 1660), (-50, 1660)), (70, 190))
    return Model("coat rack", word, (400, 400, 1780), shape)


def tv_stand(draws: Draws, taste: Taste) -> Model:
    """A low bench for a television."""
    word = wood_word(draws, taste)
    w, d, h = draws.pick((600, 700, 800)), 200, draws.between(420, 520, 20)
    shape = Shape()
    shape.box(wood_paint(word), (-w, w), (-d, d - 25), (0, h))
    door_fronts(shape, wood_paint(word, 88), material(taste.metal), (-w, w), d, (50, h - 30), 3)
    return Model("TV stand", word, (2 * w, 2 * d, h), shape)


def television(draws: Draws, width: int = 0) -> Model:
    """A flat television on a foot, to stand on something."""
    w = (width or draws.pick((1000, 1100, 1200))) // 2
    h = 60 + w * 9 // 8
    shape = Shape()
    black = material("black")
    shape.box(black, (-160, 160), (-80, 80), (0, 20))
    shape.box(black, (-40, 40), (-15, 15), (20, 80))
    shape.box(black, (-w, w), (-25, 15), (60, h))
    shape.box(material("dark blue", "abstract", 1.4), (-w + 18, w - 18), (15, 20), (78, h - 18))
    return Model("TV", "black", (2 * w, 160, h), shape)


def monitor(draws: Draws) -> Model:
    """A computer screen with a keyboard before it."""
    shape = Shape()
    dark = material("black")
    shape.box(dark, (-110, 110), (-180, -60), (0, 15))
    shape.box(dark, (-25, 25), (-150, -120), (15, 120))
    shape.box(dark, (-270, 270), (-140, -110), (90, 420))
    glow = draws.pick(("blue", "light blue", "green", "white"))
    shape.box(material(glow, "landscape", 0.6), (-255, 255), (-110, -106), (105, 405))
    shape.box(material("dark gray", "slats", 0.1), (-210, 210), (40, 180), (0, 20))
    return Model("computer", "black", (540, 360, 420), shape)
