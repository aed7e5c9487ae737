"""Which episodes a run plays, and in what order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from navagent.errors import ConfigError
from navagent.types import Episode


def choose_episodes(episodes: Sequence[Episode], count: int | None, seed: int) -> list[Episode]:
    """Return `count` episodes (all if None) in a seeded random order.

    A subset is a systematic sample: episodes are lined up scene by scene, both shuffled, and every k-th is taken from a
    random start, so that each scene has its share to within one episode. Never a prefix: val_unseen is ordered easy
    first. The order is random even for all episodes, so that an unfinished run is a fair sample too.

    Raises:
        ConfigError: There are fewer than `count` episodes, or `count` is not positive.
    """
    rng = np.random.default_rng(seed)
    if count is None:
        count = len(episodes)
    if not 0 < count <= len(episodes):
        raise ConfigError(f"--episodes {count} is not between 1 and the split's {len(episodes)} episodes.")
    scenes = sorted({episode.scene for episode in episodes})
    scene_rank = dict(zip(scenes, rng.permutation(len(scenes)).tolist(), strict=True))
    lottery = rng.random(len(episodes))
    line = sorted(range(len(episodes)), key=lambda i: (scene_rank[episodes[i].scene], lottery[i]))
    step = len(episodes) / count
    offset = rng.random() * step
    chosen = [line[int(offset + i * step)] for i in range(count)]
    return [episodes[i] for i in rng.permutation(chosen)]
