"""Houses as R2R sees them: the nav-graph task on the data that `navagent houses make` wrote, with pictures."""

from __future__ import annotations

from collections.abc import Sequence

from envs.houses.places import Places, check_houses
from envs.houses.render import PANORAMA_HEIGHT
from envs.r2r.env import R2R
from navagent.errors import ConfigError
from navagent.types import View


class HouseNavGraph(R2R):
    """R2R's task and rules on the houses' nav-graphs; the name keeps its scores apart from R2R's own.

    Candidates are the neighbours. What is seen comes as R2R's 36 views, rendered for policies that need `panorama`, or
    in words from `HouseTexts` (objects with heading, distance and category; privileged).

    Args:
        split: train, val_seen or val_unseen.
        data_dir: The folder that `navagent houses make` wrote; by default $NAVAGENT_DATA, else ./data.
        max_steps: Moves after which an episode is over.
        panorama_height: Height of a panorama's pictures, pixels; their width is 4/3 of it (R2R's are 640 x 480).

    Raises:
        ConfigError: An option is out of its range, or there is no such split.
        DataError: A file of the split is absent or damaged, or its buildings are no houses.
    """

    gives = R2R.gives | {"panorama"}

    def __init__(
        self,
        split: str = "val_unseen",
        data_dir: str | None = None,
        max_steps: int = 35,
        panorama_height: int = PANORAMA_HEIGHT,
    ) -> None:
        if panorama_height < 1:
            raise ConfigError(f"panorama_height must be at least 1, not {panorama_height}.")
        super().__init__(split, data_dir, max_steps)
        check_houses(episode.scene for episode in self.episodes)
        self._places = Places()
        self._panorama_height = panorama_height

    def panorama(self, sensors: Sequence[str] = ("rgb", "depth")) -> tuple[View, ...]:
        """Return the viewpoint's 36 views; view k looks the same way whatever the agent faces, as in R2R."""
        here, place = self._poses[-1], self._places[self._episode.scene]
        point = (here.position[0], here.position[1])
        return place.panorama(point, here.heading, 0.0, self._panorama_height, sensors)
