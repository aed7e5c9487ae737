"""Texts of viewpoints written in NavGPT's file layout, which `NavGPTTexts` reads."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from navagent.data import load_json
from navagent.errors import RunError
from navagent.geometry import sector
from navagent.perception.panorama_reader import ROWS, Place
from navagent.perception.sectors import SECTORS

IDENTITY = "perceived.json"

_FILES = {
    "observations_list": "{}.json",
    "observations_list_summarized": "{}.json",
    "observations_summarized": "{}_summarized.json",
    "objects_list": "{}.json",
}


class NavGPTFiles:
    """A folder `navgpt/` with four files per building.

    Args:
        root: The data folder that holds it.
        identity: What made the texts, as JSON; texts of another making are not mixed in.

    Raises:
        RunError: The folder holds texts of another making, or cannot be written.
    """

    def __init__(self, root: Path, identity: Mapping[str, Any]) -> None:
        self.folder = root / "navgpt"
        known = self.folder / IDENTITY
        if known.exists():
            if load_json(known, "delete that folder") != json.loads(json.dumps(identity)):
                raise RunError(
                    f"{self.folder} holds texts made by other checkpoints or settings ({IDENTITY} says which): choose "
                    "another folder with --out."
                )
        elif self.folder.exists() and any(self.folder.iterdir()):
            raise RunError(f"{self.folder} holds texts of others (it has no {IDENTITY}): choose another with --out.")
        self._write(known, identity)

    def has(self, scene: str) -> bool:
        """Return whether a building's texts are there, all of them."""
        return all((self.folder / name / file.format(scene)).exists() for name, file in _FILES.items())

    def write(self, scene: str, places: Mapping[str, Place]) -> None:
        """Write a building's texts.

        Args:
            scene: The building.
            places: What is seen at each viewpoint.

        Raises:
            RunError: The folder cannot be written.
        """
        content: dict[str, dict[str, Any]] = {
            "observations_list": {viewpoint: _captions(place) for viewpoint, place in places.items()},
            "observations_list_summarized": {viewpoint: list(place.sentences) for viewpoint, place in places.items()},
            "observations_summarized": {viewpoint: place.summary for viewpoint, place in places.items()},
            "objects_list": {viewpoint: _objects(place) for viewpoint, place in places.items()},
        }
        for name, file in _FILES.items():
            self._write(self.folder / name / file.format(scene), content[name])

    def _write(self, file: Path, content: Any) -> None:
        temporary = file.with_name(file.name + ".part")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(json.dumps(content), encoding="utf-8")
            temporary.replace(file)
        except OSError as error:
            raise RunError(
                f"{file} cannot be written ({error.strerror}): free some space, or choose another --out."
            ) from error


def _captions(place: Place) -> list[str]:
    """Return each sector's captions on lines of their own, named as NavGPT names them."""
    return [
        "\n".join(f"{row}: {caption}" for row, caption in zip(ROWS, views, strict=True))
        if len(views) == len(ROWS)
        else "\n".join(views)
        for views in place.captions
    ]


def _objects(place: Place) -> list[dict[str, dict[str, float]]]:
    """Return each sector's objects by name with heading (degrees) and distance (metres), those of unknown distance not.

    The layout has no place for an unknown distance.
    """
    sectors: list[dict[str, dict[str, float]]] = [{} for _ in range(SECTORS)]
    for thing in place.objects:
        if thing.distance is not None:
            where = {"heading": round(math.degrees(thing.heading) % 360, 2), "distance": round(thing.distance, 2)}
            sectors[sector(thing.heading, SECTORS)].setdefault(thing.name, where)
    return sectors
