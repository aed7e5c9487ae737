from __future__ import annotations

from pathlib import Path

import pytest

from navagent.errors import DataError
from navagent.perception.room_labels import RoomLabels, room_words
from tests.tiny import viewpoint_id


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("hallway", "hallway"),
        ("familyroom (should be a room that a family hangs out in, not any area with couches)", "family room"),
        ("laundryroom/mudroom (place where people do laundry, etc.)", "laundry room mudroom"),
        ("meetingroom/conferenceroom", "meeting room conference"),
        ("dining_room (includs 'breakfast rooms'' other rooms)", "dining room"),
        ("living room/ (should be the main 'showcase' living room in a house)", "living room"),
        ("bedroom", "bedroom"),
    ],
)
def test_a_room_has_the_words_of_instructions(label: str, words: str) -> None:
    assert room_words(label) == words.split()


def test_a_viewpoint_without_a_label_is_named(tiny_data: Path) -> None:
    labels = RoomLabels(str(tiny_data))
    assert labels.words("scanA", viewpoint_id("scanA", 0)) == ["kitchen"]
    with pytest.raises(DataError, match="no room label for viewpoint nowhere of scanA: fetch it again"):
        labels.words("scanA", "nowhere")


def test_a_damaged_file_is_named(own_tiny_data: Path) -> None:
    (own_tiny_data / "rooms" / "vp2room_label.json").write_text("[]")
    with pytest.raises(DataError, match="holds no 'pano_info': fetch it again"):
        RoomLabels(str(own_tiny_data))


def test_every_real_viewpoint_has_words(real_data: Path) -> None:
    labels = RoomLabels(str(real_data))
    rooms = {place["label_info"] for scan in labels._rooms.values() for place in scan.values()}
    assert len(rooms) > 25
    assert all(room_words(room) for room in rooms)
