"""Colours by the words that an instruction uses for them, and the materials made of them."""

from __future__ import annotations

from collections.abc import Mapping

from envs.houses.draws import Draws
from envs.houses.house import Material
from envs.houses.textures import TEXTURES

_TEXTURE = {name: index for index, name in enumerate(TEXTURES)}

COLORS: Mapping[str, tuple[int, int, int]] = {
    "white": (236, 234, 229),
    "light gray": (196, 196, 194),
    "gray": (138, 140, 142),
    "dark gray": (82, 84, 88),
    "black": (40, 40, 43),
    "silver": (188, 192, 196),
    "gold": (196, 160, 84),
    "beige": (222, 207, 178),
    "tan": (196, 160, 116),
    "brown": (137, 94, 60),
    "dark brown": (88, 58, 40),
    "red": (172, 52, 46),
    "orange": (212, 124, 54),
    "yellow": (226, 194, 88),
    "light yellow": (240, 228, 178),
    "green": (84, 128, 76),
    "dark green": (48, 88, 58),
    "light green": (196, 214, 184),
    "blue": (62, 96, 158),
    "dark blue": (42, 58, 100),
    "light blue": (180, 204, 222),
    "purple": (112, 78, 134),
    "pink": (214, 158, 166),
}
"""Red, green, blue, 0 to 255."""

# Metres of surface that one repetition of a texture covers.
_SCALES = {
    "planks": 0.72,
    "parquet": 0.6,
    "tiles": 0.6,
    "checker": 0.8,
    "carpet": 0.6,
    "brick": 0.5,
    "fabric": 0.25,
    "marble": 0.9,
    "wood": 0.5,
    "plaster": 0.8,
    "stripes": 0.64,
    "leaves": 0.3,
    "ornament": 0.7,
    "slats": 0.24,
}


def material(word: str, texture: str = "plain", scale: float | None = None, shade: int = 100) -> Material:
    """Return a material.

    Args:
        word: Key of `COLORS`.
        texture: Name of a texture.
        scale: Metres per repetition; by default what suits the texture.
        shade: Per cent of the colour's brightness.
    """
    red, green, blue = (min(255, channel * shade // 100) for channel in COLORS[word])
    return Material((red, green, blue), _TEXTURE[texture], _SCALES.get(texture, 1.0) if scale is None else scale)


def jittered(draws: Draws, word: str, texture: str = "plain") -> Material:
    """Return a material a little lighter or darker than the word says, so that two white walls may differ."""
    return material(word, texture, shade=draws.between(94, 106, 2))
