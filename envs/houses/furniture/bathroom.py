"""Makers: bathroom."""

from __future__ import annotations

from envs.houses.draws import Draws
from envs.houses.furniture.common import Model, Taste, cloth_paint, door_fronts
from envs.houses.paints import material
from envs.houses.solids import Shape


def toilet(draws: Draws) -> Model:
    """A toilet with its tank at the back."""
    white, grey = material("white", shade=104), material("light gray")
    shape = Shape()
    shape.box(white, (-200, 200), (-340, -140), (0, 800))
    shape.box(grey, (-60, 60), (-270, -210), (800, 815))
    shape.frustum(white, (0, 60), (0, 380), (120, 190), 8)
    shape.box(white, (-150, 150), (-140, 40), (0, 380))
    shape.frustum(material("white", shade=97), (0, 90), (380, 420), (215, 215), 12)
    shape.box(material("white", shade=97), (-190, 190), (-140, 60), (380, 420))
    return Model("toilet", "white", (440, 680, 820), shape)


def bathtub(draws: Draws) -> Model:
    """A bathtub with water in it, a tap at one end."""
    w, d, h, rim = draws.pick((750, 800, 850)), 370, 580, 70
    white, water = material("white", shade=104), material("light blue", "marble", shade=102)
    shape = Shape()
    shape.box(white, (-w, w), (-d, -d + rim), (0, h))
    shape.box(white, (-w, w), (d - rim, d), (0, h))
    shape.box(white, (-w, -w + rim), (-d + rim, d - rim), (0, h))
    shape.box(white, (w - rim, w), (-d + rim, d - rim), (0, h))
    shape.box(water, (-w + rim, w - rim), (-d + rim, d - rim), (0, 380))
    shape.box(material("silver"), (-w + 20, -w + 50), (-20, 20), (h, h + 160))
    shape.box(material("silver"), (-w + 50, -w + 180), (-15, 15), (h + 130, h + 160))
    return Model("bathtub", "white", (2 * w, 2 * d, h + 160), shape)


def shower(draws: Draws) -> Model:
    """A shower: a tray, a column and one pane of frosted glass."""
    w, d = 450, 450
    shape = Shape()
    shape.box(material("white"), (-w, w), (-d, d), (0, 120))
    shape.box(material("silver"), (-20, 20), (-d + 20, -d + 60), (120, 2080))
    shape.box(material("silver"), (-15, 15), (-d + 60, -d + 300), (2050, 2080))
    shape.frustum(material("silver"), (0, -d + 300), (2020, 2050), (110, 110), 8)
    side = draws.pick((-w, w - 20))
    glass = material("light blue", shade=106)
    shape.box(glass, (side, side + 20), (-d, d), (120, 1950))
    shape.box(material("silver"), (side, side + 20), (d - 20, d), (1950, 1980))
    return Model("shower", "white", (2 * w, 2 * d, 2080), shape)


def washbasin(draws: Draws, taste: Taste) -> Model:
    """A basin on a small cupboard."""
    word = draws.pick(("white", "white", taste.wood, "gray"))
    w, d = draws.pick((280, 320, 360)), 230
    texture = "wood" if word in ("tan", "brown", "dark brown") else "plain"
    white = material("white", shade=104)
    shape = Shape()
    shape.box(material(word, texture), (-w + 20, w - 20), (-d, d - 65), (0, 740))
    door_fronts(
        shape, material(word, texture, shade=92), material(taste.metal), (-w + 20, w - 20), d - 40, (60, 720), 2
    )
    shape.box(white, (-w, w), (-d, d), (740, 850))
    shape.box(material("gray", shade=120), (-w + 60, w - 60), (-d + 110, d - 50), (850, 854))
    shape.box(material("silver"), (-15, 15), (-d + 40, -d + 70), (850, 980))
    shape.box(material("silver"), (-12, 12), (-d + 70, -d + 170), (955, 980))
    return Model("washbasin", word, (2 * w, 2 * d, 980), shape)


def towel(draws: Draws, taste: Taste) -> Model:
    """A towel on a rail, to hang on a wall."""
    word = draws.pick((*taste.cloth, "white"))
    shape = Shape(grounded=False)
    shape.box(material("silver"), (-280, 280), (-40, -20), (680, 700))
    shape.prism(cloth_paint(word), ((-10, 0), (40, 0), (40, 710), (-10, 710)), (-220, 220))
    return Model("towel", word, (560, 80, 720), shape)
