"""R2R-CE on habitat-lab's VLN task."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from envs.continuous import (
    ContinuousData,
    ContinuousEnv,
    Version,
    continuous_distances,
    from_habitat,
    heading_of,
    read_r2r_ce,
    rotation_of,
    to_habitat,
)
from envs.habitat.link import CALL_S, SIMULATOR, Frame
from envs.habitat.place import default_gpu, find_scenes, find_simulator
from navagent.errors import ConfigError
from navagent.geometry import VIEW_HEADINGS, wrap
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

ACTIONS: tuple[Action, ...] = (Stop(), Forward(), TurnLeft(), TurnRight())
"""By R2R-CE's codes."""

_CODES = {type(action): code for code, action in enumerate(ACTIONS)}

HFOV = math.radians(90)
"""R2R-CE's horizontal field of view."""

LONGEST = 200
"""Words of an instruction (R2R-CE's preprocessed release pads to them)."""

GOAL_RADIUS = 3.0
"""Metres (R2R-CE's `goals[].radius`)."""


class HabitatR2RCE(ContinuousEnv):
    """R2R-CE (Krantz et al. 2020) on habitat-lab's VLN task: FORWARD 0.25 m with sliding, turns of 15 degrees.

    The agent is 1.5 m high with a radius of 0.1 m, its sensors at 1.25 m with a horizontal field of view of 90
    degrees, depth 0 to 10 m; `envs.habitat.simulator.overrides` lists what differs from habitat-lab's own
    configuration. Distances are geodesics on the navmesh, path lengths Euclidean, and nDTW is measured with Euclidean
    distances against the dense ground-truth locations (VLN-CE's measures). Beside pictures it gives `instruction`,
    (200,) int32 word numbers of the release; the two releases number words differently.

    The simulator runs in this process if habitat_sim imports here and `python` is not given, else in a process of
    that Python. If it crashes or hangs, the episode breaks and the next one has a new simulator.

    Args:
        split: train, val_seen, val_unseen or test.
        data_dir: The data folder; by default $NAVAGENT_DATA, else ./data.
        version: Release of the episodes; both have the same.
        scenes_dir: The folder that holds mp3d/; by default `scene_datasets` in the data folder.
        python: A Python that has habitat-sim and habitat-lab, as /path/to/conda/envs/habitat/bin/python.
        gpu: Device to draw with, -1 for any that EGL has; by default the first NVIDIA GPU, else -1.
        max_steps: Actions after which an episode is over.
        rgb: Height and width of the RGB picture, pixels.
        depth: Height and width of the depth picture, pixels.
        timeout_s: Seconds in which the simulator must answer.

    Attributes:
        measures: habitat-lab's own measures of the episode so far: distance_to_goal, success, spl.
        versions: Versions of Python, habitat-sim, habitat-lab and numpy where the simulator runs.
    """

    gives = frozenset({"pose", "rgb", "depth", "oracle_action", "panorama"})
    rules = "r2r_ce"
    simulator: ClassVar[tuple[Path, str]] = (SIMULATOR, "R2RCESimulator")

    def __init__(
        self,
        split: str = "val_unseen",
        data_dir: str | None = None,
        version: Version = "v1-3",
        scenes_dir: str | None = None,
        python: str | None = None,
        gpu: int | None = None,
        max_steps: int = 500,
        rgb: int = 224,
        depth: int = 256,
        timeout_s: float = CALL_S,
    ) -> None:
        if min(max_steps, rgb, depth) < 1:
            raise ConfigError(f"max_steps, rgb and depth must be at least 1, not {max_steps}, {rgb} and {depth}.")
        self.data: ContinuousData = read_r2r_ce(split, data_dir, version)
        self.episodes, self.fingerprints = self.data.episodes, self.data.fingerprints
        folder = find_scenes(scenes_dir, data_dir, self.data.scene_files.values())
        settings = {
            "scenes_dir": str(folder),
            "rgb": rgb,
            "depth": depth,
            "max_steps": max_steps,
            "gpu": default_gpu() if gpu is None else gpu,
        }
        if self.data.tokens:
            self.gives |= {"instruction"}
        simulator = find_simulator(*self.simulator, settings, python, timeout_s)
        self.versions = simulator.versions()
        self.measures: Mapping[str, float] = {}
        self._link = simulator.open()
        self._max_steps = max_steps

    def reset(self, episode: Episode) -> Observation:
        """Put the agent where the episode begins."""
        self._episode = episode
        self._poses = [episode.start]
        self._stopped = False
        self._state, self._frames = self._link.call("reset", episode=entry_of(episode, self.data))
        return self._observe()

    def step(self, action: Action) -> Observation:
        """Act.

        Raises:
            ValueError: The action is none of Stop, Forward, TurnLeft, TurnRight, or the episode is over.
            SimulatorError: The simulator broke.
        """
        if self._done:
            raise ValueError(f"episode {self._episode.episode_id} is over: call reset")
        if type(action) not in _CODES:
            raise ValueError(f"{action} is illegal here: Stop, Forward, TurnLeft or TurnRight")
        self._state, self._frames = self._link.call("step", action=_CODES[type(action)])
        if isinstance(action, Stop):
            self._stopped = True
        else:
            self._poses.append(pose_of(self._state))
        return self._observe()

    def trajectory(self) -> Trajectory:
        """Return every pose with the distances that metrics need, asked anew of the navmesh."""
        episode, poses = self._episode, tuple(self._poses)
        distances = self._measure(episode, [pose.position for pose in poses])
        return Trajectory(episode.episode_id, episode.scene, poses, None, self._stopped, distances)

    def measure(self, episode: Episode, positions: Sequence[Position]) -> Distances | None:
        """Measure a path that was walked elsewhere; None where the split has no goals."""
        self._link.call("reset", episode=entry_of(episode, self.data))
        return self._measure(episode, positions)

    def oracle_action(self) -> Action:
        """Return the next action of habitat-lab's shortest-path follower.

        Raises:
            ValueError: The split has no goals.
        """
        if self._episode.goal is None:
            raise ValueError("the split has no goals, so there is no oracle")
        code, _ = self._link.call("oracle", goal=to_habitat(self._episode.goal.position))
        return ACTIONS[int(code)]

    def panorama(self, sensors: Sequence[str] = ("rgb", "depth")) -> tuple[View, ...]:
        """Return the 12 level views all around, step 0 where the agent faces."""
        _, frames = self._link.call("look")
        return tuple(
            View(
                index=VIEW_HEADINGS + step,
                heading=wrap(step * 2 * math.pi / VIEW_HEADINGS),
                elevation=0.0,
                rgb=frames["around_rgb"][step] if "rgb" in sensors else None,
                depth=frames["around_depth"][step] if "depth" in sensors else None,
                hfov=HFOV,
            )
            for step in range(VIEW_HEADINGS)
        )

    def distance_to_goal(self, position: Position) -> float:
        """Return the geodesic distance from the navmesh's point nearest to a position."""
        if self._episode.goal is None:
            raise ValueError("the split has no goals, so there is no distance to one")
        goal = to_habitat(self._episode.goal.position)
        (distance,), _ = self._link.call("distances", positions=[to_habitat(position)], goal=goal)
        return float(distance)

    def close(self) -> None:
        """End the simulator."""
        self._link.close()

    @property
    def _done(self) -> bool:
        return self._stopped or len(self._poses) > self._max_steps

    def _measure(self, episode: Episode, positions: Sequence[Position]) -> Distances | None:
        goal = episode.goal
        if goal is None:
            return None
        places = [to_habitat(position) for position in positions]
        to_goal, _ = self._link.call("distances", positions=places, goal=to_habitat(goal.position))
        return continuous_distances(positions, to_goal, goal.reference_positions)

    def _observe(self) -> Observation:
        self.measures = self._state["metrics"]
        frames: Frame = self._frames
        return Observation(
            instruction=self._episode.instruction,
            scene=self._episode.scene,
            step=len(self._poses) - 1 + self._stopped,
            pose=self._poses[-1],
            rgb=frames["rgb"],
            depth=frames["depth"],
            hfov=HFOV,
            collided=bool(self._state["collided"]),
            done=self._done,
            readings={"instruction": padded_tokens(self.data, self._episode)} if self.data.tokens else None,
            words=self.data.vocabulary if self.data.tokens else None,
        )


