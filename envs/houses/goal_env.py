"""PointNav and ObjectNav in houses, one agent at a time: the episodes that the vector environments play."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.houses.cache import load_house
from envs.houses.floor import Floor
from envs.houses.geodesic import Geodesic
from envs.houses.lockstep import sense_one
from envs.houses.splits import SplitPlan, plan_split
from envs.houses.tasks import ObjectNav, PointNav, Task
from envs.houses.textures import texture_atlas
from envs.houses.walking import HFOV, HouseWalk, Picture
from navagent.contracts import Shared
from navagent.errors import ConfigError
from navagent.types import Episode, Goal, Observation, Pose

_READINGS = {"gps": 2, "compass": 1, "pointgoal_with_gps_compass": 2}


class _Target(NamedTuple):
    """What an episode is about.

    Attributes:
        points: (K, 2) metres, places of which any is the goal.
        category: Index into `envs.houses.tasks.CATEGORIES`, -1 where the task has none.
    """

    points: NDArray[np.float64]
    category: int


class _Targets(Shared, dict[str, _Target]):
    """Targets by their episode's id; one for all workers."""


class HouseGoalWalk(HouseWalk):
    """A walk to a goal. The episodes follow from the houses' seeds, so no data is needed.

    They are those of `HouseVectorEnv` in the same split, house by house, in its order; in train those of a house's
    first visit. So are the observations, to the byte: `gps` (2,) and `compass` (1,), and the goal.

    Args:
        split: train, val_seen or val_unseen.
        houses: Houses of the split; by default 200 in train and 20 in the others.
        max_steps: Actions after which an episode is over.
        size: Height and width of the pictures, pixels, or (height, width).
        sensors: Which of rgb and depth; what is not asked for costs nothing.
        hfov: Horizontal angle of view of a picture, radians.
        views: Pictures side by side (`envs.houses.around`), which make the observed one so many times as wide.
        panorama_height: Height of a panorama's pictures, pixels; their width is 4/3 of it.

    Raises:
        ConfigError: An option is out of its range, or there is no such split.
    """

    task: ClassVar[Task]
    told: ClassVar[str]
    """The reading that tells the goal."""

    def __init__(
        self,
        split: str = "val_unseen",
        houses: int | None = None,
        max_steps: int = 500,
        size: int | tuple[int, int] = 128,
        sensors: Sequence[Picture] = ("rgb", "depth"),
        hfov: float = HFOV,
        views: int = 1,
        panorama_height: int = 120,
    ) -> None:
        super().__init__(max_steps, size, sensors, hfov, views, panorama_height)
        plan = plan_split(split, houses)
        if not len(plan.seeds):
            raise ConfigError(f"{split} has no houses: give at least one.")
        self.gives |= {"gps", "compass", self.told}
        self._targets, drawn = _Targets(), list(_draw(self.task, plan))
        self._targets.update({episode.episode_id: target for episode, target in drawn})
        self.episodes = tuple(episode for episode, _ in drawn)
        self.fingerprints = {"episodes": _fingerprint(drawn)}

    def reset(self, episode: Episode) -> Observation:
        """Put the agent where the episode begins.

        Raises:
            ValueError: It is no episode of this split.
        """
        if episode.episode_id not in self._targets:
            raise ValueError(f"{episode.episode_id} is no episode of this split")
        return super().reset(episode)

    def _goal_of(self, episode: Episode) -> NDArray[np.float64] | None:
        return None if episode.goal is None else self._targets[episode.episode_id].points

    def _readings(self) -> Mapping[str, NDArray[Any]]:
        start, here, target = self._episode.start, self._poses[-1], self._targets[self._episode.episode_id]
        known: dict[str, NDArray[Any]] = {name: np.empty(size, np.float32) for name, size in _READINGS.items()}
        sense_one(
            np.array(start.position[:2]),
            start.heading,
            np.array(here.position[:2]),
            here.heading,
            target.points[0],
            *known.values(),
        )
        known["objectgoal"] = np.array([target.category], np.int64)
        return {name: known[name] for name in ("gps", "compass", self.told)}


class HousePointNav(HouseGoalWalk):
    """PointNav in procedural houses: `pointgoal_with_gps_compass` tells the way to a point; STOP within 0.2 m of it.

    See `HouseGoalWalk` for options and observations.
    """

    task = PointNav()
    rules = PointNav.rules
    told = "pointgoal_with_gps_compass"


class HouseObjectNav(HouseGoalWalk):
    """ObjectNav in procedural houses: `objectgoal` names a category, as the instruction does; STOP at any such object.

    See `HouseGoalWalk` for options and observations. An episode's goal is the place at an object that is nearest to its
    start; any other counts as well.
    """

    task = ObjectNav()
    rules = ObjectNav.rules
    told = "objectgoal"


def _draw(task: Task, plan: SplitPlan) -> Iterator[tuple[Episode, _Target]]:
    """Yield the episodes of a split, house by house."""
    for seed in plan.seeds:
        house = load_house(seed)
        floor = Floor.of(house)
        geodesic, drawn = Geodesic(floor), task.episodes(house, floor, texture_atlas(), plan, 0)
        goals = [points[:used].copy() for points, used in zip(drawn.goals.points, drawn.goals.used, strict=True)]
        columns = (drawn.start.tolist(), drawn.heading.tolist(), drawn.goal.tolist(), drawn.category.tolist())
        for i, (start, heading, row, category) in enumerate(zip(*columns, strict=True)):
            points = goals[row]
            x, y = (points[0] if len(points) == 1 else geodesic.path(start, points)[-1]).tolist()
            episode = Episode(
                episode_id=f"{house.house_id}_{i}",
                scene=house.house_id,
                instruction=drawn.texts[i],
                start=Pose((*start, 0.0), heading),
                path_id=f"{house.house_id}_{i}",
                goal=Goal((x, y, 0.0)),
            )
            yield episode, _Target(points, category)


def _fingerprint(drawn: Sequence[tuple[Episode, _Target]]) -> str:
    digest = sha256()
    for episode, target in drawn:
        digest.update(repr((episode.episode_id, episode.start, target.category)).encode() + target.points.tobytes())
    return digest.hexdigest()
