"""The texts that NavGPT's authors made of every Matterport3D viewpoint."""

from __future__ import annotations

import math
import threading
from pathlib import Path
from typing import Any, ClassVar

from navagent.contracts import Describer
from navagent.data import data_root, fingerprint, load_json
from navagent.errors import DataError
from navagent.perception.sectors import SECTORS, describe_sectors, turn
from navagent.types import Description, Observation, SeenObject


class NavGPTTexts(Describer):
    """BLIP-2 captions, their GPT-3.5 summaries, and detected objects within 3 m, per viewpoint and 45-degree sector.

    From GengzeZhou/NavGPT. Headings in the files are world headings; every sector is taken modulo 8.

    Args:
        data_dir: The data folder; by default $NAVAGENT_DATA, else ./data.
        captions: Give the raw captions (down, middle, top) instead of their one-sentence summaries.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"viewpoint", "pose"})

    def __init__(self, data_dir: str | None = None, captions: bool = False) -> None:
        self._folder = data_root(data_dir) / "navgpt"
        if not self._folder.is_dir():
            raise DataError(f"{self._folder} is missing: `navagent doctor` says where to get NavGPT's texts.")
        self._captions = captions
        self._scans: dict[str, dict[str, Description]] = {}
        self._lock = threading.Lock()

    def describe(self, observation: Observation) -> Description:
        """Return the viewpoint's texts, turned to the agent's heading.

        Raises:
            DataError: The scan's files are absent or damaged, or do not know the viewpoint.
        """
        assert observation.pose is not None
        assert observation.viewpoint is not None
        with self._lock:
            if observation.scene not in self._scans:
                self._scans[observation.scene] = self._load(observation.scene)
            places = self._scans[observation.scene]
        if observation.viewpoint not in places:
            raise DataError(f"{self._folder} has no text for viewpoint {observation.viewpoint} of {observation.scene}.")
        return turn(places[observation.viewpoint], observation.pose.heading)

    def fingerprints(self) -> dict[str, str]:
        """Return the sha256 of all texts that the describer may read."""
        return {"navgpt": fingerprint(file for folder in self._folders() for file in folder.glob("*.json"))}

    def _folders(self) -> tuple[Path, Path, Path]:
        sectors = "observations_list" if self._captions else "observations_list_summarized"
        return self._folder / "observations_summarized", self._folder / sectors, self._folder / "objects_list"

    def _load(self, scan: str) -> dict[str, Description]:
        whole, sectors, things = self._folders()
        summaries = load_json(whole / f"{scan}_summarized.json")
        texts, objects = (load_json(folder / f"{scan}.json") for folder in (sectors, things))
        try:
            return {
                viewpoint: describe_sectors(summary, _texts(texts[viewpoint]), seen_objects(objects[viewpoint]))
                for viewpoint, summary in summaries.items()
            }
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise DataError(
                f"NavGPT's texts of scan {scan} do not fit together ({error!r}): fetch them again."
            ) from error


def _texts(texts: list[str]) -> list[str]:
    if len(texts) != SECTORS:
        raise ValueError(f"{len(texts)} directions instead of {SECTORS}")
    return [text.strip().replace("\n", "; ") for text in texts]


def seen_objects(sectors: list[dict[str, dict[str, Any]]]) -> list[SeenObject]:
    """Return a viewpoint's entry of `objects_list`: per sector, by name, heading in degrees and distance in metres."""
    return [
        SeenObject(name, math.radians(where["heading"]), float(where["distance"]))
        for sector in sectors
        for name, where in sector.items()
    ]
