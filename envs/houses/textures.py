"""Procedural textures: grey patterns that modulate a colour. Whole numbers only: the same bytes everywhere."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

SIZE = 64
"""Texels along each side of a texture."""

NEUTRAL = 128
"""The grey that leaves a colour as it is."""

_Grey = NDArray[np.int64]


def _hash(x: _Grey, y: _Grey, salt: int) -> _Grey:
    """Return 0 to 255 that looks random but depends on place and salt only."""
    mixed = (x * 374761393 + y * 668265263 + salt * 974634777) & 0xFFFFFFFF
    mixed = ((mixed ^ (mixed >> 13)) * 1274126177) & 0xFFFFFFFF
    return (mixed ^ (mixed >> 16)) & 0xFF


def _texels() -> tuple[_Grey, _Grey]:
    rows, columns = np.indices((SIZE, SIZE))
    return columns.astype(np.int64), rows.astype(np.int64)


def _speckle(depth: int, salt: int) -> _Grey:
    """Return noise of -depth to depth, one value per texel."""
    x, y = _texels()
    return _hash(x, y, salt) * (2 * depth + 1) // 256 - depth


def _clouds(across: int, down: int, depth: int, salt: int) -> _Grey:
    """Return smooth noise of -depth to depth that repeats; lattice of `across` by `down` texels."""
    x, y = _texels()
    left, top = x // across, y // down
    right, bottom = (left + 1) % (SIZE // across), (top + 1) % (SIZE // down)
    dx, dy = x % across, y % down
    above = _hash(left, top, salt) * (across - dx) + _hash(right, top, salt) * dx
    below = _hash(left, bottom, salt) * (across - dx) + _hash(right, bottom, salt) * dx
    mean: _Grey = ((above * (down - dy) + below * dy) // (across * down)).astype(np.int64)
    return mean * (2 * depth + 1) // 256 - depth


def _plain() -> _Grey:
    return np.full((SIZE, SIZE), NEUTRAL, np.int64)


def _planks() -> _Grey:
    """Floor boards along u, four across, each of its own shade, butt joints staggered."""
    x, y = _texels()
    board = y // 16
    joint = (x + board * 23) % SIZE
    shade = _hash(board, joint * 0, 3) // 8 - 16
    grain = _clouds(16, 2, 10, 5) + _speckle(3, 6)
    grey: _Grey = NEUTRAL + shade + grain - 45 * (y % 16 == 0) - 45 * (joint == 0)
    return grey


def _parquet() -> _Grey:
    """Basket weave: squares of four strips, across and along in turn."""
    x, y = _texels()
    along = (x // 32 + y // 32) % 2 == 0
    strip = np.where(along, y, x)
    shade = _hash(strip // 8, x // 32 + 2 * (y // 32), 11) // 8 - 16
    grain = np.where(along, _clouds(16, 2, 9, 12), _clouds(2, 16, 9, 13))
    edge = (strip % 8 == 0) | (np.where(along, x, y) % 32 == 0)
    grey: _Grey = NEUTRAL + shade + grain - 38 * edge
    return grey


def _tiles() -> _Grey:
    """Two by two tiles with joints."""
    x, y = _texels()
    joint = (x % 32 < 2) | (y % 32 < 2)
    shade = _hash(x // 32, y // 32, 21) // 20 - 6
    return np.where(joint, NEUTRAL - 34, NEUTRAL + 6 + shade + _clouds(8, 8, 5, 22))


def _checker() -> _Grey:
    """Two by two tiles, light and dark."""
    x, y = _texels()
    light = (x // 32 + y // 32) % 2 == 0
    joint = (x % 32 == 0) | (y % 32 == 0)
    return np.where(joint, NEUTRAL - 50, np.where(light, NEUTRAL + 14, NEUTRAL - 34)) + _speckle(3, 23)


def _carpet() -> _Grey:
    return NEUTRAL + _speckle(16, 31) + _clouds(8, 8, 8, 32)


def _brick() -> _Grey:
    """Running bond."""
    x, y = _texels()
    row = y // 16
    shifted = (x + 16 * (row % 2)) % SIZE
    joint = (y % 16 < 2) | (shifted % 32 < 2)
    shade = _hash(shifted // 32, row, 41) // 6 - 20
    return np.where(joint, NEUTRAL + 44, NEUTRAL - 8 + shade + _speckle(8, 42))


def _fabric() -> _Grey:
    """Plain weave."""
    x, y = _texels()
    return NEUTRAL + np.where((x // 2 + y // 2) % 2 == 0, 9, -9) + _speckle(5, 51) + _clouds(16, 16, 6, 52)


def _marble() -> _Grey:
    cloud = _clouds(16, 16, 60, 61) + _clouds(8, 8, 26, 62)
    vein = np.abs(cloud) < 5
    grey: _Grey = NEUTRAL + 8 + _clouds(16, 16, 10, 63) - 42 * vein
    return grey


def _wood() -> _Grey:
    """Grain along u."""
    rings = np.abs((_clouds(32, 4, 90, 71) + _clouds(16, 2, 20, 73)) % 48 - 24)
    grey: _Grey = NEUTRAL + rings - 12 + _speckle(3, 72)
    return grey


def _plaster() -> _Grey:
    return NEUTRAL + _clouds(4, 4, 4, 81) + _speckle(2, 82)


def _stripes() -> _Grey:
    """Upright stripes, as on wallpaper."""
    x, _ = _texels()
    return NEUTRAL + np.where(x // 8 % 2 == 0, 7, -9) + _speckle(2, 91)


def _leaves() -> _Grey:
    return NEUTRAL + _clouds(8, 4, 46, 101) + _speckle(18, 102)


def _ornament() -> _Grey:
    """Nested diamonds with a dotted ground, for rugs."""
    x, y = _texels()
    ring = (np.abs(x % 32 - 16) + np.abs(y % 32 - 16)) // 4
    return NEUTRAL + np.where(ring % 2 == 0, 34, -30) + _speckle(9, 111)


def _landscape() -> _Grey:
    """Hills below a sky, for pictures: rows count from the bottom."""
    x, y = _texels()
    near = 12 + np.abs(x % 64 - 22) * 18 // 40
    far = 34 - np.abs(x % 64 - 44) * 14 // 30
    grey = np.where(y < near, 66, np.where(y < far, 112, 150 + y))
    return grey + _clouds(8, 8, 10, 121)


def _abstract() -> _Grey:
    """Blocks and bars, for pictures."""
    x, y = _texels()
    grey = 96 + _hash((x + y // 9) // 16, (y + x // 13) // 13, 131) * 2 // 3
    return grey - 60 * ((x - y // 2) % 32 < 3)


def _slats() -> _Grey:
    """Level slats, for doors and baskets."""
    _, y = _texels()
    return NEUTRAL + np.where(y % 16 < 3, -46, 6) + _clouds(16, 4, 6, 141)


_PATTERNS: dict[str, Callable[[], _Grey]] = {
    "plain": _plain,
    "planks": _planks,
    "parquet": _parquet,
    "tiles": _tiles,
    "checker": _checker,
    "carpet": _carpet,
    "brick": _brick,
    "fabric": _fabric,
    "marble": _marble,
    "wood": _wood,
    "plaster": _plaster,
    "stripes": _stripes,
    "leaves": _leaves,
    "ornament": _ornament,
    "landscape": _landscape,
    "abstract": _abstract,
    "slats": _slats,
}

TEXTURES: tuple[str, ...] = tuple(_PATTERNS)
"""Names; `Material.texture` is an index. The first one is plain."""


@cache
def texture_atlas() -> NDArray[np.uint8]:
    """Return (textures, 64, 64) greys; row 0 is v = 0. Read-only, drawn once."""
    atlas = np.stack([np.clip(pattern(), 0, 255).astype(np.uint8) for pattern in _PATTERNS.values()])
    atlas.setflags(write=False)
    return atlas
