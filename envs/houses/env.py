"""Houses as R2R-CE sees them: pictures in, primitive actions out."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from envs.continuous import ContinuousEnv, load_r2r_ce
from envs.houses.floor import Floor
from envs.houses.house import SENSOR_HEIGHT
from envs.houses.motion import FORWARD, LEFT, RIGHT, STOP, walk
from envs.houses.places import Places
from envs.houses.render import LARGEST
from navagent.errors import ConfigError, DataError
from navagent.types import (
    Action,
    Distances,
    Episode,
    Forward,
    Observation,
    Pose,
    Position,
    Stop,
    Trajectory,
    TurnLeft,
    TurnRight,
    View,
)

HFOV = math.radians(90)
"""R2R-CE's horizontal field of view."""

_CODES: dict[type, int] = {Stop: STOP, Forward: FORWARD, TurnLeft: LEFT, TurnRight: RIGHT}
_ACTIONS: dict[int, Action] = {STOP: Stop(), FORWARD: Forward(), LEFT: TurnLeft(), RIGHT: TurnRight()}


class HouseEnv(ContinuousEnv):
    """R2R-CE in procedural houses: FORWARD 0.25 m with sliding, turns of 15 degrees, at most 500 actions.

    Distances are exact geodesics on the floor, path lengths Euclidean, and nDTW is measured with Euclidean distances
    against the dense ground-truth locations (VLN-CE's measures).

    Args:
        split: train, val_seen or val_unseen.
        data_dir: The folder that `navagent houses make` wrote; by default $NAVAGENT_DATA, else ./data.
        max_steps: Actions after which an episode is over.
        size: Height and width of the pictures, pixels.
        panorama_height: Height of a panorama's pictures, pixels; their width is 4/3 of it (R2R's are 640 x 480, which
            takes half a second per panorama).

    Raises:
        ConfigError: An option is out of its range, or there is no such split.
        DataError: A file of the split is absent or damaged.
    """

    gives = frozenset({"pose", "rgb", "depth", "panorama", "oracle_action"})
    rules = "r2r_ce"

    def __init__(
        self,
        split: str = "val_unseen",
        data_dir: str | None = None,
        max_steps: int = 500,
        size: int = 224,
        panorama_height: int = 120,
    ) -> None:
        if max_steps < 1:
            raise ConfigError(f"max_steps must be at least 1, not {max_steps}.")
        for name, pixels, most in (("size", size, LARGEST), ("panorama_height", panorama_height, LARGEST * 3 // 4)):
            if not 1 <= pixels <= most:
                raise ConfigError(f"{name} must be from 1 to {most} pixels, not {pixels}.")
        self.episodes, self.fingerprints = load_r2r_ce(split, data_dir)
        self._places = Places()
        self._max_steps, self._size, self._panorama_height = max_steps, size, panorama_height

    def reset(self, episode: Episode) -> Observation:
        """Put the agent where the episode begins.

        Raises:
            DataError: The episode begins or ends off the floor.
        """
        self._place = self._places[episode.scene]
        _check_on_floor(episode, self._place.floor)
        self._episode = episode
        self._poses = [episode.start]
        self._stopped = False
        return self._observe(collided=False)

    def step(self, action: Action) -> Observation:
        """Act.

        Raises:
            ValueError: The action is none of Stop, Forward, TurnLeft, TurnRight, or the episode is over.
        """
        if self._done:
            raise ValueError(f"episode {self._episode.episode_id} is over: call reset")
        if type(action) not in _CODES:
            raise ValueError(f"{action} is illegal here: Stop, Forward, TurnLeft or TurnRight")
        if isinstance(action, Stop):
            self._stopped = True
            return self._observe(collided=False)
        here = self._poses[-1]
        moved = walk(self._place.floor, here.position, here.heading, [_CODES[type(action)]])
        x, y = moved.positions[-1].tolist()
        self._poses.append(Pose((x, y, 0.0), float(moved.headings[-1])))
        return self._observe(collided=bool(moved.collided[-1]))

    def trajectory(self) -> Trajectory:
        """Return every pose with the distances that metrics need."""
        return Trajectory(
            self._episode.episode_id,
            self._episode.scene,
            tuple(self._poses),
            None,
            self._stopped,
            self.measure(self._episode, [pose.position for pose in self._poses]),
        )

    def measure(self, episode: Episode, positions: Sequence[Position]) -> Distances | None:
        """Measure a path by R2R-CE's rule, wherever it was walked; None where the split has no goals.

        Raises:
            ValueError: A position is off the floor.
        """
        goal = episode.goal
        if goal is None:
            return None
        to_goal = self._places[episode.scene].geodesic.distances(positions, goal.position)
        walked = np.array([position[:2] for position in positions])
        reference = np.array([position[:2] for position in goal.reference_positions])
        to_reference = np.hypot(*(walked[:, None] - reference[None]).transpose(2, 0, 1))
        return Distances(
            between=tuple(np.hypot(*np.diff(walked, axis=0).T).tolist()),
            to_goal=tuple(to_goal.tolist()),
            to_reference=tuple(tuple(row) for row in to_reference.tolist()),
            shortest=float(to_goal[0]),
            reference=float(np.hypot(*np.diff(reference, axis=0).T).sum()),
        )

    def oracle_action(self) -> Action:
        """Return the shortest path's next action.

        Raises:
            ValueError: The split has no goals.
        """
        goal = self._episode.goal
        if goal is None:
            raise ValueError("the split has no goals, so there is no oracle")
        here = self._poses[-1]
        return _ACTIONS[self._place.follower.next_action(here.position, here.heading, goal.position)]

    def panorama(self, sensors: Sequence[str] = ("rgb", "depth")) -> tuple[View, ...]:
        """Return 36 views all around, step 0 where the agent faces."""
        here = self._poses[-1]
        point = (here.position[0], here.position[1])
        return self._place.panorama(point, here.heading, here.heading, self._panorama_height, sensors)

    def distance_to_goal(self, position: Position) -> float:
        """Return the exact geodesic distance from the floor's point nearest to a position."""
        goal = self._episode.goal
        if goal is None:
            raise ValueError("the split has no goals, so there is no distance to one")
        return self._place.geodesic.distance(self._place.floor.snap([position])[0], goal.position)

    @property
    def _done(self) -> bool:
        return self._stopped or len(self._poses) > self._max_steps

    def _observe(self, collided: bool) -> Observation:
        pose = self._poses[-1]
        camera = np.array([[*pose.position[:2], SENSOR_HEIGHT]])
        views = self._place.renderer.render(
            0, camera, pose.heading, pose.elevation, self._size, self._size, HFOV, ("rgb", "depth")
        )
        return Observation(
            instruction=self._episode.instruction,
            scene=self._episode.scene,
            step=len(self._poses) - 1 + self._stopped,
            pose=pose,
            rgb=views["rgb"][0],
            depth=views["depth"][0],
            hfov=HFOV,
            collided=collided,
            done=self._done,
        )


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
