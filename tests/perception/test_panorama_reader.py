"""Panoramas in words with real models of random weights: sectors, elevations, distances, and the describer."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs torch: pip install torch==2.13.0")
pytest.importorskip("transformers", reason='needs transformers: pip install "navagent[vision]"')

from envs.r2r.env import R2R
from navagent.errors import ConfigError
from navagent.geometry import sector, wrap
from navagent.llm.offline import OfflineChat
from navagent.perception.captioner import Captioner
from navagent.perception.detector import Detector
from navagent.perception.panorama_reader import ROOMS, PanoramaReader
from navagent.perception.scorer import Scorer
from navagent.perception.sectors import SECTORS
from navagent.perception.vision_texts import VisionTexts
from navagent.rollout import check_needs, rollout
from navagent.types import View
from policies.navgpt import NavGPT
from tests import tiny_models
from tests.pictured import PicturedR2R

LOOKED_FOR = ["lamp", "sofa", "coffee table"]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    root = tmp_path_factory.mktemp("models")
    return {
        "captioner": str(tiny_models.make_llava(root / "llava")),
        "detector": str(tiny_models.make_owlv2(root / "owlv2")),
        "scorer": str(tiny_models.make_clip(root / "clip")),
    }


@pytest.fixture(scope="module")
def reader(models: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> PanoramaReader:
    how: dict[str, Any] = {"cache": str(tmp_path_factory.mktemp("cache"))}
    return PanoramaReader(
        Captioner(models["captioner"], max_tokens=6, **how),
        Detector(models["detector"], LOOKED_FOR, threshold=0.6, **how),
        Scorer(models["scorer"], **how),
    )


@pytest.fixture
def env(tiny_data: Path) -> PicturedR2R:
    return PicturedR2R("val_unseen", str(tiny_data))


def panorama(env: PicturedR2R, number: int = 0) -> tuple[tuple[View, ...], float]:
    observation = env.reset(env.episodes[number])
    assert observation.pose is not None
    return env.panorama(), observation.pose.heading


def test_captions_are_those_of_the_views_nearest_to_each_sector(reader: PanoramaReader, env: PicturedR2R) -> None:
    views, facing = panorama(env)
    place = reader.read(views, facing)
    assert [len(column) for column in place.captions] == [3] * SECTORS
    for k in (0, 2, 4, 6):  # where a view looks exactly that way: R2R's are 30 degrees apart, sectors 45
        step = round(k * 45 / 30)
        pictures = [views[12 * row + step].rgb for row in range(3)]
        assert list(place.captions[k]) == reader.captioner.captions([p for p in pictures if p is not None])
        assert place.sentences[k] == place.captions[k][1]


def test_a_place_reads_the_same_whichever_way_the_agent_faces(reader: PanoramaReader, env: PicturedR2R) -> None:
    views, facing = panorama(env)
    turned = tuple(replace(view, heading=wrap(view.heading - 1.0)) for view in views)
    one, other = reader.read(views, facing), reader.read(turned, facing + 1.0)
    assert (one.captions, one.summary) == (other.captions, other.summary)
    assert len(one.objects) == len(other.objects) > 0
    for thing, same in zip(one.objects, other.objects, strict=True):
        assert thing.name == same.name
        assert wrap(thing.heading - same.heading) == pytest.approx(0.0, abs=1e-6)


def test_objects_have_the_distance_that_the_depth_shows(reader: PanoramaReader, env: PicturedR2R) -> None:
    views, facing = panorama(env)
    place = reader.read(views, facing)
    kinds = [(thing.name, sector(thing.heading, SECTORS)) for thing in place.objects]
    assert len(set(kinds)) == len(kinds)  # of one name in one sector, the nearest
    distances = [thing.distance for thing in place.objects if thing.distance is not None]
    assert len(distances) == len(place.objects)
    assert all(2.0 <= distance <= 3.0 for distance in distances)  # everything is 2 m ahead of its camera
    assert distances == sorted(distances)


def test_what_is_out_of_reach_is_left_out_and_without_depth_nothing_is(
    reader: PanoramaReader, env: PicturedR2R
) -> None:
    views, facing = panorama(env)
    far = tuple(replace(view, depth=np.full((48, 64), 9.0, np.float32)) for view in views)
    assert reader.read(far, facing).objects == ()
    blind = tuple(replace(view, depth=None) for view in views)
    objects = reader.read(blind, facing).objects
    assert objects
    assert all(thing.distance is None for thing in objects)


def test_the_room_is_the_scorers_best(reader: PanoramaReader, env: PicturedR2R) -> None:
    views, facing = panorama(env)
    room = reader.read(views, facing).summary.removeprefix("a ")
    assert reader.scorer is not None
    level = [min(views[12:24], key=lambda view: abs(wrap(view.heading + facing - k * math.tau / 8))) for k in range(8)]
    pictures = [view.rgb for view in level if view.rgb is not None]
    fit = reader.scorer.similarity(pictures, [f"a photo of a {name}" for name in ROOMS]).mean(axis=0)
    assert fit[ROOMS.index(room)] == pytest.approx(fit.max(), abs=1e-6)


def test_a_panorama_without_colours_is_one_sentence(reader: PanoramaReader, env: PicturedR2R) -> None:
    views, facing = panorama(env)
    with pytest.raises(ConfigError, match="holds no colour pictures"):
        reader.read([replace(view, rgb=None) for view in views], facing)
    with pytest.raises(ConfigError, match="reach must be above 0 metres"):
        PanoramaReader(reader.captioner, reach=0.0)


@pytest.mark.parametrize("elevations", [False, True])
def test_a_planner_reads_what_the_models_see(
    elevations: bool, models: dict[str, str], env: PicturedR2R, tmp_path: Path
) -> None:
    texts = VisionTexts(
        models["captioner"],
        models["detector"],
        models["scorer"],
        caption_tokens=6,
        names=LOOKED_FOR,
        threshold=0.6,
        elevations=elevations,
        cache=str(tmp_path),
    )
    assert not texts.privileged
    assert {name: len(digest) for name, digest in texts.fingerprints().items()} == {
        "caption": 64,
        "objects": 64,
        "embedding": 64,
    }
    policy = NavGPT(OfflineChat(), texts, max_steps=2)
    check_needs(env, policy)
    prompts: list[str] = []
    rollout(env, policy, env.episodes[0], lambda _, decision: prompts.append(decision.calls[0].messages[-1].content))
    views, facing = panorama(env)
    place = texts.reader.read(views, facing)
    assert all(sentence in prompts[0] for sentence in place.sentences)
    assert ("middle: " in prompts[0]) == elevations
    assert "Objects: " in prompts[0]


def test_an_environment_without_panoramas_is_refused(models: dict[str, str], tiny_data: Path) -> None:
    texts = VisionTexts(models["captioner"], cache="off")
    with pytest.raises(ConfigError, match="needs panorama, which R2R does not give"):
        check_needs(R2R("val_unseen", str(tiny_data)), NavGPT(OfflineChat(), texts))
