"""Pictures in a run: kept once, found by their hash, shown beside the episode."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from envs.r2r.env import R2R
from eval.report import write_report
from eval.run_directory import RunDirectory
from eval.runner import evaluate
from eval.summary import summarise
from eval.trace_page import write_trace_page
from navagent.contracts import Policy
from navagent.errors import RunError
from navagent.images import encode
from navagent.types import Call, Decision, Episode, Image, Message, MoveTo, Observation, Reply, Stop

EVIL = "</pre><script>alert('x')</script>"


def picture(shade: int) -> Image:
    return encode(np.full((24, 32, 3), shade, np.uint8), label=f"Picture {shade}: {EVIL}")


class Looking(Policy):
    """Sends one picture that all episodes share and one per step, twice each."""

    def reset(self, episode: Episode) -> None:
        self._shade = 0

    def act(self, observation: Observation) -> Decision:
        assert observation.candidates
        self._shade += 50
        asked = (Message("user", EVIL, (picture(10), picture(self._shade))),)
        calls = (Call("decide", asked, Reply((EVIL,), (None,), "m", 1, 1)),) * 2
        action = MoveTo(observation.candidates[0].id) if self._shade < 150 else Stop()
        return Decision(action, EVIL, calls)


@pytest.fixture
def directory(tiny_data: Path, tmp_path: Path) -> RunDirectory:
    env = R2R("val_unseen", str(tiny_data))
    directory = RunDirectory(tmp_path / "run")
    evaluate(env, Looking(), env.episodes[:6], directory, workers=3)
    return directory


def test_every_picture_is_kept_once_under_its_hash(directory: RunDirectory) -> None:
    files = [file for file in (directory.path / "images").rglob("*") if file.is_file()]
    images = {picture(shade).sha256: picture(shade) for shade in (10, 50, 100, 150)}
    assert {file.stem for file in files} == set(images)
    for file in files:
        assert file.read_bytes() == images[file.stem].data
        assert file.suffix == ".jpg"


def test_traces_hold_hashes_and_no_bytes(directory: RunDirectory) -> None:
    for result in directory.results():
        text = (directory.path / directory.trace_name(result.episode_id)).read_text()
        assert len(text) < 15_000
        steps = [json.loads(line) for line in text.splitlines()][1:]
        for step in steps:
            for image in step["calls"][0]["messages"][0]["images"]:
                assert (directory.path / directory.image_name(image["sha256"], image["media_type"])).is_file()


def report(directory: RunDirectory) -> list[dict[str, Any]]:
    facts: dict[str, Any] = {
        "policy": "Looking",
        "dataset": "R2R val_unseen",
        "split_episodes": 30,
        "rules": "r2r-1",
        "privileged": False,
        "stand_in": False,
        "fingerprints": {},
        "paid_usd": 0.0,
        "config": {"env": {"class_path": "envs.R2R"}, "episodes": 6},
    }
    results = directory.results()
    directory.write("summary.json", json.dumps(summarise(results, len(results), facts)))
    page = write_report(directory).read_text()
    rows: list[dict[str, Any]] = json.loads(page.split("const episodes = ", 1)[1].split(";\n", 1)[0])
    return rows


def test_the_report_leads_to_a_page_that_shows_the_pictures(directory: RunDirectory) -> None:
    for row in report(directory):
        page = directory.path / row["page"]
        sources = re.findall(r'<img src="([^"]+)"', page.read_text())
        assert len(sources) == 2 * 2 * 3  # two pictures in two calls at three steps
        assert all((page.parent / source).is_file() for source in sources)


def test_what_the_world_and_the_model_said_is_inert(directory: RunDirectory) -> None:
    page = (directory.path / report(directory)[0]["page"]).read_text()
    assert "<script" not in page
    assert EVIL in unescape(page)


def test_an_episode_without_pictures_has_no_page(directory: RunDirectory) -> None:
    trace = directory.path / directory.trace_name("1_0")
    trace.write_text('{"episode_id": "1_0", "instruction": "say \\"images\\": [{"}\n')
    assert write_trace_page(directory, "1_0") is None


def test_a_damaged_trace_is_named(directory: RunDirectory) -> None:
    name = directory.trace_name(directory.results()[0].episode_id)
    text = (directory.path / name).read_text()
    (directory.path / name).write_text(text.replace('"thought"', '"though'))
    with pytest.raises(RunError, match="is damaged"):
        write_trace_page(directory, directory.results()[0].episode_id)
