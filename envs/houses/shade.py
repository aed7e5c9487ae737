"""From a visibility buffer to pictures: colour, depth, semantic ids."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from envs.houses.jit import Index, kernel, part
from envs.houses.raster import ONE, SLOT_BITS, SLOT_MASK, Keys, aim, draw
from envs.houses.surfaces import TEXTURE_SIZE, Floats, Ints, Surfaces
from envs.houses.textures import NEUTRAL
from envs.houses.workspace import BLOCK, Workspace

LEVELS = 7
"""Sizes of a texture: 64, 32, ... 1 texels; a surface far away shows a small one, which does not flicker."""

_SPACE = 2 * TEXTURE_SIZE * TEXTURE_SIZE
"""Texels that a texture with all its sizes takes; size `level` begins `_SPACE >> 2 * level` before the end."""

_FINE = 256.0
"""Parts of a texel in which texture coordinates are counted, so that a shift to the right rounds down."""

_REPEAT = TEXTURE_SIZE * _FINE

_FALLOFF = 0.06
"""Per metre: light comes from the camera as well, so that a corridor gets darker towards its end."""

_PAINT_BITS = 10
"""Bits of a colour's channel in a packed colour: eight, and two for quarters."""

Texels = NDArray[np.uint8]
Floats32 = NDArray[np.float32]


def shrunken(atlas: NDArray[np.uint8]) -> Texels:
    """Return all sizes of every texture.

    Args:
        atlas: (textures, 64, 64) uint8.

    Returns:
        (textures x 8192,) uint8: of each texture 64 rows of 64 texels, then every size halved, from
        8192 - 8192 / 4 ** level on, in rows.
    """
    sizes, level = np.zeros((len(atlas), _SPACE), np.uint8), atlas.astype(np.float64)
    for k in range(LEVELS):
        start, half = _SPACE - (_SPACE >> 2 * k), TEXTURE_SIZE >> k + 1
        sizes[:, start : start + level[0].size] = np.rint(level).reshape(len(atlas), -1)
        if half:
            level = level.reshape(len(atlas), half, 2, half, 2).mean(axis=(2, 4))
    return sizes.reshape(-1)


@part
def write_depth(keys: Keys, pixels: int, depth: Floats32, at: Index) -> None:
    """Write metres along the optical axis from a place on, 0 where nothing is."""
    for k in range(Index(pixels)):
        near = np.float32(keys[k] >> SLOT_BITS)
        depth[at + k] = np.float32(ONE) / near if near > np.float32(0.0) else np.float32(0.0)


@part
def write_semantic(keys: Keys, pixels: int, ids: Ints, semantic: Ints, at: Index) -> None:
    """Write semantic ids from a place on; `ids`: by slot."""
    for k in range(Index(pixels)):
        semantic[at + k] = ids[Index(keys[k] & SLOT_MASK)]


@part
def _write_maps(scene: Surfaces, camera: Floats, used: int, slots: Ints, maps: Floats32, looks: Ints) -> None:
    """Write what the polygons in sight look like.

    Args:
        scene: The houses.
        camera: From `aim`.
        used: Last slot.
        slots: Polygon per slot.
        maps: (16 x slots,) written: texture coordinates u and v, in parts of a texel, at the camera (0, 1); their
            linear function of picture x, y, times depth: constant (2, 3), along x (4, 5), along y (6, 7); most texels
            that a pixel can be wide, per metre of depth (8).
        looks: (2 x slots,) written: where the texture begins in the atlas, packed colour.
    """
    per_pixel, quarter = 1.0 / camera[12], np.float32(4.0)
    for slot in range(1, used + 1):
        polygon, wide = slots[slot], 0.0
        for m in range(2):
            a, b, c = (
                scene.texels[polygon, 4 * m] * _FINE,
                scene.texels[polygon, 4 * m + 1] * _FINE,
                scene.texels[polygon, 4 * m + 2] * _FINE,
            )
            here = a * camera[0] + b * camera[1] + c * camera[2] + scene.texels[polygon, 4 * m + 3] * _FINE
            along_x = (a * camera[3] + b * camera[4] + c * camera[5]) * per_pixel
            along_y = -(a * camera[6] + b * camera[7] + c * camera[8]) * per_pixel
            ahead = a * camera[9] + b * camera[10] + c * camera[11]
            maps[16 * slot + m] = here - np.floor(here / _REPEAT) * _REPEAT
            maps[16 * slot + 2 + m] = ahead + along_x * (0.5 - camera[13]) + along_y * (0.5 - camera[14])
            maps[16 * slot + 4 + m] = along_x
            maps[16 * slot + 6 + m] = along_y
            wide = max(wide, abs(along_x), abs(along_y))
        maps[16 * slot + 8] = wide / _FINE
        looks[2 * slot] = scene.texture[polygon] * _SPACE
        packed = 0
        for m in range(3):
            packed |= int(scene.paint[polygon, m] * quarter) << _PAINT_BITS * m
        looks[2 * slot + 1] = packed