def padded_tokens(data: ContinuousData, episode: Episode) -> NDArray[np.int32]:
    """Return an instruction as (`LONGEST`,) int32 word numbers of its release, 0 after its end."""
    words = np.zeros(LONGEST, np.int32)
    tokens = data.tokens.get(episode.episode_id, ())[:LONGEST]
    words[: len(tokens)] = tokens
    return words


def entry_of(episode: Episode, data: ContinuousData) -> dict[str, Any]:
    """Return an episode as an entry of an R2R-CE file, as far as habitat-lab reads it."""
    goal = episode.goal
    path = () if goal is None else goal.reference_positions
    return {
        "episode_id": episode.episode_id,
        "trajectory_id": episode.path_id,
        "scene_id": data.scene_files[episode.episode_id],
        "start_position": to_habitat(episode.start.position),
        "start_rotation": rotation_of(episode.start.heading),
        "goals": [] if goal is None else [{"position": to_habitat(goal.position), "radius": GOAL_RADIUS}],
        "instruction": {"instruction_text": episode.instruction},
        "reference_path": [to_habitat(position) for position in path],
    }


def pose_of(state: Mapping[str, Any]) -> Pose:
    """Return the pose in a simulator's answer."""
    return Pose(from_habitat(state["position"]), heading_of(state["rotation"]))
