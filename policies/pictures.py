"""Which pictures of a panorama a planner sends, and how its text speaks of them.

A description's directions name the pictures taken there ("picture 2"), and each picture's label names the candidates
that lie in it, so every prompt that tells the surroundings fits pictures without a word of its own.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from navagent.contracts import ChatModel
from navagent.errors import ConfigError
from navagent.geometry import wrap
from navagent.images import encode
from navagent.types import Candidate, Description, Detail, Image, Observation, View
from policies.surroundings import NAMES, side

Sight: TypeAlias = Literal["text", "image", "both"]
"""What a planner tells its model of the surroundings: words, pictures, or both."""

_NAMED = re.compile(r"\bpicture (\d+)")


@dataclass(frozen=True)
class Pictures:
    """Which pictures go to the model.

    One picture at low detail per place is MapGPT's way (Chen et al. 2024); OpenAI bills 85 tokens for each then.

    Attributes:
        of: The level views towards the candidates, one per view however many lie in it; or eight level views all
            around, 45 degrees apart.
        size: Pixels of the longer side at most. OpenAI's low detail looks at 512.
        detail: How closely the model looks; more costs more tokens (`navagent.llm.image_tokens`).
    """

    of: Literal["candidates", "sectors"] = "candidates"
    size: int = 512
    detail: Detail = "low"

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ConfigError(f"pictures.size must be at least 1 pixel, not {self.size}.")


def check_sight(llm: ChatModel, sight: Sight) -> None:
    """Refuse to send pictures to a model that sees none.

    Raises:
        ConfigError: It sees none.
    """
    if sight != "text" and not llm.sees_images:
        raise ConfigError(f"{llm.name} sees no pictures: use --policy.view text, or a model that sees.")


def look(
    observation: Observation, description: Description, options: Pictures, sight: Sight
) -> tuple[Description, tuple[Image, ...]]:
    """Return the pictures to send, clockwise from the front, and the description with directions that name them.

    Args:
        observation: What is seen, with its panorama.
        description: It in words; those are left out where pictures stand in their place.
        options: Which pictures.
        sight: Whether words stand beside the pictures.

    Raises:
        ConfigError: The panorama holds no colour pictures.
    """
    views = _chosen(observation, options.of)
    inside: list[list[Candidate]] = [[] for _ in views]
    for candidate in observation.candidates or ():
        inside[_nearest([view.heading for view in views], candidate.heading)].append(candidate)
    there: list[list[int]] = [[] for _ in description.directions]
    for number, view in enumerate(views, start=1):
        there[_nearest([way.heading for way in description.directions], view.heading)].append(number)
    directions = tuple(
        replace(way, text=_text(way.text, numbers, sight))
        for way, numbers in zip(description.directions, there, strict=True)
    )
    images = tuple(_image(number, view, inside[number - 1], options) for number, view in enumerate(views, start=1))
    return replace(description, directions=directions), images


def named(text: str, images: Sequence[Image]) -> tuple[Image, ...]:
    """Return the pictures that a text names, so that a prompt about one direction does not carry the others'."""
    numbers = {int(number) for number in _NAMED.findall(text)}
    return tuple(image for number, image in enumerate(images, start=1) if number in numbers)


def _chosen(observation: Observation, of: Literal["candidates", "sectors"]) -> list[View]:
    """Return the views to send, clockwise from the front."""
    seen = [view for view in observation.panorama or () if view.rgb is not None]
    if not seen:
        raise ConfigError("The environment's panorama holds no colour pictures (rgb): use --policy.view text.")
    flattest = min(abs(view.elevation) for view in seen)
    level = [view for view in seen if abs(view.elevation) <= flattest + 1e-6]
    headings = [view.heading for view in level]
    if of == "candidates":
        wanted = [candidate.heading for candidate in observation.candidates or ()]
    else:
        wanted = [k * math.tau / len(NAMES) for k in range(len(NAMES))]
    # A view a hair left of the front is the front's, not the last one round.
    return [
        level[i] for i in sorted({_nearest(headings, h) for h in wanted}, key=lambda i: (headings[i] + 1e-6) % math.tau)
    ]


def _nearest(headings: Sequence[float], heading: float) -> int:
    return min(range(len(headings)), key=lambda i: round(abs(wrap(heading - headings[i])), 6))


def _text(words: str, numbers: Sequence[int], sight: Sight) -> str:
    pictures = " and ".join(f"picture {number}" for number in numbers)
    if sight == "image":
        return f"see {pictures}" if pictures else "no picture"
    return f"{words or 'nothing described'} ({pictures})" if pictures else words


def _image(number: int, view: View, candidates: Sequence[Candidate], options: Pictures) -> Image:
    """Return an encoded view whose label says which way it looks and what lies in it."""
    assert view.rgb is not None
    ways = "; ".join(f"{candidate.id} ({side(candidate.heading)})" for candidate in candidates)
    label = f"Picture {number}, centre {side(view.heading)}{f', towards {ways}' if ways else ''}:"
    try:
        return encode(view.rgb, options.size, label, options.detail)
    except ValueError as error:
        raise ConfigError(f"View {view.index} of the environment's panorama cannot be sent: {error}.") from error
