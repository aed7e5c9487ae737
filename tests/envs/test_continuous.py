"""R2R-CE's files, real and made up, and RxR-Habitat's layout."""

from __future__ import annotations

import gzip
import json
import math
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from envs.continuous import (
    VERSIONS,
    ContinuousData,
    Version,
    from_habitat,
    heading_of,
    load_r2r_ce,
    read_r2r_ce,
    read_rxr_ce,
    rotation_of,
    to_habitat,
)
from envs.r2r.dataset import load_r2r
from navagent.errors import ConfigError, DataError
from navagent.types import Episode, Position
from tests.tiny_ce import SCENE, make_ce_world, make_rxr_world

METRES = st.floats(-100, 100)


# ------------------------------------------------------------------------------------------------- frames
@given(st.tuples(METRES, METRES, METRES), st.floats(0, 6.28))
def test_frames_and_headings_go_there_and_back(position: Position, heading: float) -> None:
    assert from_habitat(to_habitat(position)) == position
    assert heading_of(rotation_of(heading)) == pytest.approx(heading, abs=1e-9)


def test_up_is_up_and_forward_is_forward() -> None:
    """Matterport: z up, heading 0 along +y. Habitat: y up, an unturned agent looks along -z."""
    assert to_habitat((1.0, 2.0, 3.0)) == (1.0, 3.0, -2.0)
    assert rotation_of(0.0)[3] == 1.0
    _, y, _, w = rotation_of(math.pi / 2)  # to the right: a turn by -90 degrees about +y
    assert (y, w) == pytest.approx((-math.sqrt(0.5), math.sqrt(0.5)))


# --------------------------------------------------------------------------------------------- real files
@pytest.mark.parametrize(("split", "count"), [("val_seen", 778), ("val_unseen", 1839)])
@pytest.mark.parametrize("version", VERSIONS)
def test_real_splits_have_their_sizes(split: str, count: int, version: Version, real_data: Path) -> None:
    data = read_r2r_ce(split, str(real_data), version)
    assert len(data.episodes) == count
    assert len({episode.episode_id for episode in data.episodes}) == count
    assert set(data.fingerprints) == {"episodes", "ground_truth"}
    assert len(data.vocabulary) == {"v1-3": 2711, "v1-3_preprocessed": 2504}[version]
    assert max(map(len, data.tokens.values())) <= 200
    assert all(0 not in tokens for tokens in data.tokens.values())


def test_real_releases_have_the_same_episodes(real_data: Path) -> None:
    one, other = (load_r2r_ce("val_unseen", str(real_data), version)[0] for version in VERSIONS)
    assert one == other


def test_real_open_loop_facts(real_data: Path) -> None:
    """What a loader of val_unseen can be checked with, to the digits that are known."""
    data = read_r2r_ce("val_unseen", str(real_data))
    truths = [data.truths[episode.episode_id] for episode in data.episodes]
    lengths = [sum(math.dist(a, b) for a, b in pairwise(truth.locations)) for truth in truths]
    assert np.mean(list(data.geodesics.values())) == pytest.approx(8.899, abs=5e-4)
    assert np.mean(lengths) == pytest.approx(9.169, abs=5e-4)
    assert np.mean([len(truth.actions) for truth in truths]) == pytest.approx(57.3, abs=0.05)
    assert all(truth.actions[-1] == 0 and truth.actions.count(0) == 1 for truth in truths)
    assert all(truth.actions.count(1) == len(truth.locations) - 1 for truth in truths)
    assert all(
        truth.locations[0] == episode.start.position for truth, episode in zip(truths, data.episodes, strict=True)
    )


@pytest.fixture(scope="module")
def pairs(real_data: Path) -> list[tuple[Episode, Episode]]:
    """Each R2R-CE episode of val_unseen with an R2R episode of the path that it was made from.

    The files share no ids; their instructions agree but for spaces and odd characters, one even for a word, so the
    other instructions of its path decide.
    """

    def letters(text: str) -> str:
        return re.sub(r"[^a-z]", "", text.lower())

    annotated = {(e.scene, letters(e.instruction)): e for e in load_r2r("val_unseen", str(real_data)).episodes}
    episodes = load_r2r_ce("val_unseen", str(real_data))[0]
    texts = {(e.path_id): annotated[key] for e in episodes if (key := (e.scene, letters(e.instruction))) in annotated}
    return [(episode, texts[episode.path_id]) for episode in episodes]


