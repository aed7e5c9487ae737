"""Captioner, detector and scorer on tiny random checkpoints of the real architectures, made here, saved and loaded."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install torch==2.13.0")
transformers = pytest.importorskip("transformers", reason='needs transformers: pip install "navagent[vision]"')

from PIL import Image as PILImage  # noqa: E402

from navagent.errors import ConfigError, RunError  # noqa: E402
from navagent.perception.captioner import PROMPT, Captioner  # noqa: E402
from navagent.perception.detector import NAMES, Detector  # noqa: E402
from navagent.perception.picture_map import RGB, PictureMap  # noqa: E402
from navagent.perception.scorer import Scorer  # noqa: E402
from tests import tiny_models  # noqa: E402
from tests.pictured import paint  # noqa: E402

PICTURES = [*(paint("a", index) for index in range(4)), np.ascontiguousarray(paint("b", 0).transpose(1, 0, 2))]
LOOKED_FOR = ("lamp", "sofa", "coffee table")

CAPTIONERS = {
    "blip2": tiny_models.make_blip2,
    "instructblip": tiny_models.make_instructblip,
    "llava": tiny_models.make_llava,
}
DETECTORS = {"owlv2": tiny_models.make_owlv2, "grounding-dino": tiny_models.make_grounding_dino}
SCORERS = {"clip": tiny_models.make_clip, "siglip": tiny_models.make_siglip}

Make = Callable[[str], str]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Return the folder of a kind's checkpoint, made on first use."""
    root = tmp_path_factory.mktemp("models")
    makers = {**CAPTIONERS, **DETECTORS, **SCORERS}

    def make(kind: str) -> str:
        folder = root / kind
        return str(folder if folder.exists() else makers[kind](folder))

    return make


def pil(pictures: Sequence[RGB]) -> list[PILImage.Image]:
    return [PILImage.fromarray(picture) for picture in pictures]


# ----------------------------------------------------------------------------------------------------------- captioner
@pytest.mark.parametrize("kind", CAPTIONERS)
def test_a_caption_is_the_same_alone_and_in_a_batch_and_depends_on_the_picture(kind: str, made: Make) -> None:
    captioner = Captioner(made(kind), max_tokens=8, batch=3, cache="off")
    together = captioner.captions(PICTURES)
    assert together == [captioner.captions([picture])[0] for picture in PICTURES]
    assert len(set(together)) > 1
    assert all(caption == " ".join(caption.split()) != "" for caption in together)


@pytest.mark.parametrize("kind", ["blip2", "instructblip"])
def test_a_caption_is_what_plain_transformers_generates(kind: str, made: Make) -> None:
    model = transformers.AutoModelForImageTextToText.from_pretrained(made(kind))
    processor = transformers.AutoProcessor.from_pretrained(made(kind), backend="pil")
    prompt = "walk to"
    inputs = processor(images=pil(PICTURES[:1]), text=[prompt], return_tensors="pt")
    said = processor.batch_decode(model.generate(**inputs, max_new_tokens=8, do_sample=False), skip_special_tokens=True)
    caption = Captioner(made(kind), prompt, max_tokens=8, cache="off").captions(PICTURES[:1])
    assert caption[0] == " ".join(said[0].removeprefix(prompt).split())


def test_the_prompt_matters_and_blip2_has_none_by_default(made: Make) -> None:
    asked = Captioner(made("llava"), "walk to the kitchen", max_tokens=8, cache="off").captions(PICTURES)
    assert asked != Captioner(made("llava"), max_tokens=8, cache="off").captions(PICTURES)
    assert Captioner(made("blip2"), cache="off").identity["prompt"] == ""
    assert Captioner(made("instructblip"), cache="off").identity["prompt"] == PROMPT


# ------------------------------------------------------------------------------------------------------------ detector
@pytest.mark.parametrize("kind", DETECTORS)
def test_detections_are_the_same_alone_and_in_a_batch(kind: str, made: Make) -> None:
    detector = Detector(made(kind), LOOKED_FOR, threshold=0.05, batch=2, cache="off")
    together = detector.detect(PICTURES)
    assert sum(map(len, together)) > 5
    for picture, found in zip(PICTURES, together, strict=True):
        (alone,) = detector.detect([picture])
        assert [(each.name, each.box) for each in found] == [(each.name, each.box) for each in alone]
        height, width = picture.shape[:2]
        for each in found:
            left, top, right, bottom = each.box
            assert 0 <= left < right <= width
            assert 0 <= top < bottom <= height
            assert each.name in LOOKED_FOR
            assert each.score >= 0.05
        assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)


