"""Pictures in a sentence: BLIP-2, InstructBLIP, or any image-text-to-text checkpoint with a chat template."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import PIL.Image
import torch
import transformers

from navagent.checkpoints import DType, choose_device, find_checkpoint, fingerprint, load_model, load_processor
from navagent.contracts import Shared
from navagent.errors import ConfigError
from navagent.perception.picture_map import RGB, PictureMap

PROMPT = "Describe what this view inside a building shows, in one short phrase."
"""For models that follow instructions; BLIP-2, which does not, writes captions without a prompt."""


class Captioner(Shared):
    """Writes one caption per picture, greedily. Called from many threads at once.

    Args:
        checkpoint: Its folder, or its name on the Hugging Face hub.
        prompt: What is asked of each picture; None is a fitting one for the kind of model.
        max_tokens: Most tokens of a caption.
        device: auto (the first GPU, else the CPU), cpu, cuda, cuda:1, mps.
        dtype: Of the weights; auto is float32 on the CPU and the checkpoint's own elsewhere.
        batch: Pictures that are described at once.
        cache: Folder of kept captions; None is ~/.cache/navagent, `off` keeps none.

    Raises:
        ConfigError: The checkpoint is absent, damaged or of another kind, or the device is not there.
    """

    def __init__(
        self,
        checkpoint: str,
        prompt: str | None = None,
        max_tokens: int = 30,
        device: str = "auto",
        dtype: DType = "auto",
        batch: int = 8,
        cache: str | None = None,
    ) -> None:
        if max_tokens < 1:
            raise ConfigError(f"max_tokens must be at least 1, not {max_tokens}.")
        place, folder = choose_device(device), find_checkpoint(checkpoint)
        self._model = load_model(transformers.AutoModelForImageTextToText, folder, place, dtype)
        self._processor = load_processor(folder)
        self._processor.tokenizer.padding_side = "left"
        self._chats = bool(getattr(self._processor, "chat_template", None))
        self._kind = str(self._model.config.model_type)
        if not self._chats and self._kind not in ("blip-2", "instructblip"):
            raise ConfigError(f"{checkpoint} is a {self._kind} without a chat template: choose another checkpoint.")
        plain = self._kind == "blip-2" and not self._chats
        self._prompt = ("" if plain else PROMPT) if prompt is None else prompt
        self._max_tokens = max_tokens
        if getattr(self._processor, "num_query_tokens", 0) is None:  # checkpoints of before transformers 4.46
            self._processor.num_query_tokens = self._model.config.num_query_tokens
        identity = {
            "what": "caption",
            "checkpoint": fingerprint(folder),
            "prompt": self._prompt,
            "max_tokens": max_tokens,
            "dtype": str(self._model.dtype),
            "transformers": transformers.__version__,
        }
        self._map = PictureMap(self._caption, identity, batch, cache)

    @property
    def identity(self) -> dict[str, Any]:
        """What decides a caption beside the picture."""
        return dict(self._map.identity)

    def captions(self, pictures: Sequence[RGB]) -> list[str]:
        """Return a caption of each picture (H, W, 3), on one line.

        Raises:
            ConfigError: One is no picture, or the memory does not hold even one.
        """
        return self._map(pictures)

    def _caption(self, pictures: Sequence[RGB]) -> list[str]:
        inputs = self._inputs([PIL.Image.fromarray(picture) for picture in pictures])
        inputs = inputs.to(self._model.device, self._model.dtype)
        tokens = self._model.generate(**inputs, max_new_tokens=self._max_tokens, do_sample=False, num_beams=1)
        asked = inputs["input_ids"]
        if torch.equal(tokens[:, : asked.shape[1]], asked):  # decoders repeat the prompt, encoder-decoders do not
            tokens = tokens[:, asked.shape[1] :]
        texts = self._processor.batch_decode(tokens, skip_special_tokens=True)
        return [" ".join(text.split()) for text in texts]

    def _inputs(self, pictures: Sequence[PIL.Image.Image]) -> Any:
        how = {"padding": True, "return_tensors": "pt"}
        if not self._chats:
            return self._processor(images=list(pictures), text=[self._prompt] * len(pictures), **how)
        asked = [
            [
                {
                    "role": "user",
                    "content": [{"type": "image", "image": picture}, {"type": "text", "text": self._prompt}],
                }
            ]
            for picture in pictures
        ]
        return self._processor.apply_chat_template(
            asked, add_generation_prompt=True, tokenize=True, return_dict=True, processor_kwargs=how
        )
