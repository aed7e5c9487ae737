"""How many tokens a picture is expected to cost, for the budget.

OpenAI's two rules (platform.openai.com/docs/guides/images-vision, "Calculating costs"):

* Tiles (gpt-4o, gpt-4.1 and the like): at low detail a base. At high detail the picture is scaled to fit into
  2048 x 2048, then so that its shorter side is at most 768, and each 512 x 512 tile adds to the base.
* Patches (the mini and nano models since gpt-4.1): the patches of 32 x 32 that cover it, at most 1,536, times a factor;
  `detail` changes nothing.
"""

from __future__ import annotations

import math
import re

from navagent.types import Image

TILES = {"gpt-4o": (85, 170), "gpt-4.1": (85, 170), "gpt-4o-mini": (2833, 5667)}
"""Tokens of the base and of each tile."""

PATCHES = {"gpt-4.1-mini": 1.62, "gpt-4.1-nano": 2.46, "o4-mini": 1.72, "gpt-5-mini": 1.62, "gpt-5-nano": 2.46}
"""Tokens per patch."""

_FIT, _SHORT, _TILE = 2048, 768, 512
_PATCH, _MOST_PATCHES = 32, 1536
_DATE = re.compile(r"-\d{4}-\d{2}-\d{2}$")


def image_tokens(image: Image, model: str | None = None) -> int:
    """Return what a picture is expected to cost; for a model of unknown rule, the dearer one of both.

    gpt-4o-mini's own numbers, 33 times the others', count for itself only.
    """
    name = _DATE.sub("", model or "")
    if name in PATCHES:
        return _by_patches(image, PATCHES[name])
    if name in TILES:
        return _by_tiles(image, *TILES[name])
    return max(_by_tiles(image, *TILES["gpt-4o"]), _by_patches(image, max(PATCHES.values())))


def _by_tiles(image: Image, base: int, each: int) -> int:
    if image.detail == "low":
        return base
    scale = min(1.0, _FIT / max(image.width, image.height))
    scale = min(scale, _SHORT / min(image.width, image.height))
    across, down = (math.ceil(round(side * scale, 3) / _TILE) for side in (image.width, image.height))
    return base + each * across * down


def _by_patches(image: Image, each: float) -> int:
    patches = math.ceil(image.width / _PATCH) * math.ceil(image.height / _PATCH)
    return math.ceil(min(patches, _MOST_PATCHES) * each)