def test_a_higher_threshold_keeps_the_best_only(made: Make) -> None:
    (few,) = Detector(made("owlv2"), LOOKED_FOR, threshold=0.6, cache="off").detect(PICTURES[:1])
    (many,) = Detector(made("owlv2"), LOOKED_FOR, threshold=0.05, cache="off").detect(PICTURES[:1])
    assert few == [each for each in many if each.score > 0.6]
    assert len(few) < len(many)


def test_boxes_of_owlv2_undo_its_padding_to_a_square(made: Make) -> None:
    """A 64 x 48 picture is padded below to 64 x 64, so raw coordinates count in units of 64 both ways."""
    folder = made("owlv2")
    model = transformers.AutoModelForZeroShotObjectDetection.from_pretrained(folder)
    processor = transformers.AutoProcessor.from_pretrained(folder, backend="pil")
    queries = [[f"a photo of a {name}" for name in LOOKED_FOR]]
    with torch.inference_mode():
        raw = model(**processor(images=pil(PICTURES[:1]), text=queries, padding=True, return_tensors="pt"))
    best = raw.logits[0].sigmoid().amax(-1)
    x, y, width, height = (64 * raw.pred_boxes[0]).T.tolist()
    expected = []
    for i in range(len(best)):
        box = (x[i] - width[i] / 2, y[i] - height[i] / 2, x[i] + width[i] / 2, y[i] + height[i] / 2)
        left, top, right, bottom = max(0.0, box[0]), max(0.0, box[1]), min(64.0, box[2]), min(48.0, box[3])
        if best[i] > 0.05 and left + 1 < right and top + 1 < bottom:  # no sliver, which rounding may drop
            expected.append((int(raw.logits[0, i].argmax()), left, top, right, bottom))
    (found,) = Detector(folder, LOOKED_FOR, threshold=0.05, cache="off").detect(PICTURES[:1])
    whole = [each for each in found if each.box[0] + 1 < each.box[2] and each.box[1] + 1 < each.box[3]]
    boxes = [(LOOKED_FOR.index(each.name), *each.box) for each in whole]
    assert len(boxes) == len(expected) > 5
    assert np.array(sorted(boxes)) == pytest.approx(np.array(sorted(expected)), abs=0.01)


@pytest.mark.parametrize(
    ("phrase", "name"),
    [
        ("lamp", "lamp"),
        ("Coffee Table", "coffee table"),
        ("coffee", "coffee table"),  # a part of one name
        ("lamp sofa", "lamp"),  # two names at once: one of them
        ("zebra", None),
        ("", None),
    ],
)
def test_phrases_of_grounding_dino_become_names_asked_for(phrase: str, name: str | None, made: Make) -> None:
    detector = Detector(made("grounding-dino"), LOOKED_FOR, cache="off")
    assert detector._name(phrase) == name


@pytest.mark.parametrize("names", [[], ["lamp", " "], ["lamp", "Lamp"]], ids=["none", "empty", "twice"])
def test_names_that_are_none_are_refused(names: list[str], made: Make) -> None:
    with pytest.raises(ConfigError, match="names to look for must be one or more"):
        Detector(made("owlv2"), names)


def test_too_many_names_for_grounding_dino_are_refused(made: Make) -> None:
    with pytest.raises(ConfigError, match=r"take \d+ tokens; this checkpoint reads 64: give fewer"):
        Detector(made("grounding-dino"), NAMES)


# -------------------------------------------------------------------------------------------------------------- scorer
@pytest.mark.parametrize("kind", SCORERS)
def test_similarities_are_the_models_own_cosines(kind: str, made: Make) -> None:
    texts = ["walk", "the kitchen by the door"]
    model = transformers.AutoModel.from_pretrained(made(kind))
    processor = transformers.AutoProcessor.from_pretrained(made(kind), backend="pil")
    padding: Any = "max_length" if kind == "siglip" else True
    inputs = processor(images=pil(PICTURES), text=texts, padding=padding, return_tensors="pt")
    with torch.inference_mode():
        outputs = model(**inputs)
    expected = outputs.image_embeds @ outputs.text_embeds.T
    scorer = Scorer(made(kind), batch=2, cache="off")
    fit = scorer.similarity(PICTURES, texts)
    assert fit.shape == (5, 2)
    assert fit == pytest.approx(expected.numpy(), abs=1e-5)
    assert scorer.similarity(PICTURES[:1], texts[:1]) == pytest.approx(fit[:1, :1], abs=1e-5)


