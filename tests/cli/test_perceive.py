"""`navagent perceive` on made-up pictures, with real models of random weights."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs torch: pip install torch==2.13.0")
pytest.importorskip("transformers", reason='needs transformers: pip install "navagent[vision]"')

from navagent.cli.perceive import run
from navagent.errors import ConfigError, RunError
from navagent.perception.navgpt_files import IDENTITY
from navagent.perception.navgpt_texts import NavGPTTexts
from navagent.perception.vision_texts import VisionTexts
from tests import tiny_models
from tests.pictured import PicturedR2R
from tests.tiny import COLUMNS, ROWS, viewpoint_id

FILES = ("observations_list", "observations_list_summarized", "observations_summarized", "objects_list")


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    root = tmp_path_factory.mktemp("models")
    return str(tiny_models.make_llava(root / "llava")), str(tiny_models.make_owlv2(root / "owlv2"))


def options(tiny_data: Path, tmp_path: Path, captioner: str, *more: str) -> list[str]:
    env = ["--env", "tests.pictured.PicturedR2R", "--env.split", "val_unseen", "--env.data_dir", str(tiny_data)]
    kept = ["--out", str(tmp_path / "texts"), "--models.cache", str(Path(captioner).parent / "cache")]
    quick = ["--models.caption_tokens", "3", "--models.batch", "64"]
    return [*env, *kept, *quick, "--models.captioner", captioner, *more]


def test_the_texts_are_what_the_describer_says_and_navgpts_reader_reads_them(
    tiny_data: Path, tmp_path: Path, checkpoints: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    captioner, detector = checkpoints
    looked_for = ["--models.detector", detector, "--models.names", "[lamp, sofa]", "--models.threshold", "0.6"]
    assert run(options(tiny_data, tmp_path, captioner, *looked_for)) == 0
    assert "Texts of 2 buildings, 2 of them new" in capsys.readouterr().out
    for scene in ("scanA", "scanB"):
        places = json.loads((tmp_path / "texts" / "navgpt" / "observations_list" / f"{scene}.json").read_text())
        assert set(places) == {viewpoint_id(scene, index) for index in range(COLUMNS * ROWS)}
    live = VisionTexts(captioner, detector, names=["lamp", "sofa"], threshold=0.6, caption_tokens=3, cache="off")
    kept = NavGPTTexts(str(tmp_path / "texts"))
    env = PicturedR2R("val_unseen", str(tiny_data))
    for episode in env.episodes[::10]:
        observation = env.reset(episode)
        read = kept.describe(observation)
        seen = live.describe(env.with_panorama(observation))
        assert read.summary == seen.summary
        for one, other in zip(read.directions, seen.directions, strict=True):
            assert one.text == other.text
            assert one.heading == pytest.approx(other.heading)
            names = [[thing.name for thing in way.objects] for way in (one, other)]
            assert sorted(names[0]) == sorted(names[1])
            distances = [sorted(thing.distance or 0.0 for thing in way.objects) for way in (one, other)]
            assert distances[0] == pytest.approx(distances[1], abs=0.006)


def test_it_goes_on_where_it_was_interrupted(
    tiny_data: Path, tmp_path: Path, checkpoints: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    asked = options(tiny_data, tmp_path, checkpoints[0])
    run(asked)
    folder = tmp_path / "texts" / "navgpt"
    whole = {file: file.read_text() for file in folder.rglob("*.json")}
    untouched = folder / "objects_list" / "scanA.json"
    before = untouched.stat().st_mtime_ns
    (folder / "observations_summarized" / "scanB_summarized.json").unlink()
    run(asked)
    assert "Texts of 2 buildings, 1 of them new" in capsys.readouterr().out
    assert {file: file.read_text() for file in folder.rglob("*.json")} == whole
    assert untouched.stat().st_mtime_ns == before


def test_texts_of_another_making_are_not_mixed_in(
    tiny_data: Path, tmp_path: Path, checkpoints: tuple[str, str]
) -> None:
    run(options(tiny_data, tmp_path, checkpoints[0]))
    with pytest.raises(RunError, match=rf"made by other checkpoints or settings \({IDENTITY} says which\)"):
        run(options(tiny_data, tmp_path, checkpoints[0], "--models.prompt", "walk"))
    (tmp_path / "texts" / "navgpt" / IDENTITY).unlink()
    with pytest.raises(RunError, match="holds texts of others"):
        run(options(tiny_data, tmp_path, checkpoints[0]))
    shutil.rmtree(tmp_path / "texts")


def test_an_environment_without_pictures_is_refused(
    tiny_data: Path, tmp_path: Path, checkpoints: tuple[str, str]
) -> None:
    asked = options(tiny_data, tmp_path, checkpoints[0])
    with pytest.raises(ConfigError, match="R2R does not give panorama"):
        run([option.replace("tests.pictured.PicturedR2R", "R2R") for option in asked])
