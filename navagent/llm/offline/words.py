"""Words as the offline rules compare them: stems, synonyms, and how much a shared one says."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import groupby

STRONG_WEIGHT, WEAK_WEIGHT = 1.5, 0.5
"""Other landmarks count 1; fitted on R2R train with the weights of `ranking`."""

_GROUPS = """
    arch archway, balcony patio porch deck terrace, bathroom bath restroom washroom toilet sink shower, bed bedroom,
    building, cabinet cupboard, ceiling, chair armchair stool seat, closet wardrobe, counter countertop, desk office,
    dining dinner, door doorway entrance entryway entry opening, hallway hall corridor foyer passage walkway,
    living lounge, picture photo painting artwork, pillar column, plant planter pot potted, refrigerator fridge,
    rail railing banister bannister, rug carpet, sofa couch sectional loveseat, stove oven, television tv, tub bathtub,
    stair stairway staircase stairwell step upstair downstair flight landing"""
_SYNONYMS = {word: group.split()[0] for group in _GROUPS.split(",") for word in group.split()}
_SILENT = frozenset(
    """a an the of to in on at by with and or is are be it its you your this that there into onto from for as up down
    through past out toward towards turn go walk head move continue proceed take make enter exit leave keep stop wait
    stand left right straight forward ahead around front back behind before after until once when then all way re will
    see will just so not do first second third next near side other one two three between across over under along scene
    depict view seen show feature different angle various including several small large room area top middle bottom end
    reach pass get face inside outside slight slightly immediately where which has have can them hard far direction
    again both each while their""".split()  # noqa: SIM905
)
# On train, a shared room name tells the true direction from others far better than what every room has.
_STRONG = frozenset({"bathroom", "closet", "fireplace", "hallway", "kitchen", "refrigerator", "stair"})
_WEAK = frozenset("floor house lead light living rug table wall white window wooden".split())  # noqa: SIM905


def stems(text: str) -> frozenset[str]:
    """Return the stems of all words that name something."""
    return frozenset(stem for word in re.findall(r"[a-z]+", text.lower()) if (stem := _stem(word)))


def names(text: str) -> list[str]:
    """Return what a text names: runs of words with a stem, as they are written."""
    return [
        " ".join(run) for named, run in groupby(re.findall(r"[a-z]+", text.lower()), lambda w: bool(_stem(w))) if named
    ]


@lru_cache(maxsize=20_000)
def _stem(word: str) -> str:
    if word in _SILENT or len(word) < 2:
        return ""
    if word not in _SYNONYMS:
        word = re.sub(r"(?<=\w{3})(?:ing|(?<=[sxh])es|(?<!s)s|ed)$", "", word)
    word = _SYNONYMS.get(word, word)
    return "" if word in _SILENT else word


def weight(words: Iterable[str]) -> float:
    """Return how much shared stems say."""
    return sum(STRONG_WEIGHT if word in _STRONG else WEAK_WEIGHT if word in _WEAK else 1.0 for word in words)
