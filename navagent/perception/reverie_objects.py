"""REVERIE's annotated objects and Matterport3D's room labels, put into words."""

from __future__ import annotations

import math
import threading
from typing import Any, ClassVar

from navagent.contracts import Describer
from navagent.data import data_root, fingerprint, load_json
from navagent.errors import DataError
from navagent.geometry import view_direction, wrap
from navagent.perception.rays import heading_offset
from navagent.perception.room_labels import RoomLabels, without_note
from navagent.perception.sectors import SECTORS, describe_sectors, turn
from navagent.types import Description, Observation, SeenObject

IMAGE_WIDTH, IMAGE_HEIGHT = 640, 480
FOCAL = IMAGE_HEIGHT / 2 / math.tan(math.radians(30))
"""Pixels: REVERIE's boxes are drawn on 640 x 480 pictures with a vertical field of view of 60 degrees."""


class ReverieObjects(Describer):
    """Annotated objects within 3 m (REVERIE's BBox files) and the viewpoint's room label: ground truth, privileged.

    An object's direction is that of its box in the view where the box lies nearest the picture's centre. The files
    give no distance.

    Args:
        data_dir: The data folder; by default $NAVAGENT_DATA, else ./data.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"viewpoint", "pose"})
    privileged: ClassVar[bool] = True

    def __init__(self, data_dir: str | None = None) -> None:
        root = data_root(data_dir)
        self._boxes = root / "reverie" / "BBox"
        self._rooms = RoomLabels(data_dir)
        self._places: dict[tuple[str, str], Description] = {}
        self._lock = threading.Lock()

    def describe(self, observation: Observation) -> Description:
        """Return the viewpoint's room and objects, turned to the agent's heading.

        Raises:
            DataError: The viewpoint's files are absent or damaged.
        """
        assert observation.pose is not None
        assert observation.viewpoint is not None
        place = (observation.scene, observation.viewpoint)
        with self._lock:
            if place not in self._places:
                self._places[place] = self._load(*place)
            return turn(self._places[place], observation.pose.heading)

    def fingerprints(self) -> dict[str, str]:
        """Return the sha256 of the boxes and of the room labels."""
        return {"reverie": fingerprint(self._boxes.glob("*.json")), **self._rooms.fingerprints()}

    def _load(self, scan: str, viewpoint: str) -> Description:
        file = self._boxes / f"{scan}_{viewpoint}.json"
        try:
            # A few entries list no view: the object is near but hidden.
            objects = [_seen(entry) for entry in load_json(file)[viewpoint].values() if entry["visible_pos"]]
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"REVERIE's boxes of {scan} {viewpoint} are damaged ({error!r}).") from error
        room = _room(self._rooms.label(scan, viewpoint))
        places = describe_sectors(f"a place in the {room}", [""] * SECTORS, objects)
        texts = [", ".join(sorted({seen.name for seen in way.objects})) for way in places.directions]
        return describe_sectors(places.summary, texts, objects)


def _seen(entry: dict[str, Any]) -> SeenObject:
    """Return an object of REVERIE's file in its world direction."""
    boxes = zip(entry["visible_pos"], entry["bbox2d"], strict=True)
    view, (x, y, width, height) = min(boxes, key=lambda item: _off_centre(item[1]))
    heading, elevation = view_direction(int(view))
    right = x + width / 2 - IMAGE_WIDTH / 2
    up = IMAGE_HEIGHT / 2 - (y + height / 2)
    return SeenObject(entry["name"].replace("#", " "), wrap(heading + heading_offset(right, up, FOCAL, elevation)))


def _off_centre(box: list[float]) -> float:
    x, y, width, height = box
    return math.hypot(x + width / 2 - IMAGE_WIDTH / 2, y + height / 2 - IMAGE_HEIGHT / 2)


def _room(label: str) -> str:
    """Return a label's first name: 'familyroom/lounge (should be ...)' -> 'familyroom'."""
    return without_note(label).split("/")[0].replace("_", " ").strip()
