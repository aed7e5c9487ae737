"""Sentence embeddings from a local transformers checkpoint, as sentence-transformers computes them.

Mean (or first) token of the last hidden layer, then scaled to length 1 (Reimers and Gurevych 2019, arXiv 1908.10084).
Any checkpoint of that family will do, for instance all-MiniLM-L6-v2; nothing is downloaded.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModel, AutoTokenizer

from navagent.data import fingerprint, load_json
from navagent.errors import ConfigError
from policies.encoders.base import Encoder

MOST_TOKENS = 128
"""Tokens of a text that count; a phrase has about ten."""


class SentenceEncoder(Encoder):
    """A checkpoint on disk.

    Args:
        path: The checkpoint's folder (config.json, weights, tokenizer; `1_Pooling/config.json` if it has one).
        device: Where it runs, as cpu or cuda; by default a GPU if there is one.
    """

    def __init__(self, path: str, device: str | None = None) -> None:
        if not Path(path, "config.json").is_file():
            raise ConfigError(f"{path} holds no checkpoint: give the folder of a sentence encoder, with config.json.")
        self._path = Path(path)
        self._device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(path, local_files_only=True)
            model: Any = AutoModel.from_pretrained(path, local_files_only=True)
            self._model: Any = model.to(self._device).eval()
        except (OSError, ValueError, RuntimeError) as error:
            reason = " ".join(str(error).split())
            raise ConfigError(f"The sentence encoder in {path} cannot be loaded: {reason:.300}") from error
        pooling = Path(path, "1_Pooling", "config.json")
        self._first_token = pooling.is_file() and bool(load_json(pooling).get("pooling_mode_cls_token"))
        self._kept: dict[str, NDArray[np.float32]] = {}
        self._lock = threading.Lock()  # a fast tokenizer keeps its padding state and must not be entered twice

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return a unit vector per text, (len(texts), dimensions); texts seen before cost nothing."""
        with self._lock:
            new = [text for text in dict.fromkeys(texts) if text not in self._kept]
            if new:
                self._kept.update(zip(new, self._embed(new), strict=True))
            return np.stack([self._kept[text] for text in texts])

    def fingerprints(self) -> Mapping[str, str]:
        """Return the sha256 of the checkpoint's files."""
        return {"encoder": fingerprint(file for file in self._path.iterdir() if file.is_file())}

    def _embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        tokens = self._tokenizer(
            list(texts), padding=True, truncation=True, max_length=MOST_TOKENS, return_tensors="pt"
        ).to(self._device)
        with torch.inference_mode():
            hidden = self._model(**tokens).last_hidden_state
            if self._first_token:
                vectors = hidden[:, 0]
            else:
                mask = tokens["attention_mask"].unsqueeze(-1).to(hidden.dtype)
                vectors = (hidden * mask).sum(1) / mask.sum(1)
            unit: NDArray[np.float32] = torch.nn.functional.normalize(vectors.float(), dim=1).cpu().numpy()
        return unit
