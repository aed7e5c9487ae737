"""The houses that a vector environment holds at a time, and their exchange.

A split has hundreds of houses; a batch needs only a few at once. One house after another is retired: no episode begins
there any more, the next house is made in the background, and takes its place once the last agent has left. When that
happens depends on the agents' steps alone, never on how fast the background is.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.houses.cache import load_house
from envs.houses.floor import Floor, pack
from envs.houses.geodesic import stack_goals
from envs.houses.house import House
from envs.houses.lockstep import Agents, Stage
from envs.houses.render import Renderer
from envs.houses.splits import SplitPlan
from envs.houses.surfaces import Surfaces, prepare
from envs.houses.tasks import EpisodeSet, Task
from envs.houses.textures import texture_atlas
from navagent.errors import ConfigError

BEFOREHAND = 0.25
"""Share of the steps between two exchanges that a house is made ahead of its use."""


@dataclass(frozen=True, eq=False)
class Resident:
    """A house in use.

    Attributes:
        house: The house.
        visit: How often it was left before.
        floor: Its floor.
        surfaces: What the renderer draws.
        episodes: The task's episodes.
    """

    house: House
    visit: int
    floor: Floor
    surfaces: Surfaces
    episodes: EpisodeSet


class Pool:
    """Residents, and the arrays that kernels and renderer take; there are none before `restart` or `restore`.

    Args:
        task: Gives the episodes.
        plan: The split.
        residents: How many houses to hold at once; all of the split if it has no more.
        house_steps: Steps of the whole batch after which one house is exchanged for another.

    Attributes:
        stage: All residents.
        renderer: All residents, in the same order.
        residents: The houses in use.

    Raises:
        ConfigError: The split has no house, or a number is out of its range.
    """

    def __init__(self, task: Task, plan: SplitPlan, residents: int, house_steps: int) -> None:
        if not len(plan.seeds):
            raise ConfigError(f"{plan.name} has no houses: give at least one.")
        if residents < 1 or house_steps < 1:
            raise ConfigError(f"residents and house_steps must be at least 1, not {residents} and {house_steps}.")
        self._task, self._plan, self._atlas = task, plan, texture_atlas()
        self._house_steps = house_steps
        self._count = min(residents, len(plan.seeds))
        self._rotates = self._count < len(plan.seeds)
        self._maker = ThreadPoolExecutor(1, thread_name_prefix="house") if self._rotates else None
        self.residents: list[Resident] = []

    def restart(self, seed: int) -> None:
        """Begin, or begin again, with the first houses of the order that belongs to `seed`."""
        seeds = np.array(self._plan.seeds)
        self._order = np.random.default_rng(seed).permutation(seeds) if self._rotates else seeds
        self.restore({"held": list(range(self._count)), "next": self._count, "steps": 0, "retiring": None})

    def state(self) -> dict[str, Any]:
        """Return what `restore` takes: places in the order of the houses held, of the next one, and the counters."""
        return {"held": list(self._held), "next": self._next, "steps": self._steps, "retiring": self._retiring}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Hold the houses that a pool of the same split and seed held; `restart` comes first."""
        self._held, self._next, self._steps = list(state["held"]), state["next"], state["steps"]
        self._retiring: int | None = state["retiring"]
        self._coming: Future[Resident] | None = None
        known = {(resident.house.seed, resident.visit): resident for resident in self.residents}
        self.residents = [known.get(self._called(place)) or self._make(place) for place in self._held]
        if not any(len(resident.episodes.goal) for resident in self.residents):
            raise ConfigError(f"No house of {self._plan.name} has an episode of {self._task.name}: give more houses.")
        self._pack()

    def tick(self, agents: Agents) -> None:
        """Count a step of all agents, and exchange a house if it is time."""
        if self._maker is None:
            return
        self._steps += len(agents.house)
        if self._coming is None and self._steps >= (1 - BEFOREHAND) * self._house_steps:
            self._coming = self._maker.submit(self._make, self._next)
        if self._retiring is None and self._steps >= self._house_steps:
            self._retiring = self._held.index(min(self._held))  # the one that is here longest
            self.stage.open[:] = self._open()
        if self._retiring is None or not (agents.over | (agents.house != self._retiring)).all():
            return
        self.residents[self._retiring] = self._newcomer(self._retiring)
        self._held[self._retiring] = self._next
        left = agents.house == self._retiring
        self._next, self._steps, self._retiring, self._coming = self._next + 1, 0, None, None
        self._pack()
        # Until their next step, agents whose episode was the old house's stand in one that there is.
        agents.house[left], agents.episode[left] = np.flatnonzero(self.stage.open)[0], 0

    def close(self) -> None:
        """Wait for the house in the making, if any."""
        if self._maker is not None:
            self._maker.shutdown(cancel_futures=True)

    def _make(self, place: int) -> Resident:
        seed, visit = self._called(place)
        house = load_house(seed)
        floor = Floor.of(house)
        episodes = self._task.episodes(house, floor, self._atlas, self._plan, visit)
        return Resident(house, visit, floor, prepare(house, len(self._atlas)), episodes)

    def _newcomer(self, place: int) -> Resident:
        """Return the next house of the order; where no other resident than `place` has an episode, one that has."""
        coming = self._coming.result() if self._coming is not None else self._make(self._next)
        others = any(len(other.episodes.goal) for i, other in enumerate(self.residents) if i != place)
        for _ in self._order:
            if others or len(coming.episodes.goal):
                return coming
            self._next += 1
            coming = self._make(self._next)
        raise ConfigError(
            f"No house of {self._plan.name} has an episode of {self._task.name} any more: give more houses."
        )

    def _called(self, place: int) -> tuple[int, int]:
        """Return seed and visit of the house at a place of the order, which is gone through again and again."""
        visit, index = divmod(place, len(self._order))
        return int(self._order[index]), visit

    def _pack(self) -> None:
        sets = [resident.episodes for resident in self.residents]
        rows = np.cumsum([0, *(len(part.goals.floor) for part in sets)])
        self.stage = Stage(
            floors=pack([resident.floor for resident in self.residents]),
            goals=stack_goals([part.goals for part in sets], list(range(len(sets)))),
            first=np.cumsum([0, *(len(part.goal) for part in sets)]).astype(np.int64),
            start=np.concatenate([part.start for part in sets]),
            heading=np.concatenate([part.heading for part in sets]),
            goal=np.concatenate([part.goal + row for part, row in zip(sets, rows, strict=False)]).astype(np.int64),
            shortest=np.concatenate([part.shortest for part in sets]),
            open=self._open(),
        )
        self.renderer = Renderer([resident.surfaces for resident in self.residents], self._atlas)

    def _open(self) -> NDArray[np.bool_]:
        """Return where episodes may begin: not in the house that retires, unless there is no other."""
        free = np.array([len(resident.episodes.goal) > 0 for resident in self.residents])
        if self._retiring is not None and free.sum() > 1:
            free[self._retiring] = False
        return free
