"""Objects in pictures, by name: OWLv2 (Minderer et al. 2023) or Grounding DINO (Liu et al. 2023)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import PIL.Image
import transformers

from navagent.checkpoints import DType, choose_device, find_checkpoint, fingerprint, load_model, load_processor
from navagent.contracts import Shared
from navagent.errors import ConfigError
from navagent.perception.picture_map import RGB, PictureMap

NAMES: tuple[str, ...] = (
    *("armchair", "bathtub", "bed", "bench", "bookshelf", "cabinet", "chair", "clock", "coffee table", "counter"),
    *("couch", "curtain", "desk", "dining table", "door", "dresser", "fireplace", "lamp", "microwave", "mirror"),
    *("nightstand", "oven", "piano", "picture", "pillow", "plant", "refrigerator", "rug", "shelf", "shower", "sink"),
    *("stairs", "stool", "stove", "table", "television", "toilet", "towel", "vase", "wardrobe", "washing machine"),
    "window",
)
"""What instructions of indoor navigation speak of."""

_OWL = ("owlv2", "owlvit")
_GROUNDING_DINO = ("grounding-dino", "mm-grounding-dino")
_QUERY = "a photo of a {}"
"""OWL-ViT's prompt (Minderer et al. 2022)."""


@dataclass(frozen=True, slots=True)
class Detection:
    """An object in a picture.

    Attributes:
        name: One of the names looked for.
        score: The model's confidence, 0 to 1.
        box: Left, top, right, bottom edge in pixels.
    """

    name: str
    score: float
    box: tuple[float, float, float, float]


class Detector(Shared):
    """Finds named objects. Called from many threads at once.

    Args:
        checkpoint: Its folder, or its name on the Hugging Face hub.
        names: What to look for, in the singular.
        threshold: The least score that counts.
        device: auto (the first GPU, else the CPU), cpu, cuda, cuda:1, mps.
        dtype: Of the weights; auto is float32 on the CPU and the checkpoint's own elsewhere.
        batch: Pictures that are looked at at once.
        cache: Folder of kept detections; None is ~/.cache/navagent, `off` keeps none.

    Raises:
        ConfigError: The checkpoint is absent, damaged or of another kind, the device is not there, or the names are
            none, not distinct, or too many for one question.
    """

    def __init__(
        self,
        checkpoint: str,
        names: Sequence[str] = NAMES,
        threshold: float = 0.25,
        device: str = "auto",
        dtype: DType = "auto",
        batch: int = 4,
        cache: str | None = None,
    ) -> None:
        self._names = [name.strip().lower() for name in names]
        if not self._names or not all(self._names) or len(set(self._names)) < len(self._names):
            raise ConfigError("The names to look for must be one or more, none of them empty or given twice.")
        if not 0.0 <= threshold < 1.0:
            raise ConfigError(f"threshold must be from 0 to below 1, not {threshold}.")
        place, folder = choose_device(device), find_checkpoint(checkpoint)
        self._model = load_model(transformers.AutoModelForZeroShotObjectDetection, folder, place, dtype)
        self._processor = load_processor(folder)
        self._threshold = threshold
        self._kind = str(self._model.config.model_type)
        if self._kind not in (*_OWL, *_GROUNDING_DINO):
            raise ConfigError(f"{checkpoint} is a {self._kind}: choose an OWLv2 or a Grounding DINO checkpoint.")
        self._check_length()
        identity = {
            "what": "objects",
            "checkpoint": fingerprint(folder),
            "names": self._names,
            "threshold": threshold,
            "dtype": str(self._model.dtype),
            "transformers": transformers.__version__,
        }
        self._map = PictureMap(self._detect, identity, batch, cache)

    @property
    def identity(self) -> dict[str, Any]:
        """What decides a detection beside the picture."""
        return dict(self._map.identity)

    def detect(self, pictures: Sequence[RGB]) -> list[list[Detection]]:
        """Return the objects in each picture (H, W, 3), best first.

        Raises:
            ConfigError: One is no picture, or the memory does not hold even one.
        """
        return [
            [Detection(name, score, (x0, y0, x1, y1)) for name, score, x0, y0, x1, y1 in found]
            for found in self._map(pictures)
        ]

    def _check_length(self) -> None:
        if self._kind in _GROUNDING_DINO:
            most, asked = self._model.config.max_text_len, ". ".join(self._names) + "."
            tokens = len(self._processor.tokenizer(asked)["input_ids"])
            if tokens > most:
                raise ConfigError(
                    f"The names to look for take {tokens} tokens; this checkpoint reads {most}: give fewer."
                )

    def _detect(self, pictures: Sequence[RGB]) -> list[list[tuple[Any, ...]]]:
        asked = self._names if self._kind in _GROUNDING_DINO else [_QUERY.format(name) for name in self._names]
        images = [PIL.Image.fromarray(picture) for picture in pictures]
        inputs = self._processor(images=images, text=[asked] * len(images), padding=True, return_tensors="pt")
        inputs = inputs.to(self._model.device, self._model.dtype)
        sizes = [picture.shape[:2] for picture in pictures]
        found = self._read(self._model(**inputs), inputs, sizes)
        return [
            sorted(_rows(each, names, size), key=lambda row: -row[1])
            for (each, names), size in zip(found, sizes, strict=True)
        ]

    def _read(self, outputs: Any, inputs: Any, sizes: list[tuple[int, ...]]) -> list[tuple[Any, list[str | None]]]:
        """Return for each picture its raw detections and their names; None for what is no name asked for."""
        how = {"threshold": self._threshold, "target_sizes": sizes}
        if self._kind in _OWL:
            found = self._processor.post_process_grounded_object_detection(outputs, **how)
            return [(each, [self._names[i] for i in each["labels"].tolist()]) for each in found]
        found = self._processor.post_process_grounded_object_detection(
            outputs, inputs["input_ids"], text_threshold=self._threshold, **how
        )
        return [(each, [self._name(phrase) for phrase in each["text_labels"]]) for each in found]

    def _name(self, phrase: str) -> str | None:
        """Return the name that Grounding DINO's phrase means: the tokens it lit up may be a part of one, or of two."""
        text = phrase.strip().lower()
        if text in self._names or not text:
            return text or None
        inside = [name for name in self._names if f" {name} " in f" {text} "]
        around = [name for name in self._names if f" {text} " in f" {name} "]
        return max(inside, key=len) if inside else min(around, key=len, default=None)


def _rows(found: Any, names: Sequence[str | None], size: tuple[int, ...]) -> list[tuple[Any, ...]]:
    """Return detections as JSON rows, boxes cut at the picture's edges; what lies outside of it is none."""
    height, width = size
    rows = []
    for name, score, (x0, y0, x1, y1) in zip(names, found["scores"].tolist(), found["boxes"].tolist(), strict=True):
        left, right = round(max(0.0, x0), 2), round(min(float(width), x1), 2)
        top, bottom = round(max(0.0, y0), 2), round(min(float(height), y1), 2)
        if name is not None and left < right and top < bottom:
            rows.append((name, round(score, 4), left, top, right, bottom))
    return rows
