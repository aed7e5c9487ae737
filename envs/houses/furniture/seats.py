"""Makers: seats and tables."""

from __future__ import annotations

from envs.houses.draws import Draws
from envs.houses.furniture.common import (
    CLOTHS,
    Model,
    Taste,
    cloth_paint,
    drawer_fronts,
    half_of,
    legs,
    wood_paint,
    wood_word,
)
from envs.houses.paints import material
from envs.houses.solids import Shape


def chair(draws: Draws, taste: Taste, word: str = "", seat: str = "") -> Model:
    """A chair with four legs and a back; who sits on it looks to the front."""
    word = word or wood_word(draws, taste)
    w, d, h = 220, 230, 900
    frame = wood_paint(word)
    shape = Shape()
    for x in ((-w, -w + 36), (w - 36, w)):
        shape.box(frame, x, (d - 36, d), (0, 430))
        shape.box(frame, x, (-d, -d + 36), (0, h))
    shape.box(cloth_paint(seat) if seat else frame, (-w, w), (-d + 36, d), (430, 475))
    for low, high in ((560, 640), (720, 880)):
        shape.box(frame, (-w + 36, w - 36), (-d + 6, -d + 30), (low, high))
    return Model("chair", seat or word, (2 * w, 2 * d, h), shape)


def stool(draws: Draws, taste: Taste) -> Model:
    """A round stool."""
    word = wood_word(draws, taste)
    shape = Shape()
    legs(shape, wood_paint(word), (120, 120), 430, 36)
    shape.frustum(wood_paint(word), (0, 0), (430, 470), (180, 180), 12)
    return Model("stool", word, (360, 360, 470), shape)


def office_chair(draws: Draws, taste: Taste) -> Model:
    """A swivel chair on a star base."""
    word = draws.pick(("black", "gray", "dark blue", "red"))
    dark, cloth = material("dark gray"), cloth_paint(word)
    shape = Shape()
    shape.box(dark, (-280, 280), (-30, 30), (30, 70))
    shape.box(dark, (-30, 30), (-280, -30), (30, 70))
    shape.box(dark, (-30, 30), (30, 280), (30, 70))
    for x, y in ((-255, 0), (255, 0), (0, -255), (0, 255)):
        shape.box(material("black"), (x - 24, x + 24), (y - 24, y + 24), (0, 30))
    shape.frustum(dark, (0, 0), (70, 430), (30, 30), 6)
    shape.box(cloth, (-240, 240), (-230, 250), (430, 510))
    shape.box(dark, (-40, 40), (-260, -230), (470, 640))
    shape.prism(cloth, ((-260, 600), (-200, 600), (-220, 1080), (-270, 1080)), (-220, 220))
    return Model("office chair", word, (560, 560, 1080), shape)


def sofa(draws: Draws, taste: Taste, word: str = "") -> Model:
    """A sofa for two or three."""
    seats = draws.pick((2, 3, 3))
    word = word or draws.pick(taste.cloth)
    w, d = seats * 320 + 180, 440
    cloth, dark = cloth_paint(word), cloth_paint(word, 86)
    shape = Shape()
    shape.box(dark, (-w, w), (-d, d - 20), (60, 300))
    shape.box(material("black"), (-w + 60, w - 60), (-d + 60, d - 80), (0, 60))
    shape.box(cloth, (-w, w), (-d, -d + 220), (300, 820))
    for arm in ((-w, -w + 180), (w - 180, w)):
        shape.box(cloth, arm, (-d + 220, d - 10), (300, 600))
    for i in range(seats):
        a = -w + 180 + 640 * i
        shape.box(cloth, (a + 5, a + 635), (-d + 220, d), (300, 440))
        shape.prism(dark, ((-d + 220, 440), (-d + 340, 440), (-d + 260, 780), (-d + 220, 780)), (a + 12, a + 628))
    if draws.chance(70):
        pillow = cloth_paint(draws.pick(tuple(c for c in CLOTHS if c != word)))
        x = draws.pick((-w + 200, w - 600))
        shape.prism(pillow, ((-d + 345, 440), (-d + 480, 440), (-d + 400, 780), (-d + 275, 790)), (x, x + 400))
    return Model("sofa", word, (2 * w, 2 * d, 820), shape)


def armchair(draws: Draws, taste: Taste, word: str = "") -> Model:
    """An armchair."""
    word = word or draws.pick(taste.cloth)
    w, d = 400, 400
    cloth, dark = cloth_paint(word), cloth_paint(word, 86)
    shape = Shape()
    legs(shape, wood_paint("dark brown"), (w - 20, d - 20), 100)
    shape.box(dark, (-w, w), (-d, d - 20), (100, 300))
    shape.prism(cloth, ((-d, 300), (-d + 240, 300), (-d + 170, 900), (-d, 900)), (-w, w))
    for x in ((-w, -w + 150), (w - 150, w)):
        shape.box(cloth, x, (-d + 240, d - 10), (300, 580))
    shape.box(cloth, (-w + 155, w - 155), (-d + 240, d), (300, 430))
    return Model("armchair", word, (2 * w, 2 * d, 900), shape)


