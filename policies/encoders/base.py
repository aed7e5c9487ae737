"""What turns texts into vectors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from navagent.contracts import Shared


class Encoder(Shared, ABC):
    """Turns texts into vectors whose cosine says how much they mean the same. Called from many threads at once."""

    @abstractmethod
    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return a unit vector per text, (len(texts), dimensions)."""

    def fingerprints(self) -> Mapping[str, str]:
        """Return the sha256 of what decides the vectors (none by default)."""
        return {}
