"""A vision model as a function of pictures: batched over the episodes that are played at once, kept on disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from navagent.batching import Batcher, in_halves
from navagent.cache_folder import cache_folder
from navagent.contracts import Shared
from navagent.errors import ConfigError
from navagent.images import check_picture
from navagent.store import JsonStore

RGB: TypeAlias = NDArray[np.uint8]
"""(H, W, 3)."""


class PictureMap(Shared):
    """Applies a model to pictures; each distinct picture once.

    Args:
        run: The model: as many JSON values as pictures, which may differ in size.
        identity: What decides the values beside the picture: the checkpoint's fingerprint and settings, as JSON.
        batch: Pictures that the model gets at once.
        cache: Folder of kept values; None is $NAVAGENT_CACHE or ~/.cache/navagent, `off` keeps none.
    """

    def __init__(
        self,
        run: Callable[[Sequence[RGB]], Sequence[Any]],
        identity: Mapping[str, Any],
        batch: int,
        cache: str | None,
    ) -> None:
        if batch < 1:
            raise ConfigError(f"batch must be at least 1 picture, not {batch}.")
        self.identity = identity
        self._model = run
        self._store: JsonStore | None = None
        folder = cache_folder(cache)
        if folder is not None:
            self._store = JsonStore(folder / "vision.sqlite", "seen", "cache of pictures seen", "--...cache")
        self._batcher: Batcher[RGB, Any] = Batcher(self._run, batch)

    def __call__(self, pictures: Sequence[RGB]) -> list[Any]:
        """Return the model's value for each picture.

        Raises:
            ConfigError: One is no picture, or the memory does not hold even one.
            RunError: The cache is damaged or cannot be written.
        """
        hashes = [_hash(picture) for picture in pictures]
        values: dict[str, Any] = {}
        if self._store is not None:
            values = {name: kept for name in set(hashes) if (kept := self._store.get(self._key(name))) is not None}
        new = {name: picture for name, picture in zip(hashes, pictures, strict=True) if name not in values}
        for name, value in zip(new, self._batcher(list(new.values())), strict=True):
            values[name] = value
            if self._store is not None:
                self._store.put(self._key(name), value)
        return [values[name] for name in hashes]

    def _key(self, image_hash: str) -> dict[str, Any]:
        return {**self.identity, "image": image_hash}

    def _run(self, pictures: Sequence[RGB]) -> list[Any]:
        results = in_halves(self._inferred, pictures, torch.OutOfMemoryError)
        return [_too_large(each) if isinstance(each, torch.OutOfMemoryError) else each for each in results]

    @torch.inference_mode()
    def _inferred(self, pictures: Sequence[RGB]) -> Sequence[Any]:
        return self._model(pictures)


def _hash(picture: RGB) -> str:
    try:
        check_picture(picture)
    except ValueError as error:
        raise ConfigError(f"The environment gave what no vision model can look at: {error}.") from error
    return sha256(f"{picture.shape}".encode() + np.ascontiguousarray(picture).tobytes()).hexdigest()


def _too_large(error: torch.OutOfMemoryError) -> ConfigError:
    reason = str(error).splitlines()[0] if str(error) else "out of memory"
    return ConfigError(f"The memory does not hold the vision model at work on one picture ({reason}).")