@part
def _begin_row(keys: Keys, at: Index, width: int, row_slots: Ints, row_depth: Floats32, row_light: Floats32) -> None:
    """Write slot, depth and light of a row that begins at a place; where nothing is, all are 0."""
    for k in range(Index(width)):
        row_slots[k] = np.int32(keys[at + k] & SLOT_MASK)
        near = np.float32(keys[at + k] >> SLOT_BITS) * np.float32(1.0 / ONE)
        row_depth[k] = np.float32(1.0) / near if near > np.float32(0.0) else np.float32(0.0)
        row_light[k] = near / (near + np.float32(_FALLOFF))


@part
def _find_texels(
    row: np.float32,
    width: int,
    maps: Floats32,
    looks: Ints,
    row_slots: Ints,
    row_depth: Floats32,
    row_texels: Ints,
    row_paint: Ints,
) -> None:
    """Write where the texel of every pixel of a row lies, and its packed colour, polygon by polygon in blocks.

    The last block of a polygon overhangs into the next one, which writes its own there.
    """
    start, last = Index(0), Index(width)
    while start < last:
        slot = row_slots[start]
        end = start + Index(1)
        while end < last and row_slots[end] == slot:
            end += Index(1)
        look = Index(2) * Index(slot)
        while start < end:
            middle = min(start + Index(BLOCK // 2), end - Index(1))
            _find_block(
                start, row, row_depth[middle], Index(16) * Index(slot), maps, looks[look], row_depth, row_texels
            )
            for k in range(Index(BLOCK)):
                row_paint[start + k] = looks[look + Index(1)]
            start += Index(BLOCK)
        start = end


@part
def _level(texels: np.float32) -> np.int32:
    """Which size of the texture has about one texel per pixel: 0 is the largest."""
    level: np.int32 = np.int32(0)
    while texels > np.float32(1.5) and level < np.int32(LEVELS - 1):
        texels *= np.float32(0.5)
        level += np.int32(1)
    return level


@part
def _find_block(
    start: Index,
    row: np.float32,
    distance: np.float32,
    at: Index,
    maps: Floats32,
    texture: np.int32,
    row_depth: Floats32,
    row_texels: Ints,
) -> None:
    """Write the texels of a block, in one size of the texture, perspective-correct at each pixel."""
    level = _level(maps[at + Index(8)] * distance)
    first = texture + np.int32(_SPACE) - (np.int32(_SPACE) >> np.int32(2) * level)
    mask, up, down = np.int32((TEXTURE_SIZE - 1) >> level), np.int32(6 - level), np.int32(8 + level)
    u0, v0 = maps[at], maps[at + Index(1)]
    u1, v1 = maps[at + Index(2)] + maps[at + Index(6)] * row, maps[at + Index(3)] + maps[at + Index(7)] * row
    u2, v2 = maps[at + Index(4)], maps[at + Index(5)]
    left = np.float32(start)
    for k in range(Index(BLOCK)):
        x, depth = left + np.float32(np.int32(k)), row_depth[start + k]
        u = np.int32(u0 + (u1 + u2 * x) * depth) >> down
        v = np.int32(v0 + (v1 + v2 * x) * depth) >> down
        row_texels[start + k] = first + ((v & mask) << up) + (u & mask)


@part
def _light_row(width: int, atlas: Texels, row_texels: Ints, row_light: Floats32) -> None:
    """Multiply the light of a row by the texels' grey."""
    for k in range(Index(width)):
        row_light[k] *= np.float32(atlas[Index(row_texels[k])])


@part
def _paint_row(width: int, row_paint: Ints, row_light: Floats32, rgb: NDArray[np.uint8], at: Index) -> None:
    """Write red, green, blue of a row from a place on."""
    mask, most, scale = np.int32((1 << _PAINT_BITS) - 1), np.float32(255.0), np.float32(0.25 / NEUTRAL)
    for k in range(Index(width)):
        paint, light, pixel = row_paint[k], row_light[k] * scale, at + Index(3) * k
        red, green, blue = paint & mask, (paint >> _PAINT_BITS) & mask, paint >> 2 * _PAINT_BITS
        rgb[pixel] = np.uint8(np.int32(min(np.float32(red) * light, most)))
        rgb[pixel + Index(1)] = np.uint8(np.int32(min(np.float32(green) * light, most)))
        rgb[pixel + Index(2)] = np.uint8(np.int32(min(np.float32(blue) * light, most)))


@part
def write_rgb(
    scene: Surfaces,
    camera: Floats,
    used: int,
    width: int,
    height: int,
    atlas: Texels,
    space: Workspace,
    rgb: NDArray[np.uint8],
    at: Index,
) -> None:
    """Write red, green, blue of a picture from a place on, black where nothing is."""
    maps, looks, slots, depth, light = space.maps, space.looks, space.row_slots, space.row_depth, space.row_light
    texels, paint = space.row_texels, space.row_paint
    _write_maps(scene, camera, used, space.slots, maps, looks)
    for row in range(height):
        pixel = Index(row * width)
        _begin_row(space.keys, pixel, width, slots, depth, light)
        _find_texels(np.float32(row), width, maps, looks, slots, depth, texels, paint)
        _light_row(width, atlas, texels, light)
        _paint_row(width, paint, light, rgb, at + Index(3) * pixel)


@kernel
def render_views(
    scene: Surfaces,
    atlas: Texels,
    houses: Ints,
    poses: Floats,
    first: int,
    last: int,
    width: int,
    height: int,
    hfov: float,
    doors: bool,
    space: Workspace,
    rgb: NDArray[np.uint8],
    depth: Floats32,
    semantic: Ints,
) -> None:
    """Render views first to last; a sensor's empty array is not wanted.

    Args:
        scene: The houses.
        atlas: From `shrunken`.
        houses: (N,) index of the house.
        poses: (N, 5): x, y, z in metres, heading and elevation in radians.
        first: First view.
        last: Last view + 1.
        width: Pixels.
        height: Pixels.
        hfov: Radians.
        doors: Whether to skip rooms that no chain of doors shows.
        space: From `envs.houses.workspace.workspace`, for these houses and this size.
        rgb: (N x height x width x 3 or 0,), written.
        depth: (N x height x width or 0,), written.
        semantic: (N x height x width or 0,), written.
    """
    camera, pixels, ids = space.camera, width * height, space.ids
    for k in range(first, last):
        aim(poses, k, width, height, hfov, camera)
        used = draw(scene, houses[k], camera, width, height, doors, space)
        at = Index(k * pixels)
        if len(depth):
            write_depth(space.keys, pixels, depth, at)
        if len(semantic):
            ids[0] = -1
            for slot in range(1, used + 1):
                ids[slot] = scene.instance[space.slots[slot]]
            write_semantic(space.keys, pixels, ids, semantic, at)
        if len(rgb):
            write_rgb(scene, camera, used, width, height, atlas, space, rgb, Index(3) * at)
