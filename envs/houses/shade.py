"""From a visibility buffer to pictures: colour, depth, semantic ids."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from envs.houses.jit import kernel
from envs.houses.raster import ONE, SLOT_BITS, SLOT_MASK, Keys, aim, draw
from envs.houses.surfaces import TEXTURE_SIZE, Floats, Ints, Surfaces

LEVELS = 7
"""Sizes of a texture: 64, 32, ... 1 texels; a surface far away shows a small one, which does not flicker."""

STRETCH = 16
"""Pixels of a span that share a texture size and along which light changes linearly."""

_FALLOFF = 0.06
"""Per metre: light comes from the camera as well, so that a corridor gets darker towards its end."""

Texels = NDArray[np.uint8]


def shrunken(atlas: NDArray[np.uint8]) -> Texels:
    """Return all sizes of every texture.

    Args:
        atlas: (textures, 64, 64) uint8.

    Returns:
        (textures, 4096 + 1024 + ... + 1) uint8, each size in rows.
    """
    sizes, level = [], atlas.astype(np.float64)
    for _ in range(LEVELS):
        sizes.append(np.rint(level).astype(np.uint8).reshape(len(atlas), -1))
        half = level.shape[1] // 2
        if half:
            level = level.reshape(len(atlas), half, 2, half, 2).mean(axis=(2, 4))
    return np.concatenate(sizes, axis=1)


@kernel
def write_depth(keys: Keys, depth: NDArray[np.float32]) -> None:
    """Write (pixels,) metres along the optical axis, 0 where nothing is."""
    for k in range(len(keys)):
        near = keys[k] >> SLOT_BITS
        depth[k] = np.float32(ONE) / np.float32(near) if near > 0 else np.float32(0.0)


@kernel
def write_semantic(keys: Keys, slots: Ints, instance: Ints, semantic: Ints) -> None:
    """Write (pixels,) semantic ids, -1 where nothing is."""
    last, value = np.int64(0), np.int32(-1)
    for k in range(len(keys)):
        slot = keys[k] & SLOT_MASK
        if slot != last:
            last = slot
            value = instance[slots[slot]] if slot else np.int32(-1)
        semantic[k] = value


@kernel
def _affine(coefficients: Floats, camera: Floats, out: Floats) -> None:
    """Write an affine function of the place as value at the camera and linear function of picture x, y, times depth."""
    a, b, c = coefficients[0], coefficients[1], coefficients[2]
    out[0] = a * camera[0] + b * camera[1] + c * camera[2] + coefficients[3]
    out[2] = (a * camera[3] + b * camera[4] + c * camera[5]) / camera[12]
    out[3] = -(a * camera[6] + b * camera[7] + c * camera[8]) / camera[12]
    out[1] = a * camera[9] + b * camera[10] + c * camera[11] + out[2] * (0.5 - camera[13]) + out[3] * (0.5 - camera[14])


@kernel
def write_rgb(
    scene: Surfaces,
    camera: Floats,
    keys: Keys,
    slots: Ints,
    used: int,
    width: int,
    atlas: Texels,
    rgb: NDArray[np.uint8],
) -> None:
    """Write (pixels, 3) colours, black where nothing is."""
    maps = np.empty((used + 1, 8), np.float64)
    for slot in range(1, used + 1):
        if scene.texture[slots[slot]] > 0:
            _affine(scene.texels[slots[slot], 0:4], camera, maps[slot, 0:4])
            _affine(scene.texels[slots[slot], 4:8], camera, maps[slot, 4:8])
    start = 0
    while start < len(keys):
        slot = keys[start] & SLOT_MASK
        row = start // width
        most, end = min((row + 1) * width, start + STRETCH), start + 1
        while end < most and keys[end] & SLOT_MASK == slot:
            end += 1
        polygon = slots[slot]
        if slot == 0:
            rgb[start:end] = 0
        elif scene.texture[polygon] == 0:
            _plain(keys, start, end, scene.paint[polygon], rgb)
        else:
            x, y = start - row * width, row
            _textured(keys, start, end, x, y, maps[slot], scene.paint[polygon], atlas[scene.texture[polygon]], rgb)
        start = end


@kernel
def _inverse(key: np.int64) -> np.float32:
    """1 / depth of a key."""
    inverse: np.float32 = np.float32(key >> SLOT_BITS) * np.float32(1.0 / ONE)
    return inverse


@kernel
def _light(inverse: np.float32) -> np.float32:
    """Share of the light that is left at 1 / depth."""
    light: np.float32 = inverse / (inverse + np.float32(_FALLOFF))
    return light


@kernel
def _plain(keys: Keys, start: int, end: int, paint: NDArray[np.float32], rgb: NDArray[np.uint8]) -> None:
    """Colour a stretch without texture."""
    first, last = _light(_inverse(keys[start])), _light(_inverse(keys[end - 1]))
    step = (last - first) / np.float32(max(end - 1 - start, 1))
    for k in range(end - start):
        light = first + step * np.float32(k)
        rgb[start + k, 0] = np.uint8(paint[0] * light)
        rgb[start + k, 1] = np.uint8(paint[1] * light)
        rgb[start + k, 2] = np.uint8(paint[2] * light)


@kernel
def _level(maps: Floats, x: float, y: float, depth: float) -> int:
    """Which size of the texture has about one texel per pixel: 0 is the largest."""
    wide = 0.0
    for m in (0, 4):
        at = maps[m + 1] + maps[m + 2] * x + maps[m + 3] * y
        wide = max(wide, abs(maps[m + 2]), abs(maps[m + 3])) if at == at else wide
    texels, level = wide * depth, 0
    while texels > 1.5 and level < LEVELS - 1:
        texels *= 0.5
        level += 1
    return level


@kernel
def _textured(
    keys: Keys,
    start: int,
    end: int,
    x: int,
    y: int,
    maps: Floats,
    paint: NDArray[np.float32],
    texture: Texels,
    rgb: NDArray[np.uint8],
) -> None:
    """Colour a stretch with texture, perspective-correct at each pixel."""
    near, far = _inverse(keys[start]), _inverse(keys[end - 1])
    first, last = _light(near), _light(far)
    step = (last - first) / np.float32(max(end - 1 - start, 1))
    level = _level(maps, x, y, 2.0 / (near + far))
    size = TEXTURE_SIZE >> level
    shift, mask = 6 - level, size - 1
    base = (4 * (TEXTURE_SIZE * TEXTURE_SIZE - size * size)) // 3
    shrink = 1.0 / (1 << level)
    u0, v0 = np.float32(maps[0] * shrink), np.float32(maps[4] * shrink)
    us, vs = (
        np.float32((maps[1] + maps[2] * x + maps[3] * y) * shrink),
        np.float32((maps[5] + maps[6] * x + maps[7] * y) * shrink),
    )
    du, dv = np.float32(maps[2] * shrink), np.float32(maps[6] * shrink)
    for k in range(end - start):
        depth = np.float32(1.0) / _inverse(keys[start + k])
        u = int(math.floor(u0 + (us + du * np.float32(k)) * depth)) & mask
        v = int(math.floor(v0 + (vs + dv * np.float32(k)) * depth)) & mask
        light = (first + step * np.float32(k)) * np.float32(texture[base + (v << shift) + u]) * np.float32(1.0 / 128.0)
        rgb[start + k, 0] = np.uint8(min(paint[0] * light, np.float32(255.0)))
        rgb[start + k, 1] = np.uint8(min(paint[1] * light, np.float32(255.0)))
        rgb[start + k, 2] = np.uint8(min(paint[2] * light, np.float32(255.0)))


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
    keys: Keys,
    scratch: Floats,
    rgb: NDArray[np.uint8],
    depth: NDArray[np.float32],
    semantic: Ints,
) -> None:
    """Render views first to last; a sensor's array without rows is not wanted.

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
        keys: (height x width,) space.
        scratch: Space, see `draw`.
        rgb: (N or 0, height x width, 3), written.
        depth: (N or 0, height x width), written.
        semantic: (N or 0, height x width), written.
    """
    camera, slots = np.empty(16), np.zeros(SLOT_MASK + 1, np.int32)
    for k in range(first, last):
        aim(poses[k, 0:3], poses[k, 3], poses[k, 4], width, height, hfov, camera)
        keys[:] = 0
        used = draw(scene, houses[k], camera, width, height, doors, keys, slots, scratch)
        if len(depth):
            write_depth(keys, depth[k])
        if len(semantic):
            write_semantic(keys, slots, scene.instance, semantic[k])
        if len(rgb):
            write_rgb(scene, camera, keys, slots, used, width, atlas, rgb[k])
