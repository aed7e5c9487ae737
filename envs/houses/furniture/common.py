"""What all makers of furniture share."""

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


CLOTHS = (
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
        cloth=tuple(draws.shuffled(CLOTHS)[:4]),
        appliance=draws.pick(("white", "white", "silver", "black")),
        metal=draws.pick(("silver", "black", "gold")),
    )


def wood_paint(word: str, shade: int = 100) -> Material:
    """Return a wooden surface; `shade` is per cent of its brightness."""
    return material(word, "wood", shade=shade)


def cloth_paint(word: str, shade: int = 100) -> Material:
    """Return a woven surface; `shade` is per cent of its brightness."""
    return material(word, "fabric", shade=shade)


def half_of(width: int, depth: int) -> tuple[int, int]:
    """Return half the sides of a footprint, mm."""
    return width // 2, depth // 2


def wood_word(draws: Draws, taste: Taste) -> str:
    """Draw the colour of a wooden piece, mostly the house's own."""
    return taste.wood if draws.chance(70) else draws.pick(("tan", "brown", "dark brown", "white"))


def legs(shape: Shape, paint: Material, half: tuple[int, int], height: int, thick: int = 50) -> None:
    """Add four square legs at the footprint's corners."""
    w, d = half
    for x in ((-w, -w + thick), (w - thick, w)):
        for y in ((-d, -d + thick), (d - thick, d)):
            shape.box(paint, x, y, (0, height))


def drawer_fronts(
    shape: Shape, paint: Material, metal: Material, x: tuple[int, int], front: int, levels: list[int]
) -> None:
    """Add drawers, one between each two levels, with a bar as handle; they reach `front`."""
    for low, high in pairwise(levels):
        shape.box(paint, (x[0] + 10, x[1] - 10), (front - 25, front - 10), (low + 8, high - 8))
        middle = (x[0] + x[1]) // 2
        shape.box(
            metal, (middle - 60, middle + 60), (front - 10, front), ((low + high) // 2 - 8, (low + high) // 2 + 8)
        )


def door_fronts(
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


Maker = Callable[[Draws, Taste], Model]
