"""Descriptions stored in world headings, turned to face where the agent faces."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from navagent.geometry import sector, wrap
from navagent.types import Description, Direction, SeenObject

SECTORS = 8
"""NavGPT's directions: 45 degrees each, sector k centred on world heading 45k degrees (NavGPT, Zhou et al. 2023)."""


def describe_sectors(summary: str, texts: Sequence[str], objects: Sequence[SeenObject]) -> Description:
    """Return a description in world headings: one text per sector, each object in the sector that it lies in."""
    inside: list[list[SeenObject]] = [[] for _ in range(SECTORS)]
    for seen in objects:
        inside[sector(seen.heading, SECTORS)].append(seen)
    width = 2 * math.pi / SECTORS
    return Description(
        summary,
        tuple(Direction(wrap(k * width), width, text, tuple(inside[k])) for k, text in enumerate(texts)),
    )


def turn(description: Description, heading: float) -> Description:
    """Return a description in world headings as seen by an agent that faces `heading` (radians)."""
    return Description(
        description.summary,
        tuple(
            Direction(
                wrap(direction.heading - heading),
                direction.width,
                direction.text,
                tuple(replace(seen, heading=wrap(seen.heading - heading)) for seen in direction.objects),
            )
            for direction in description.directions
        ),
    )
