"""A panorama in NavGPT's words: captions of eight directions, three elevations each, and objects with distances."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from navagent.contracts import Shared
from navagent.errors import ConfigError
from navagent.geometry import sector, wrap
from navagent.perception.captioner import Captioner
from navagent.perception.detector import Detection, Detector
from navagent.perception.picture_map import RGB
from navagent.perception.rays import box_distance, focal_length, heading_offset
from navagent.perception.scorer import Scorer
from navagent.perception.sectors import SECTORS
from navagent.types import SeenObject, View

ROOMS: tuple[str, ...] = (
    *(
        "bathroom",
        "bedroom",
        "closet",
        "dining room",
        "entryway",
        "garage",
        "gym",
        "hallway",
        "kitchen",
        "laundry room",
    ),
    *("library", "living room", "lounge", "office", "outdoor area", "staircase", "utility room"),
)
"""Kinds of rooms that a scorer chooses from."""

_ROOM = "a photo of a {}"
"""CLIP's prompt (Radford et al. 2021)."""

ROWS = ("down", "middle", "top")
"""NavGPT's names of the three elevations, in its files' order."""

TOLD = 3
"""Captions that the summary of a place without a scorer repeats."""


@dataclass(frozen=True)
class Place:
    """A place in words, in world headings.

    Attributes:
        captions: For each of the eight sectors, the captions of its views, lowest first.
        sentences: For each sector, the caption of its level view.
        summary: The whole place in one phrase.
        objects: What was detected, each at its world heading, nearest first.
    """

    captions: tuple[tuple[str, ...], ...]
    sentences: tuple[str, ...]
    summary: str
    objects: tuple[SeenObject, ...]


class PanoramaReader(Shared):
    """Reads panoramas with vision models; called from many threads at once.

    Args:
        captioner: Describes views.
        detector: Finds objects; without one there are none.
        scorer: Names the kind of room; without one the summary repeats the first captions.
        reach: Objects farther away than this are left out, metres (NavGPT lists those within 3 m). Without depth
            every object counts, its distance unknown.
    """

    def __init__(
        self, captioner: Captioner, detector: Detector | None = None, scorer: Scorer | None = None, reach: float = 3.0
    ) -> None:
        if not reach > 0:
            raise ConfigError(f"reach must be above 0 metres, not {reach}.")
        self.captioner = captioner
        self.detector = detector
        self.scorer = scorer
        self.reach = reach

    @property
    def sensors(self) -> tuple[str, ...]:
        """What the panorama must hold."""
        return ("rgb",) if self.detector is None else ("rgb", "depth")

    def read(self, views: Sequence[View], facing: float) -> Place:
        """Return a place in words.

        Args:
            views: Its panorama.
            facing: Which way the agent faces, radians, which the views' headings are relative to.

        Raises:
            ConfigError: The panorama holds no colour pictures, or the memory does not hold a model at work.
        """
        seen = [view for view in views if view.rgb is not None]
        if not seen:
            raise ConfigError("The environment's panorama holds no colour pictures (rgb).")
        wanted = [_towards(seen, k * math.tau / SECTORS, facing) for k in range(SECTORS)]
        flat = [view for column in wanted for view in column]
        texts = iter(self.captioner.captions([_rgb(view) for view in flat]))
        captions = tuple(tuple(next(texts) for _ in column) for column in wanted)
        levels = [min(range(len(column)), key=lambda i: abs(column[i].elevation)) for column in wanted]
        sentences = tuple(column[level] for column, level in zip(captions, levels, strict=True))
        level_views = [column[level] for column, level in zip(wanted, levels, strict=True)]
        return Place(captions, sentences, self._summary(level_views, sentences), self._objects(seen, facing))

    def _summary(self, views: Sequence[View], sentences: Sequence[str]) -> str:
        if self.scorer is None:
            return "; ".join([text for text in dict.fromkeys(sentences) if text][:TOLD])
        pictures = [_rgb(view) for view in views]
        fit = self.scorer.similarity(pictures, [_ROOM.format(room) for room in ROOMS])
        return f"a {ROOMS[int(np.argmax(fit.mean(axis=0)))]}"

    def _objects(self, views: Sequence[View], facing: float) -> tuple[SeenObject, ...]:
        """Return detections within reach; of one name in one sector the nearest, as NavGPT's files hold one."""
        if self.detector is None:
            return ()
        nearest: dict[tuple[str, int], SeenObject] = {}
        found = self.detector.detect([_rgb(view) for view in views])
        placed = [_placed(each, view, facing) for view, some in zip(views, found, strict=True) for each in some]
        for thing in sorted(placed, key=_away):
            if thing.distance is None or thing.distance <= self.reach:
                nearest.setdefault((thing.name, sector(thing.heading, SECTORS)), thing)
        return tuple(nearest.values())


def _away(thing: SeenObject) -> float:
    return math.inf if thing.distance is None else thing.distance


def _towards(views: Sequence[View], heading: float, facing: float) -> list[View]:
    """Return the view of each elevation nearest to a world heading, lowest first.

    R2R's views lie 30 degrees apart and show 75: the nearest one covers a 45-degree sector whole.
    """
    rows: dict[float, list[View]] = {}
    for view in views:
        rows.setdefault(round(view.elevation, 3), []).append(view)
    return [
        min(row, key=lambda view: round(abs(wrap(view.heading + facing - heading)), 6))
        for _, row in sorted(rows.items())
    ]


def _placed(found: Detection, view: View, facing: float) -> SeenObject:
    """Return a detection at its world heading; without an angle of view, at its picture's centre."""
    assert view.rgb is not None
    height, width = view.rgb.shape[:2]
    if view.hfov is None:
        return SeenObject(found.name, wrap(view.heading + facing))
    left, top, right, bottom = found.box
    focal = focal_length(width, view.hfov)
    offset = heading_offset((left + right - width) / 2, (height - top - bottom) / 2, focal, view.elevation)
    distance = None if view.depth is None else box_distance(found.box, view.depth, view.hfov)
    return SeenObject(found.name, wrap(view.heading + offset + facing), distance)


def _rgb(view: View) -> RGB:
    assert view.rgb is not None
    return view.rgb
