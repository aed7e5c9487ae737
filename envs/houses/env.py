"""Houses as R2R-CE sees them: pictures in, primitive actions out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.continuous import load_r2r_ce
from envs.houses.floor import Floor
from envs.houses.walking import HFOV, HouseWalk, Picture
from envs.houses.words import WORDS, tokens
from navagent.errors import DataError
from navagent.types import Episode, Observation


class HouseEnv(HouseWalk):
    """R2R-CE in procedural houses: FORWARD 0.25 m with sliding, turns of 15 degrees, at most 500 actions.

    Distances are exact geodesics on the floor, path lengths Euclidean, and nDTW is measured with Euclidean distances
    against the dense ground-truth locations (VLN-CE's measures). Beside pictures it gives `instruction`, (96,) int32
    tokens of `envs.houses.words`.

    Args:
        split: train, val_seen or val_unseen.
        data_dir: The folder that `navagent houses make` wrote; by default $NAVAGENT_DATA, else ./data.
        max_steps: Actions after which an episode is over.
        size: Height and width of the pictures, pixels, or (height, width).
        sensors: Which of rgb and depth; what is not asked for costs nothing.
        hfov: Horizontal angle of view of a picture, radians.
        views: Pictures side by side, which make the observed one so many times as wide; 4 of 90 degrees show all
            around, and 8 of 45 what waypoint actions are chosen from (`navagent.waypoint_actions`).
        panorama_height: Height of a panorama's pictures, pixels; their width is 4/3 of it (R2R's are 640 x 480, which
            takes half a second per panorama).

    Raises:
        ConfigError: An option is out of its range, or there is no such split.
        DataError: A file of the split is absent or damaged.
    """

    rules = "r2r_ce"
    _vocabulary = WORDS

    def __init__(
        self,
        split: str = "val_unseen",
        data_dir: str | None = None,
        max_steps: int = 500,
        size: int | tuple[int, int] = 224,
        sensors: Sequence[Picture] = ("rgb", "depth"),
        hfov: float = HFOV,
        views: int = 1,
        panorama_height: int = 120,
    ) -> None:
        super().__init__(max_steps, size, sensors, hfov, views, panorama_height)
        self.gives |= {"instruction"}
        self.episodes, self.fingerprints = load_r2r_ce(split, data_dir)

    def reset(self, episode: Episode) -> Observation:
        """Put the agent where the episode begins.

        Raises:
            DataError: The episode begins or ends off the floor.
        """
        _check_on_floor(episode, self._places[episode.scene].floor)
        self._words = tokens([episode.instruction])[0]
        return super().reset(episode)

    def _goal_of(self, episode: Episode) -> NDArray[np.float64] | None:
        return None if episode.goal is None else np.array([episode.goal.position])

    def _readings(self) -> Mapping[str, NDArray[Any]]:
        return {"instruction": self._words}


def _check_on_floor(episode: Episode, floor: Floor) -> None:
    ends = {"begins": episode.start.position} | ({"ends": episode.goal.position} if episode.goal else {})
    for what, position in ends.items():
        try:
            floor.require([position])
        except ValueError as error:
            reason = str(error).rstrip(".")
            raise DataError(
                f"Episode {episode.episode_id} {what} where nobody can stand ({reason}): its data is of other houses, "
                "so make it anew with `navagent houses make`."
            ) from error
