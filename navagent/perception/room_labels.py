"""Matterport3D's room label of every viewpoint: ground truth, so what reads it is privileged."""

from __future__ import annotations

import re
from collections.abc import Iterable

from navagent.contracts import Shared
from navagent.data import data_root, fingerprint, load_json
from navagent.errors import DataError

_WORD = re.compile(r"[a-z]+")
_COMPOUND = re.compile(r"^(conference|family|laundry|meeting|tool|utility)room$")
"""Rooms that instructions write as two words."""


class RoomLabels(Shared):
    """The labels of a data folder's `rooms/vp2room_label.json` (published with LAD, zehao-wang/LAD).

    Args:
        data_dir: The data folder; by default $NAVAGENT_DATA, else ./data.

    Raises:
        DataError: The file is absent or damaged.
    """

    def __init__(self, data_dir: str | None = None) -> None:
        self._file = data_root(data_dir) / "rooms" / "vp2room_label.json"
        try:
            self._rooms = load_json(self._file)["pano_info"]
        except (KeyError, TypeError) as error:
            raise DataError(f"{self._file} holds no 'pano_info': fetch it again.") from error

    def label(self, scan: str, viewpoint: str) -> str:
        """Return a viewpoint's label as it is written, its annotators' note included.

        Raises:
            DataError: The viewpoint has none.
        """
        try:
            return str(self._rooms[scan][viewpoint]["label_info"])
        except (KeyError, TypeError) as error:
            raise DataError(
                f"{self._file} has no room label for viewpoint {viewpoint} of {scan}: fetch it again."
            ) from error

    def words(self, scan: str, viewpoint: str) -> list[str]:
        """Return a viewpoint's room in the words that an instruction would use.

        Raises:
            DataError: The viewpoint has no label.
        """
        return room_words(self.label(scan, viewpoint))

    def fingerprints(self) -> dict[str, str]:
        """Return the sha256 of the labels."""
        return {"rooms": fingerprint([self._file])}


def without_note(label: str) -> str:
    """Return a label without its annotators' note, which is in brackets."""
    return label.split("(")[0].strip()


def room_words(label: str) -> list[str]:
    """Return a label's different words: 'familyroom/lounge (should be ...)' -> family, room, lounge."""
    words: Iterable[str] = _WORD.findall(without_note(label).lower())
    split = (part for word in words for part in _COMPOUND.sub(r"\1 room", word).split())
    return list(dict.fromkeys(split))