def test_real_starts_and_goals_lie_under_their_viewpoints(pairs: list[tuple[Episode, Episode]]) -> None:
    """Holds conversion, loaders and connectivity together: R2R's z-up viewpoints against R2R-CE's y-up positions."""
    starts, goals, heights = [], [], []
    for continuous, annotated in pairs:
        assert continuous.goal is not None
        assert annotated.goal is not None
        first, last = annotated.start.position, annotated.goal.position
        starts.append(math.dist(first[:2], continuous.start.position[:2]))
        goals.append(math.dist(last[:2], continuous.goal.position[:2]))
        heights += [first[2] - continuous.start.position[2], last[2] - continuous.goal.position[2]]
    assert len(starts) == 1839
    assert np.mean(starts) == pytest.approx(0.015, abs=5e-4)
    assert np.mean(goals) == pytest.approx(0.011, abs=5e-4)
    assert max(*starts, *goals) == pytest.approx(1.28, abs=5e-3)
    assert min(heights) == pytest.approx(0.73, abs=5e-3)
    assert max(heights) == pytest.approx(2.04, abs=5e-3)


def test_real_start_headings_are_r2rs_to_30_degrees(pairs: list[tuple[Episode, Episode]]) -> None:
    turns = [math.remainder(one.start.heading - other.start.heading, 2 * math.pi) for one, other in pairs]
    assert max(map(abs, turns)) <= math.radians(15)


# ------------------------------------------------------------------------------------------- made-up files
@pytest.fixture(scope="module")
def ce_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_rxr_world(make_ce_world(tmp_path_factory.mktemp("ce")))


def test_everything_in_an_r2r_ce_file_is_read(ce_world: Path) -> None:
    data = read_r2r_ce("val_unseen", str(ce_world))
    episode = data.episodes[0]
    assert episode.scene == "roomA"
    assert episode.instruction == "Go to there."
    assert data.scene_files[episode.episode_id] == SCENE
    assert data.tokens[episode.episode_id] == (4, 3, 5)
    assert episode.goal is not None
    assert episode.goal.reference_positions == data.truths["1"].locations
    assert data.geodesics["1"] == pytest.approx(math.dist(episode.start.position, episode.goal.position))


def test_padding_is_no_token_and_the_ground_truth_is_found_beside(ce_world: Path) -> None:
    plain, padded = (read_r2r_ce("val_unseen", str(ce_world), version) for version in VERSIONS)
    assert padded.tokens == plain.tokens
    assert padded.truths == plain.truths


def test_a_test_split_has_no_goals(ce_world: Path) -> None:
    data = read_r2r_ce("test", str(ce_world))
    assert not data.has_goals
    assert data.episodes[0].goal is None
    assert data.geodesics == {}


def test_rxr_without_a_vocabulary_is_read(ce_world: Path) -> None:
    data = read_rxr_ce("val_unseen", str(ce_world))
    assert data.vocabulary == ()
    assert data.instruction_ids == {"1": 99, "2": 98, "3": 97, "4": 96}
    assert data.episodes[1].path_id == "7_a"
    assert data.has_goals
    assert len(data.truths["1"].locations) > 10
    assert not read_rxr_ce("test_challenge", str(ce_world)).has_goals


def test_rxr_is_read_by_language(ce_world: Path) -> None:
    data = read_rxr_ce("val_unseen", str(ce_world), languages=("hi-IN", "te-IN"))
    assert [episode.episode_id for episode in data.episodes] == ["2", "3"]
    with pytest.raises(ConfigError, match="no instructions in de-DE: choose en-IN, en-US, hi-IN, te-IN"):
        read_rxr_ce("val_unseen", str(ce_world), languages=("de-DE",))


@pytest.mark.parametrize("read", [read_r2r_ce, read_rxr_ce])
def test_a_split_that_is_not_there_is_named(read: Callable[..., ContinuousData], ce_world: Path) -> None:
    with pytest.raises(ConfigError, match=r"no split 'val_unsen'.*Did you mean 'val_unseen'"):
        read("val_unsen", str(ce_world))


@pytest.mark.parametrize(
    "content",
    [b"not gzip", *(gzip.compress(text, mtime=0) for text in (b"[{", b"[]", b'{"episodes": []}'))],
    ids=["not gzip", "half a list", "no object", "no episode"],
)
def test_a_file_that_is_no_episode_file_says_so(content: bytes, tmp_path: Path) -> None:
    place = tmp_path / "r2r_ce" / "R2R_VLNCE_v1-3" / "val"
    place.mkdir(parents=True)
    (place / "val.json.gz").write_bytes(content)
    with pytest.raises(DataError, match=r"val\.json\.gz"):
        load_r2r_ce("val", str(tmp_path))


def test_an_entry_without_its_fields_is_named(tmp_path: Path) -> None:
    place = tmp_path / "r2r_ce" / "R2R_VLNCE_v1-3" / "val"
    place.mkdir(parents=True)
    (place / "val.json.gz").write_bytes(gzip.compress(json.dumps({"episodes": [{"episode_id": 1}]}).encode()))
    with pytest.raises(DataError, match=r"no R2R-CE or RxR-Habitat episode file \(KeyError"):
        load_r2r_ce("val", str(tmp_path))
