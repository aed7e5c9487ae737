from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from envs.r2r.env import R2R
from navagent.errors import DataError
from navagent.geometry import wrap
from navagent.perception.navgpt_texts import NavGPTTexts
from navagent.perception.reverie_objects import ReverieObjects
from navagent.types import Candidate, Description, Direction, Observation, Pose, SeenObject
from policies.surroundings import NAMES, surroundings
from tests.tiny import viewpoint_id


def _at(index: int, heading: float) -> Observation:
    pose = Pose((0.0, 0.0, 0.0), heading)
    return Observation("Go.", "scanA", 0, pose=pose, viewpoint=viewpoint_id("scanA", index))


def test_texts_turn_with_the_agent(tiny_data: Path) -> None:
    texts = NavGPTTexts(str(tiny_data))
    description = texts.describe(_at(1, math.radians(90)))
    assert description.summary == "view of a hallway"
    ahead = min(description.directions, key=lambda way: abs(way.heading))
    assert ahead.text == "A hallway seen in direction 2."
    (lamp,) = ahead.objects
    assert (lamp.name, lamp.distance) == ("lamp", 1.25)
    assert lamp.heading == pytest.approx(math.radians(5))


def test_directions_cover_the_circle_at_any_heading(tiny_data: Path) -> None:
    texts = NavGPTTexts(str(tiny_data))
    for heading in (0.0, 0.3, 3.0, 6.2, -1.0):
        ways = texts.describe(_at(0, heading)).directions
        centres = sorted(way.heading for way in ways)
        assert all(-math.pi <= centre < math.pi for centre in centres)
        assert sum(way.width for way in ways) == pytest.approx(2 * math.pi)
        steps = [wrap(b - a) for a, b in zip(centres, centres[1:] + centres[:1], strict=True)]
        assert steps == pytest.approx([math.pi / 4] * 8)


def test_captions_can_take_the_place_of_summaries(tiny_data: Path) -> None:
    description = NavGPTTexts(str(tiny_data), captions=True).describe(_at(1, 0.0))
    assert description.directions[0].text == "down: floor; middle: A hallway seen in direction 0.; top: ceiling"


def test_an_unknown_viewpoint_is_named(tiny_data: Path) -> None:
    with pytest.raises(DataError, match="has no text for viewpoint"):
        NavGPTTexts(str(tiny_data)).describe(_at(99, 0.0))


def test_texts_that_do_not_fit_together_are_named(own_tiny_data: Path) -> None:
    file = own_tiny_data / "navgpt" / "observations_list_summarized" / "scanA.json"
    texts = json.loads(file.read_text())
    texts[viewpoint_id("scanA", 0)].pop()
    file.write_text(json.dumps(texts))
    with pytest.raises(DataError, match=r"scan scanA do not fit together.*7 directions instead of 8"):
        NavGPTTexts(str(own_tiny_data)).describe(_at(0, 0.0))


def test_every_candidate_is_shown_once_in_its_nearest_direction() -> None:
    """Also those at 337.5 degrees and beyond, which NavGPT's public code loses."""
    turn = math.radians(20)
    ways = tuple(Direction(wrap(k * math.pi / 4 - turn), math.pi / 4, f"text {k}") for k in range(8))
    candidates = tuple(Candidate(f"id{d}", wrap(math.radians(d)), 0.0, 1.0) for d in range(0, 360, 7))
    observation = Observation("Go.", "scanA", 0, candidates=candidates)
    blocks = surroundings(observation, Description("", ways)).split("\n")
    assert [line.split(" (")[0] for line in blocks if not line.startswith(" ")] == list(NAMES)
    for candidate in candidates:
        holding = [i for i, line in enumerate(blocks) if f"{candidate.id}:" in line]
        assert len(holding) == 1
        number = int(blocks[holding[0] - 1].rsplit(" ", 1)[1])
        assert abs(wrap(candidate.heading - ways[number].heading)) <= math.pi / 8 + 1e-9


def test_slopes_and_distances_are_written_with_their_units() -> None:
    ways = (Direction(0.0, 2 * math.pi, "a room", (SeenObject("lamp", -0.5, 1.26), SeenObject("sofa", 0.0))),)
    candidates = (Candidate("up", 0.2, 0.5, 2.345), Candidate("flat", math.pi * -0.5, 0.05, 1.0))
    text = surroundings(Observation("Go.", "s", 0, candidates=candidates), Description("", ways))
    assert text.split("\n") == [
        "Front (left 180 to left 180): a room",
        "  Objects: lamp: left 29, 1.3 m; sofa: ahead",
        "  Navigable: up: right 11, 2.35 m, up 29; flat: left 90, 1.00 m",
    ]


# ------------------------------------------------------------------------------------------------ real data
def test_real_texts_know_every_viewpoint_that_is_walked_on(real_data: Path) -> None:
    env, texts = R2R("val_unseen", str(real_data)), NavGPTTexts(str(real_data))
    for episode in env.episodes[::97]:
        observation = env.reset(episode)
        description = texts.describe(observation)
        assert all(way.text for way in description.directions)
        assert description.summary


def test_reverie_objects_lie_where_navgpts_detector_saw_them(real_data: Path) -> None:
    """Two independent sources: REVERIE's annotated boxes, and NavGPT's object list, which was made from them."""
    env = R2R("val_unseen", str(real_data))
    boxes, texts = ReverieObjects(str(real_data)), NavGPTTexts(str(real_data))
    assert boxes.privileged
    offsets = []
    for episode in env.episodes[::29]:
        observation = env.reset(episode)
        seen = [o for way in boxes.describe(observation).directions for o in way.objects]
        known = [o for way in texts.describe(observation).directions for o in way.objects]
        for thing in seen:
            same = [other for other in known if other.name == thing.name]
            unique = sum(other.name == thing.name for other in seen) == 1
            if same and unique:
                offsets.append(min(abs(wrap(other.heading - thing.heading)) for other in same))
    assert len(offsets) > 60
    assert sorted(offsets)[len(offsets) // 2] < math.radians(12)


def test_reverie_gives_the_room_and_names_without_marks(real_data: Path) -> None:
    env, boxes = R2R("val_unseen", str(real_data)), ReverieObjects(str(real_data))
    for episode in env.episodes[::301]:
        description = boxes.describe(env.reset(episode))
        assert description.summary.startswith("a place in the ")
        assert "(" not in description.summary
        assert all("#" not in thing.name for way in description.directions for thing in way.objects)