# --------------------------------------------------------------------------------------------------- wrong checkpoints
@pytest.mark.parametrize(
    ("model", "kind", "message"),
    [
        (Captioner, "clip", "is of the wrong kind: a clip is no ImageTextToText"),
        (Detector, "blip2", "is of the wrong kind: a blip-2 is no ZeroShotObjectDetection"),
        (Scorer, "owlv2", "is of the wrong kind: a owlv2 is none of clip, siglip"),
    ],
)
def test_a_checkpoint_of_another_kind_is_one_sentence(model: Any, kind: str, message: str, made: Make) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        model(made(kind))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("model", [Captioner, Detector, Scorer])
def test_a_checkpoint_that_is_not_there_is_one_sentence(model: Any) -> None:
    with pytest.raises(ConfigError, match="The checkpoint folder /no/such does not exist"):
        model("/no/such")


@pytest.mark.parametrize("model", ["Captioner", "Detector", "Scorer"])
def test_a_gpu_that_is_not_there_is_one_sentence(model: str, made: Make) -> None:
    kind = {"Captioner": "blip2", "Detector": "owlv2", "Scorer": "clip"}[model]
    build: Any = {"Captioner": Captioner, "Detector": Detector, "Scorer": Scorer}[model]
    with pytest.raises(ConfigError, match="cuda:77 was asked for, but torch sees"):
        build(made(kind), device="cuda:77")


# ------------------------------------------------------------------------------------------------------ batches, caches
def counted(sizes: list[int], most: int = 99) -> Callable[[Sequence[RGB]], list[int]]:
    def run(pictures: Sequence[RGB]) -> list[int]:
        if len(pictures) > most:
            raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate")
        sizes.append(len(pictures))
        return [int(picture.sum()) for picture in pictures]

    return run


def test_each_distinct_picture_is_looked_at_once_and_kept(tmp_path: Path) -> None:
    sizes: list[int] = []
    identity = {"checkpoint": "x"}
    expected = [int(picture.sum()) for picture in PICTURES]
    first = PictureMap(counted(sizes), identity, 8, str(tmp_path))
    assert first([*PICTURES, *PICTURES]) == expected * 2
    assert first(PICTURES[:2]) == expected[:2]
    again = PictureMap(counted(sizes), identity, 8, str(tmp_path))
    assert again([*PICTURES[3:], paint("new", 0)]) == [*expected[3:], int(paint("new", 0).sum())]
    assert sizes == [5, 1]
    other = PictureMap(counted(sizes), {"checkpoint": "y"}, 8, str(tmp_path))
    assert other(PICTURES[:1]) == expected[:1]
    assert sizes == [5, 1, 1]


def test_the_same_pixels_in_another_shape_are_another_picture(tmp_path: Path) -> None:
    shapes = PictureMap(lambda pictures: [list(p.shape) for p in pictures], {}, 8, str(tmp_path))
    pixels = np.zeros((4, 6, 3), np.uint8)
    assert shapes([pixels, pixels.reshape(6, 4, 3)]) == [[4, 6, 3], [6, 4, 3]]


def test_threads_share_batches() -> None:
    sizes: list[int] = []
    total = PictureMap(counted(sizes), {}, 8, "off")
    with ThreadPoolExecutor(8) as pool:
        values = list(pool.map(lambda i: total([paint("t", i)])[0], range(8)))
    assert values == [int(paint("t", i).sum()) for i in range(8)]
    assert len(sizes) < 8


def test_pictures_too_many_for_the_memory_go_in_halves_and_one_too_large_is_said() -> None:
    sizes: list[int] = []
    assert PictureMap(counted(sizes, most=2), {}, 8, "off")(PICTURES) == [int(p.sum()) for p in PICTURES]
    assert max(sizes) <= 2
    with pytest.raises(ConfigError, match=r"does not hold .* one picture \(CUDA out of memory\.\)\.$"):
        PictureMap(counted(sizes, most=0), {}, 8, "off")(PICTURES)


@pytest.mark.parametrize("picture", [np.zeros((0, 4, 3), np.uint8), np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3))])
def test_what_is_no_picture_is_one_sentence(picture: Any) -> None:
    with pytest.raises(ConfigError, match=r"no vision model can look at: a picture is an \(H, W, 3\)"):
        PictureMap(counted([]), {}, 8, "off")([picture])


def test_a_damaged_cache_says_what_to_do(tmp_path: Path) -> None:
    kept = PictureMap(counted([]), {}, 8, str(tmp_path))
    kept(PICTURES)
    with sqlite3.connect(tmp_path / "vision.sqlite") as database:
        database.execute("UPDATE seen SET value = 'cut of'")
    assert kept(PICTURES) == [int(picture.sum()) for picture in PICTURES]  # made anew
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "vision.sqlite").write_text("no database " * 99)
    with pytest.raises(RunError, match=r"cache of pictures seen .* cannot be used"):
        PictureMap(counted([]), {}, 8, str(tmp_path / "other"))


def test_a_batch_of_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="batch must be at least 1 picture"):
        PictureMap(counted([]), {}, 0, "off")
