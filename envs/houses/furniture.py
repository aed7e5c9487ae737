"""Furniture made of solids.

Each maker returns a model in its own frame: x to the right, y to its front, z up, millimetres; the footprint is centred
on the origin and what hangs or stands elsewhere than on the floor begins at z = 0, too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from envs.houses.draws import Draws
from envs.houses.house import Material
from envs.houses.paints import material
from envs.houses.solids import Shape

Size = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Model:
    """A piece of furniture.

    Attributes:
        category: As people say it.
        color: Colour word of its largest part.
        size: Width, depth and height, mm; width and depth are multiples of 20.
        shape: Its surfaces, within the size.
    """

    category: str
    color: str
    size: Size
    shape: Shape


@dataclass(frozen=True)
class Taste:
    """What a household's furniture has in common.

    Attributes:
        wood: Colour word of most wood.
        cloth: Colour words of fabrics to choose from.
        appliance: Colour word of kitchen and laundry appliances.
        metal: Colour word of handles and lamps.
    """

    wood: str
    cloth: tuple[str, ...]
    appliance: str
    metal: str


_CLOTHS = (
    "red",
    "blue",
    "dark blue",
    "green",
    "dark green",
    "gray",
    "dark gray",
    "beige",
    "purple",
    "orange",
    "yellow",
)


def draw_taste(draws: Draws) -> Taste:
    """Choose what a household likes."""
    return Taste(
        wood=draws.pick(("tan", "brown", "brown", "dark brown", "white")),
        cloth=tuple(draws.shuffled(_CLOTHS)[:4]),
        appliance=draws.pick(("white", "white", "silver", "black")),
        metal=draws.pick(("silver", "black", "gold")),
    )


def _wood(word: str, shade: int = 100) -> Material:
    return material(word, "wood", shade=shade)


def _cloth(word: str, shade: int = 100) -> Material:
    return material(word, "fabric", shade=shade)


def _half(width: int, depth: int) -> tuple[int, int]:
    return width // 2, depth // 2


def _wood_word(draws: Draws, taste: Taste) -> str:
    return taste.wood if draws.chance(70) else draws.pick(("tan", "brown", "dark brown", "white"))


def _legs(shape: Shape, paint: Material, half: tuple[int, int], height: int, thick: int = 50) -> None:
    """Add four square legs at the footprint's corners."""
    w, d = half
    for x in ((-w, -w + thick), (w - thick, w)):
        for y in ((-d, -d + thick), (d - thick, d)):
            shape.box(paint, x, y, (0, height))


