"""Walking in houses, one agent at a time: pictures in, primitive actions out; what each task in houses builds on."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from envs.continuous import ContinuousEnv
from envs.houses.around import check_views, draw_around
from envs.houses.house import SENSOR_HEIGHT
from envs.houses.motion import FORWARD, LEFT, RIGHT, STOP, walk
from envs.houses.places import Places
from envs.houses.render import LARGEST
from navagent.errors import ConfigError
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

Picture: TypeAlias = Literal["rgb", "depth"]

_CODES: dict[type, int] = {Stop: STOP, Forward: FORWARD, TurnLeft: LEFT, TurnRight: RIGHT}
_ACTIONS: dict[int, Action] = {STOP: Stop(), FORWARD: Forward(), LEFT: TurnLeft(), RIGHT: TurnRight()}


class HouseWalk(ContinuousEnv):
    """FORWARD 0.25 m with sliding, turns of 15 degrees, a limit of actions; distances are exact geodesics on the floor.

    Args:
        max_steps: Actions after which an episode is over.
        size: Height and width of the pictures, pixels, or (height, width).
        sensors: Which of rgb and depth; what is not asked for costs nothing.
        hfov: Horizontal angle of view of a picture, radians.
        views: Pictures side by side (`envs.houses.around`), which make the observed one so many times as wide.
        panorama_height: Height of a panorama's pictures, pixels; their width is 4/3 of it.

    Raises:
        ConfigError: An option is out of its range.
    """

    _vocabulary: tuple[str, ...] | None = None
    """`Observation.words`."""

    def __init__(
        self,
        max_steps: int,
        size: int | tuple[int, int],
        sensors: Sequence[Picture],
        hfov: float,
        views: int,
        panorama_height: int,
    ) -> None:
        height, width = (size, size) if isinstance(size, int) else size
        if max_steps < 1:
            raise ConfigError(f"max_steps must be at least 1, not {max_steps}.")
        for name, pixels, most in (
            ("size", height, LARGEST),
            ("size", width, LARGEST),
            ("panorama_height", panorama_height, LARGEST * 3 // 4),
        ):
            if not 1 <= pixels <= most:
                raise ConfigError(f"{name} must be from 1 to {most} pixels, not {pixels}.")
        if isinstance(sensors, str) or not set(sensors) <= {"rgb", "depth"}:
            raise ConfigError(f"sensors must be some of rgb, depth, not {sensors!r}.")
        check_views(views, hfov)
        self._max_steps, self._height, self._width, self._hfov = max_steps, height, width, hfov
        self._sensors, self._views, self._panorama_height = tuple(sensors), views, panorama_height
        self.gives = frozenset({"pose", "panorama", "oracle_action", *sensors})
        self._places = Places()

    def reset(self, episode: Episode) -> Observation:
        """Put the agent where the episode begins."""
        self._place = self._places[episode.scene]
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
        """Measure a path by the rules, wherever it was walked; None where the split has no goals.

        Path lengths are Euclidean, and so is the distance to the reference path, if there is one (VLN-CE's measures).

        Raises:
            ValueError: A position is off the floor.
        """
        goal = self._goal_of(episode)
        if goal is None or episode.goal is None:
            return None
        to_goal = self._places[episode.scene].geodesic.distances(positions, goal)
        walked = np.array([position[:2] for position in positions])
        reference = np.array([position[:2] for position in episode.goal.reference_positions]).reshape(-1, 2)
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
        goal = self._goal_of(self._episode)
        if goal is None:
            raise ValueError("the split has no goals, so there is no oracle")
        here = self._poses[-1]
        return _ACTIONS[self._place.follower.next_action(here.position, here.heading, goal)]

    def panorama(self, sensors: Sequence[str] = ("rgb", "depth")) -> tuple[View, ...]:
        """Return 36 views all around, step 0 where the agent faces."""
        here = self._poses[-1]
        point = (here.position[0], here.position[1])
        return self._place.panorama(point, here.heading, here.heading, self._panorama_height, sensors)

    def distance_to_goal(self, position: Position) -> float:
        """Return the exact geodesic distance from the floor's point nearest to a position."""
        goal = self._goal_of(self._episode)
        if goal is None:
            raise ValueError("the split has no goals, so there is no distance to one")
        return self._place.geodesic.distance(self._place.floor.snap([position])[0], goal)

    @abstractmethod
    def _goal_of(self, episode: Episode) -> NDArray[np.float64] | None:
        """Return (K, 2 or 3) places, metres, of which any is the goal; None where the split has no goals."""

    @abstractmethod
    def _readings(self) -> Mapping[str, NDArray[Any]]:
        """Return `Observation.readings`."""

    @property
    def _done(self) -> bool:
        return self._stopped or len(self._poses) > self._max_steps

    def _observe(self, collided: bool) -> Observation:
        pose = self._poses[-1]
        views = self._draw(pose) if self._sensors else {}
        return Observation(
            instruction=self._episode.instruction,
            scene=self._episode.scene,
            step=len(self._poses) - 1 + self._stopped,
            pose=pose,
            rgb=views["rgb"][0] if "rgb" in views else None,
            depth=views["depth"][0] if "depth" in views else None,
            hfov=self._hfov,
            collided=collided,
            done=self._done,
            readings=self._readings(),
            words=self._vocabulary,
        )

    def _draw(self, pose: Pose) -> dict[str, NDArray[Any]]:
        camera = (0, np.array([[*pose.position[:2], SENSOR_HEIGHT]]), np.array([pose.heading]))
        size = (self._height, self._width)
        return draw_around(
            self._place.renderer, camera, size, self._hfov, self._views, self._sensors, elevation=pose.elevation
        )
