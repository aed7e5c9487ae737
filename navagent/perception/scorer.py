"""How well texts fit pictures: CLIP (Radford et al. 2021) or SigLIP (Zhai et al. 2023)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import PIL.Image
import torch
import transformers
from numpy.typing import NDArray

from navagent.checkpoints import (
    DType,
    choose_device,
    find_checkpoint,
    fingerprint,
    load_config,
    load_model,
    load_processor,
)
from navagent.contracts import Shared
from navagent.errors import ConfigError
from navagent.perception.picture_map import RGB, PictureMap

KINDS = ("clip", "siglip", "siglip2")


class Scorer(Shared):
    """Compares pictures with texts in the space that both are embedded in. Called from many threads at once.

    Args:
        checkpoint: Its folder, or its name on the Hugging Face hub.
        device: auto (the first GPU, else the CPU), cpu, cuda, cuda:1, mps.
        dtype: Of the weights; auto is float32 on the CPU and the checkpoint's own elsewhere.
        batch: Pictures that are embedded at once.
        cache: Folder of kept embeddings; None is ~/.cache/navagent, `off` keeps none.

    Raises:
        ConfigError: The checkpoint is absent, damaged or of another kind, or the device is not there.
    """

    def __init__(
        self,
        checkpoint: str,
        device: str = "auto",
        dtype: DType = "auto",
        batch: int = 16,
        cache: str | None = None,
    ) -> None:
        place, folder = choose_device(device), find_checkpoint(checkpoint)
        kind = str(load_config(folder).model_type)
        if kind not in KINDS:
            raise ConfigError(f"{checkpoint} is of the wrong kind: a {kind} is none of {', '.join(KINDS)}.")
        self._model = load_model(transformers.AutoModel, folder, place, dtype)
        self._processor = load_processor(folder)
        # SigLIP was trained on texts padded to its full length, CLIP on masked ones.
        self._padding: Any = True if kind == "clip" else "max_length"
        identity = {
            "what": "embedding",
            "checkpoint": fingerprint(folder),
            "dtype": str(self._model.dtype),
            "transformers": transformers.__version__,
        }
        self._map = PictureMap(self._embed, identity, batch, cache)

    @property
    def identity(self) -> dict[str, Any]:
        """What decides an embedding beside the picture."""
        return dict(self._map.identity)

    def similarity(self, pictures: Sequence[RGB], texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the cosine similarity, -1 to 1, of each picture (rows) with each text (columns).

        Raises:
            ConfigError: One is no picture, or the memory does not hold even one.
        """
        seen = np.array(self._map(pictures), np.float32)
        fit: NDArray[np.float32] = seen @ self._words(texts).T
        return fit

    @torch.inference_mode()
    def _words(self, texts: Sequence[str]) -> NDArray[np.float32]:
        inputs = self._processor.tokenizer(list(texts), padding=self._padding, truncation=True, return_tensors="pt").to(
            self._model.device
        )
        return _unit(self._model.get_text_features(**inputs))

    def _embed(self, pictures: Sequence[RGB]) -> list[list[float]]:
        images = [PIL.Image.fromarray(picture) for picture in pictures]
        inputs = self._processor.image_processor(images=images, return_tensors="pt")
        rows: list[list[float]] = _unit(
            self._model.get_image_features(**inputs.to(self._model.device, self._model.dtype))
        ).tolist()
        return rows


def _unit(features: Any) -> NDArray[np.float32]:
    """Return embeddings of length 1; transformers 5 hands them out inside an output object."""
    tensor = features if isinstance(features, torch.Tensor) else features.pooler_output
    tensor = tensor.float()
    unit: NDArray[np.float32] = (tensor / tensor.norm(dim=-1, keepdim=True)).cpu().numpy()
    return unit
