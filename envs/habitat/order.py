"""Which episode each agent of a batch plays next: opening a building takes seconds, so agents stay for a while."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from navagent.types import Episode


class Order:
    """The episodes of `agents` agents.

    Args:
        episodes: The split's episodes.
        agents: Number of agents.
        shuffle: Draw at random, for ever; else agent i plays episodes i, i + agents, ... of all, building by building,
            again and again.
        seed: Of the drawing.
        stay: Episodes that an agent plays in one building before it draws another.
    """

    def __init__(self, episodes: Sequence[Episode], agents: int, shuffle: bool, seed: int, stay: int) -> None:
        self._sorted = sorted(episodes, key=lambda episode: episode.scene)
        self._by_scene: dict[str, list[Episode]] = {}
        for episode in self._sorted:
            self._by_scene.setdefault(episode.scene, []).append(episode)
        self._scenes = list(self._by_scene)
        self._agents, self._shuffle, self._stay = agents, shuffle, stay
        self.seed = seed
        self.begun = [0] * agents

    def next(self, agent: int) -> Episode:
        """Return the next episode of an agent; it depends on nothing but the arguments and how many it has begun."""
        count = self.begun[agent]
        self.begun[agent] += 1
        if not self._shuffle:
            return self._sorted[(agent + count * self._agents) % len(self._sorted)]
        visit, turn = divmod(count, self._stay)
        rng = np.random.default_rng([self.seed, agent, visit])
        here = self._by_scene[self._scenes[int(rng.integers(len(self._scenes)))]]
        return here[int(rng.integers(len(here), size=turn + 1)[turn])]

    def state(self) -> dict[str, Any]:
        """Return what `restore` needs."""
        return {"seed": self.seed, "begun": list(self.begun)}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`; an episode that had begun there is begun again."""
        self.seed = int(state["seed"])
        self.begun = [max(0, int(count) - 1) for count in state["begun"]]