def _drawer_fronts(
    shape: Shape, paint: Material, metal: Material, x: tuple[int, int], front: int, levels: list[int]
) -> None:
    """Add drawers, one between each two levels, with a bar as handle; they reach `front`."""
    for low, high in pairwise(levels):
        shape.box(paint, (x[0] + 10, x[1] - 10), (front - 25, front - 10), (low + 8, high - 8))
        middle = (x[0] + x[1]) // 2
        shape.box(
            metal, (middle - 60, middle + 60), (front - 10, front), ((low + high) // 2 - 8, (low + high) // 2 + 8)
        )


def _door_fronts(
    shape: Shape, paint: Material, metal: Material, x: tuple[int, int], front: int, z: tuple[int, int], leaves: int
) -> None:
    """Add cupboard doors side by side, handles towards the middle."""
    for leaf in range(leaves):
        a = x[0] + (x[1] - x[0]) * leaf // leaves
        b = x[0] + (x[1] - x[0]) * (leaf + 1) // leaves
        shape.box(paint, (a + 8, b - 8), (front - 25, front - 10), (z[0] + 8, z[1] - 8))
        handle = a + 40 if leaf % 2 else b - 40
        middle = (z[0] + z[1]) // 2
        shape.box(metal, (handle - 9, handle + 9), (front - 10, front), (middle - 70, middle + 70))


# --- Bedroom ---------------------------------------------------------------------------------------------------------


def bed(draws: Draws, taste: Taste, width: int = 0) -> Model:
    """A bed, its head at the back."""
    width = width or draws.pick((1000, 1400, 1600, 1600, 1800))
    w, d = _half(width, 2100)
    word, blanket = _wood_word(draws, taste), draws.pick(taste.cloth)
    head = draws.between(900, 1150, 50)
    frame, sheet = _wood(word), _cloth("white")
    shape = Shape()
    shape.box(frame, (-w, w), (-d, -d + 60), (0, head))
    shape.box(frame, (-w, w), (-d + 60, d), (0, 300))
    shape.box(sheet, (-w + 20, w - 20), (-d + 60, d - 30), (300, 500))
    shape.box(_cloth(blanket), (-w + 5, w - 5), (-d + 750, d - 15), (280, 530))
    shape.box(_cloth(blanket, 80), (-w + 3, w - 3), (-d + 700, -d + 900), (290, 545))
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
    shape.box(_wood(word), (-w, w), (-d, d - 25), (0, h))
    _drawer_fronts(shape, _wood(word, 88), material(taste.metal), (-w, w), d, [40, h // 2, h - 20])
    return Model("nightstand", word, (2 * w, 2 * d, h), shape)


def wardrobe(draws: Draws, taste: Taste) -> Model:
    """A wardrobe with two or three doors."""
    leaves = draws.pick((2, 2, 3, 4))
    w, d, h = leaves * 250, 300, draws.between(1950, 2200, 50)
    word = _wood_word(draws, taste)
    shape = Shape()
    shape.box(_wood(word), (-w, w), (-d, d - 25), (0, h))
    _door_fronts(shape, _wood(word, 90), material(taste.metal), (-w, w), d, (60, h - 30), leaves)
    return Model("wardrobe", word, (2 * w, 2 * d, h), shape)


def dresser(draws: Draws, taste: Taste) -> Model:
    """A chest of drawers."""
    w, d, h = draws.between(400, 650, 50), 230, draws.between(750, 950, 50)
    word = _wood_word(draws, taste)
    shape = Shape()
    shape.box(_wood(word), (-w, w), (-d, d - 25), (0, h))
    levels = [60 + (h - 90) * i // 3 for i in range(4)]
    for x in ((-w, 0), (0, w)):
        _drawer_fronts(shape, _wood(word, 88), material(taste.metal), x, d, levels)
    return Model("dresser", word, (2 * w, 2 * d, h), shape)


def table_lamp(draws: Draws, taste: Taste) -> Model:
    """A lamp to stand on a nightstand or desk."""
    word = draws.pick(("white", "beige", "yellow", taste.cloth[0]))
    shape = Shape()
    shape.frustum(material(taste.metal), (0, 0), (0, 30), (70, 70), 6)
    shape.frustum(material(taste.metal), (0, 0), (30, 240), (14, 14), 6)
    shape.frustum(material(word, "fabric", shade=112), (0, 0), (220, 400), (120, 80), 8)
    return Model("table lamp", word, (240, 240, 400), shape)


# --- Seats and tables ------------------------------------------------------------------------------------------------


def chair(draws: Draws, taste: Taste, word: str = "", seat: str = "") -> Model:
    """A chair with four legs and a back; who sits on it looks to the front."""
    word = word or _wood_word(draws, taste)
    w, d, h = 220, 230, 900
    frame = _wood(word)
    shape = Shape()
    for x in ((-w, -w + 36), (w - 36, w)):
        shape.box(frame, x, (d - 36, d), (0, 430))
        shape.box(frame, x, (-d, -d + 36), (0, h))
    shape.box(_cloth(seat) if seat else frame, (-w, w), (-d + 36, d), (430, 475))
    for low, high in ((560, 640), (720, 880)):
        shape.box(frame, (-w + 36, w - 36), (-d + 6, -d + 30), (low, high))
    return Model("chair", seat or word, (2 * w, 2 * d, h), shape)


def stool(draws: Draws, taste: Taste) -> Model:
    """A round stool."""
    word = _wood_word(draws, taste)
    shape = Shape()
    _legs(shape, _wood(word), (120, 120), 430, 36)
    shape.frustum(_wood(word), (0, 0), (430, 470), (180, 180), 12)
    return Model("stool", word, (360, 360, 470), shape)


def office_chair(draws: Draws, taste: Taste) -> Model:
    """A swivel chair on a star base."""
    word = draws.pick(("black", "gray", "dark blue", "red"))
    dark, cloth = material("dark gray"), _cloth(word)
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
    cloth, dark = _cloth(word), _cloth(word, 86)
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
        pillow = _cloth(draws.pick(tuple(c for c in _CLOTHS if c != word)))
        x = draws.pick((-w + 200, w - 600))
        shape.prism(pillow, ((-d + 345, 440), (-d + 480, 440), (-d + 400, 780), (-d + 275, 790)), (x, x + 400))
    return Model("sofa", word, (2 * w, 2 * d, 820), shape)


def armchair(draws: Draws, taste: Taste, word: str = "") -> Model:
    """An armchair."""
    word = word or draws.pick(taste.cloth)
    w, d = 400, 400
    cloth, dark = _cloth(word), _cloth(word, 86)
    shape = Shape()
    _legs(shape, _wood("dark brown"), (w - 20, d - 20), 100)
    shape.box(dark, (-w, w), (-d, d - 20), (100, 300))
    shape.prism(cloth, ((-d, 300), (-d + 240, 300), (-d + 170, 900), (-d, 900)), (-w, w))
    for x in ((-w, -w + 150), (w - 150, w)):
        shape.box(cloth, x, (-d + 240, d - 10), (300, 580))
    shape.box(cloth, (-w + 155, w - 155), (-d + 240, d), (300, 430))
    return Model("armchair", word, (2 * w, 2 * d, 900), shape)


def dining_table(draws: Draws, taste: Taste, width: int = 0) -> Model:
    """A table to eat at; as wide as it is long if there is little room."""
    width = width or draws.pick((1000, 1400, 1600, 1800))
    word = _wood_word(draws, taste)
    w, d = _half(width, 900)
    shape = Shape()
    _legs(shape, _wood(word, 92), (w - 40, d - 40), 650, 70)
    shape.box(_wood(word, 92), (-w + 60, w - 60), (-d + 60, d - 60), (650, 710))
    shape.box(_wood(word), (-w, w), (-d, d), (710, 750))
    return Model("dining table", word, (width, 900, 750), shape)


def round_table(draws: Draws, taste: Taste) -> Model:
    """A round table on one leg."""
    word = _wood_word(draws, taste)
    shape = Shape()
    shape.frustum(_wood(word, 85), (0, 0), (0, 40), (260, 260), 8)
    shape.frustum(_wood(word, 85), (0, 0), (40, 715), (60, 60), 8)
    shape.frustum(_wood(word), (0, 0), (715, 750), (480, 480), 12)
    return Model("dining table", word, (960, 960, 750), shape)


def coffee_table(draws: Draws, taste: Taste) -> Model:
    """A low table with a shelf."""
    word = _wood_word(draws, taste)
    w, d, h = draws.pick((450, 500, 550)), draws.pick((250, 280, 300)), draws.between(380, 440, 20)
    shape = Shape()
    _legs(shape, _wood(word, 90), (w, d), h - 40)
    shape.box(_wood(word), (-w, w), (-d, d), (h - 40, h))
    shape.box(_wood(word, 90), (-w + 30, w - 30), (-d + 30, d - 30), (120, 145))
    return Model("coffee table", word, (2 * w, 2 * d, h), shape)


def side_table(draws: Draws, taste: Taste) -> Model:
    """A small round table."""
    word = _wood_word(draws, taste)
    shape = Shape()
    shape.frustum(material(taste.metal), (0, 0), (0, 25), (160, 160), 8)
    shape.frustum(material(taste.metal), (0, 0), (25, 520), (22, 22), 6)
    shape.frustum(_wood(word), (0, 0), (520, 550), (220, 220), 12)
    return Model("side table", word, (440, 440, 550), shape)


def desk(draws: Draws, taste: Taste) -> Model:
    """A desk with a drawer block; who works at it sits at its front."""
    word = _wood_word(draws, taste)
    w, d, h = draws.pick((600, 650, 700)), 320, 740
    shape = Shape()
    shape.box(_wood(word), (-w, w), (-d, d), (h - 35, h))
    shape.box(_wood(word, 90), (-w + 20, -w + 50), (-d + 20, d - 20), (0, h - 35))
    shape.box(_wood(word, 90), (w - 420, w - 20), (-d + 20, d - 45), (0, h - 35))
    _drawer_fronts(shape, _wood(word), material(taste.metal), (w - 420, w - 20), d - 20, [40, 260, 480, 700])
    return Model("desk", word, (2 * w, 2 * d, h), shape)


def console_table(draws: Draws, taste: Taste) -> Model:
    """A narrow table for a hallway."""
    word = _wood_word(draws, taste)
    w, d, h = draws.pick((400, 450, 500)), 150, 800
    shape = Shape()
    _legs(shape, _wood(word), (w, d), h - 140, 40)
    shape.box(_wood(word), (-w, w), (-d, d - 20), (h - 140, h - 30))
    shape.box(_wood(word, 108), (-w, w), (-d, d), (h - 30, h))
    return Model("console table", word, (2 * w, 2 * d, h), shape)


def bench(draws: Draws, taste: Taste) -> Model:
    """A bench with a cushion."""
    word = draws.pick(taste.cloth)
    w, d = draws.pick((450, 500, 550)), 170
    shape = Shape()
    _legs(shape, _wood(taste.wood), (w, d), 380)
    shape.box(_wood(taste.wood), (-w, w), (-d, d), (380, 420))
    shape.box(_cloth(word), (-w + 20, w - 20), (-d + 10, d - 10), (420, 480))
    return Model("bench", word, (2 * w, 2 * d, 480), shape)


# --- Shelves and cupboards -------------------------------------------------------------------------------------------

_SPINES = ("red", "blue", "green", "dark blue", "orange", "beige", "dark green", "purple", "black", "white")


def bookshelf(draws: Draws, taste: Taste) -> Model:
    """A bookshelf with books."""
    word = _wood_word(draws, taste)
    w, d, h = draws.pick((400, 450, 500)), 150, draws.between(1700, 2100, 50)
    frame = _wood(word)
    shape = Shape()
    for side in ((-w, -w + 30), (w - 30, w)):
        shape.box(frame, side, (-d, d), (0, h))
    shape.box(_wood(word, 80), (-w + 30, w - 30), (-d, -d + 15), (0, h))
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
    word = _wood_word(draws, taste)
    w, d, h = draws.pick((400, 450)), 200, 1800
    shape = Shape()
    for side in ((-w, -w + 30), (w - 30, w)):
        shape.box(_wood(word), side, (-d, d), (0, h))
    shape.box(_wood(word, 80), (-w + 30, w - 30), (-d, -d + 15), (0, h))
    for level in range(100, h, 420):
        shape.box(_wood(word), (-w + 30, w - 30), (-d + 15, d), (level, level + 30))
        x = draws.between(-w + 60, -60, 20)
        shape.box(_cloth(draws.pick(_CLOTHS)), (x, x + 300), (-d + 40, d - 60), (level + 30, level + 230))
    return Model("shelf", word, (2 * w, 2 * d, h), shape)


def sideboard(draws: Draws, taste: Taste) -> Model:
    """A low cupboard for dishes."""
    word = taste.wood
    leaves = draws.pick((2, 3, 4))
    w, d, h = leaves * 220, 220, draws.between(780, 900, 20)
    shape = Shape()
    shape.box(_wood(word), (-w, w), (-d, d - 25), (0, h))
    _door_fronts(shape, _wood(word, 90), material(taste.metal), (-w, w), d, (60, h - 30), leaves)
    return Model("sideboard", word, (2 * w, 2 * d, h), shape)


def shoe_rack(draws: Draws, taste: Taste) -> Model:
    """A rack with shoes."""
    word = _wood_word(draws, taste)
    w, d = 350, 150
    shape = Shape()
    for side in ((-w, -w + 30), (w - 30, w)):
        shape.box(_wood(word), side, (-d, d), (0, 520))
    for level in (90, 290, 490):
        shape.box(_wood(word), (-w + 30, w - 30), (-d, d), (level, level + 25))
    for level in (115, 315):
        for x in (-w + 60, -w + 270, -w + 480):
            shape.box(material(draws.pick(("black", "brown", "white", "red", "blue"))), (x, x + 170),
                      (-d + 30, d - 30), (level, level + 90))  # fmt: skip
    return Model("shoe rack", word, (2 * w, 2 * d, 520), shape)


def coat_rack(draws: Draws, taste: Taste) -> Model:
    """A stand with coats."""
    word = _wood_word(draws, taste)
    coat = draws.pick(taste.cloth)
    shape = Shape()
    shape.frustum(_wood(word), (0, 0), (0, 40), (200, 200), 8)
    shape.frustum(_wood(word), (0, 0), (40, 1780), (25, 25), 6)
    shape.box(_wood(word), (-180, 180), (-15, 15), (1680, 1710))
    shape.box(_wood(word), (-15, 15), (-180, 180), (1640, 1670))
    shape.prism(_cloth(coat), ((-70, 900), (70, 900), (50, 1660), (-50, 1660)), (-190, -60))
    if draws.chance(60):
        other = draws.pick(taste.cloth)
        shape.prism(_cloth(other, 85), ((-70, 1050), (70, 1050), (50, 1660), (-50, 1660)), (70, 190))
    return Model("coat rack", word, (400, 400, 1780), shape)


def tv_stand(draws: Draws, taste: Taste) -> Model:
    """A low bench for a television."""
    word = _wood_word(draws, taste)
    w, d, h = draws.pick((600, 700, 800)), 200, draws.between(420, 520, 20)
    shape = Shape()
    shape.box(_wood(word), (-w, w), (-d, d - 25), (0, h))
    _door_fronts(shape, _wood(word, 88), material(taste.metal), (-w, w), d, (50, h - 30), 3)
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


# --- Kitchen and laundry ---------------------------------------------------------------------------------------------

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
    _door_fronts(shape, paint, material(taste.metal), (-w, w), d - 20, (90, h - 50), leaves)
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
    _door_fronts(shape, paint, material(taste.metal), (-w, w), d, (0, h), max(1, width // 500))
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
    shape.frustum(_cloth(draws.pick(_CLOTHS)), (0, 0), (520, 580), (190, 60), 8)
    return Model("laundry basket", word, (460, 460, 580), shape)


def ironing_board(draws: Draws, taste: Taste) -> Model:
    """An ironing board with an iron."""
    word = draws.pick(taste.cloth)
    shape = Shape()
    for x in (-300, 260):
        shape.box(material("silver"), (x, x + 40), (-150, 150), (0, 30))
        shape.box(material("silver"), (x, x + 40), (-20, 20), (30, 850))
    shape.box(_cloth(word), (-600, 600), (-180, 180), (850, 890))
    shape.prism(material("red"), ((-60, 890), (60, 890), (30, 1000), (-30, 1000)), (280, 500))
    return Model("ironing board", word, (1200, 360, 1000), shape)


# --- Bathroom --------------------------------------------------------------------------------------------------------


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
    _door_fronts(
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
    shape.prism(_cloth(word), ((-10, 0), (40, 0), (40, 710), (-10, 710)), (-220, 220))
    return Model("towel", word, (560, 80, 720), shape)


# --- On walls, floors and ceilings -----------------------------------------------------------------------------------


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
        shape.box(_cloth(word, 100 - 12 * (fold % 2)), (a, b), (-20, 20 - 22 * (fold % 2)), (0, height))
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
    shape.frustum(_wood("brown"), (0, 0), (304, trunk + 80), (20, 16), 6)
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


Maker = Callable[[Draws, Taste], Model]