def dining_table(draws: Draws, taste: Taste, width: int = 0) -> Model:
    """A table to eat at; as wide as it is long if there is little room."""
    width = width or draws.pick((1000, 1400, 1600, 1800))
    word = wood_word(draws, taste)
    w, d = half_of(width, 900)
    shape = Shape()
    legs(shape, wood_paint(word, 92), (w - 40, d - 40), 650, 70)
    shape.box(wood_paint(word, 92), (-w + 60, w - 60), (-d + 60, d - 60), (650, 710))
    shape.box(wood_paint(word), (-w, w), (-d, d), (710, 750))
    return Model("dining table", word, (width, 900, 750), shape)


def round_table(draws: Draws, taste: Taste) -> Model:
    """A round table on one leg."""
    word = wood_word(draws, taste)
    shape = Shape()
    shape.frustum(wood_paint(word, 85), (0, 0), (0, 40), (260, 260), 8)
    shape.frustum(wood_paint(word, 85), (0, 0), (40, 715), (60, 60), 8)
    shape.frustum(wood_paint(word), (0, 0), (715, 750), (480, 480), 12)
    return Model("dining table", word, (960, 960, 750), shape)


def coffee_table(draws: Draws, taste: Taste) -> Model:
    """A low table with a shelf."""
    word = wood_word(draws, taste)
    w, d, h = draws.pick((450, 500, 550)), draws.pick((250, 280, 300)), draws.between(380, 440, 20)
    shape = Shape()
    legs(shape, wood_paint(word, 90), (w, d), h - 40)
    shape.box(wood_paint(word), (-w, w), (-d, d), (h - 40, h))
    shape.box(wood_paint(word, 90), (-w + 30, w - 30), (-d + 30, d - 30), (120, 145))
    return Model("coffee table", word, (2 * w, 2 * d, h), shape)


def side_table(draws: Draws, taste: Taste) -> Model:
    """A small round table."""
    word = wood_word(draws, taste)
    shape = Shape()
    shape.frustum(material(taste.metal), (0, 0), (0, 25), (160, 160), 8)
    shape.frustum(material(taste.metal), (0, 0), (25, 520), (22, 22), 6)
    shape.frustum(wood_paint(word), (0, 0), (520, 550), (220, 220), 12)
    return Model("side table", word, (440, 440, 550), shape)


def desk(draws: Draws, taste: Taste) -> Model:
    """A desk with a drawer block; who works at it sits at its front."""
    word = wood_word(draws, taste)
    w, d, h = draws.pick((600, 650, 700)), 320, 740
    shape = Shape()
    shape.box(wood_paint(word), (-w, w), (-d, d), (h - 35, h))
    shape.box(wood_paint(word, 90), (-w + 20, -w + 50), (-d + 20, d - 20), (0, h - 35))
    shape.box(wood_paint(word, 90), (w - 420, w - 20), (-d + 20, d - 45), (0, h - 35))
    drawer_fronts(shape, wood_paint(word), material(taste.metal), (w - 420, w - 20), d - 20, [40, 260, 480, 700])
    return Model("desk", word, (2 * w, 2 * d, h), shape)


def console_table(draws: Draws, taste: Taste) -> Model:
    """A narrow table for a hallway."""
    word = wood_word(draws, taste)
    w, d, h = draws.pick((400, 450, 500)), 150, 800
    shape = Shape()
    legs(shape, wood_paint(word), (w, d), h - 140, 40)
    shape.box(wood_paint(word), (-w, w), (-d, d - 20), (h - 140, h - 30))
    shape.box(wood_paint(word, 108), (-w, w), (-d, d), (h - 30, h))
    return Model("console table", word, (2 * w, 2 * d, h), shape)


def bench(draws: Draws, taste: Taste) -> Model:
    """A bench with a cushion."""
    word = draws.pick(taste.cloth)
    w, d = draws.pick((450, 500, 550)), 170
    shape = Shape()
    legs(shape, wood_paint(taste.wood), (w, d), 380)
    shape.box(wood_paint(taste.wood), (-w, w), (-d, d), (380, 420))
    shape.box(cloth_paint(word), (-w + 20, w - 20), (-d + 10, d - 10), (420, 480))
    return Model("bench", word, (2 * w, 2 * d, 480), shape)
