"""What vision models say of the pictures at hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from navagent.checkpoints import DType
from navagent.contracts import Describer
from navagent.perception.captioner import Captioner
from navagent.perception.detector import NAMES, Detector
from navagent.perception.panorama_reader import ROWS, PanoramaReader
from navagent.perception.scorer import Scorer
from navagent.perception.sectors import describe_sectors, turn
from navagent.types import Description, Observation


class VisionTexts(Describer):
    """Captions, objects with distances and the kind of room, as the agent goes; any environment with panoramas will do.

    Each distinct picture is looked at once and kept on disk. `navagent perceive` does the same ahead of time.

    Args:
        captioner: Checkpoint that describes views: BLIP-2, InstructBLIP, or one with a chat template.
        detector: Checkpoint that finds objects: OWLv2 or Grounding DINO. None finds none.
        scorer: Checkpoint that names the kind of room: CLIP or SigLIP. None repeats the first captions.
        prompt: What the captioner is asked; None is a fitting question.
        caption_tokens: Most tokens of a caption.
        names: What the detector looks for; None is some 50 things that homes hold.
        threshold: The least score of an object that counts.
        reach: Objects farther away are left out, metres.
        elevations: Tell the views below and above, too, as "down: ...; middle: ...; top: ...".
        device: auto (the first GPU, else the CPU), cpu, cuda, cuda:1, mps.
        dtype: Of the weights; auto is float32 on the CPU and the checkpoint's own elsewhere.
        batch: Pictures that a model gets at once.
        cache: Folder of what was seen; None is ~/.cache/navagent, `off` keeps nothing.

    Raises:
        ConfigError: A checkpoint is absent, damaged or of another kind, or the device is not there.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"panorama", "pose"})

    def __init__(
        self,
        captioner: str,
        detector: str | None = None,
        scorer: str | None = None,
        prompt: str | None = None,
        caption_tokens: int = 30,
        names: list[str] | None = None,
        threshold: float = 0.25,
        reach: float = 3.0,
        elevations: bool = False,
        device: str = "auto",
        dtype: DType = "auto",
        batch: int = 8,
        cache: str | None = None,
    ) -> None:
        self._elevations = elevations
        how: dict[str, Any] = {"device": device, "dtype": dtype, "batch": batch, "cache": cache}
        self.reader = PanoramaReader(
            Captioner(captioner, prompt, caption_tokens, **how),
            None if detector is None else Detector(detector, names or NAMES, threshold, **how),
            None if scorer is None else Scorer(scorer, **how),
            reach,
        )

    def describe(self, observation: Observation) -> Description:
        """Return the panorama in words, in sectors of fixed world headings turned to the agent's own.

        Raises:
            ConfigError: The panorama holds no colour pictures.
        """
        assert observation.pose is not None
        assert observation.panorama is not None
        place = self.reader.read(observation.panorama, observation.pose.heading)
        texts = [told_elevations(views) for views in place.captions] if self._elevations else place.sentences
        return turn(describe_sectors(place.summary, list(texts), place.objects), observation.pose.heading)

    def fingerprints(self) -> Mapping[str, str]:
        """Return the checkpoints' fingerprints."""
        models = (self.reader.captioner, self.reader.detector, self.reader.scorer)
        return {str(model.identity["what"]): str(model.identity["checkpoint"]) for model in models if model is not None}


def told_elevations(captions: tuple[str, ...], separator: str = "; ") -> str:
    """Return a sector's captions as NavGPT's files hold them; a panorama of one row has its level views only."""
    if len(captions) != len(ROWS):
        return separator.join(captions)
    return separator.join(f"{row}: {caption}" for row, caption in zip(ROWS, captions, strict=True))
