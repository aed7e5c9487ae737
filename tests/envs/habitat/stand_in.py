"""A small simulator that obeys the worker's protocol and can be made to misbehave; it runs where habitat-sim cannot.

The world is a square room of 20 m with its floor at height 0.5, y up as Habitat's. Geodesic distances are straight
lines, a step that would leave the room is cut short, and a picture tells the pose that it was taken from. It imports
nothing of ours and is read by Python 3.9, as the real one.
"""

from __future__ import annotations

import ctypes
import math
import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np

FLOOR, HALF = 0.5, 10.0
"""Metres: the floor's height, half the room's width."""


class StandIn:
    """The methods of `envs.habitat.simulator.R2RCESimulator`; `settings["fault"]` names what goes wrong, and when."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._fault = settings.get("fault", "")
        self._at = settings.get("at", 3)
        self._marker = Path(settings["marker"]) if "marker" in settings else None
        if self._fault == "slow start":
            time.sleep(settings["seconds"])
        if self._fault == "no start":
            raise ImportError("No module named 'habitat_sim'")
        if self._fault == "crash at start":
            print("tryCreateContext(): unable to find CUDA device 0 among 1 EGL devices in total")
            print("WindowlessContext: Unable to create windowless context", flush=True)
            os.kill(os.getpid(), signal.SIGABRT)
        self._size = settings["rgb"]
        self.frames = {
            "rgb": ((self._size, self._size, 3), "uint8"),
            "depth": ((settings["depth"], settings["depth"]), "float32"),
            "around_rgb": ((12, self._size, self._size, 3), "uint8"),
            "around_depth": ((12, settings["depth"], settings["depth"]), "float32"),
        }
        self._depth = settings["depth"]
        self._work_s = settings.get("work_s", 0.0)
        self._actions = 0

    def reset(
        self, episode: dict[str, Any], oracle: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        self._goal = (episode.get("goals") or [{"position": episode["start_position"]}])[0]["position"]
        self._position = [float(x) for x in episode["start_position"]]
        _, y, _, w = episode["start_rotation"]
        self._yaw = 2 * math.atan2(y, w)
        self._stopped, self._actions = False, 0
        self._start = math.dist(self._position, self._goal)
        self._length = 0.0
        return self._seen(False, oracle)

    def step(self, action: int, oracle: dict[str, Any] | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
        self._actions += 1
        if self._actions == self._at and not (self._marker and self._marker.exists()):
            self._misbehave()
        end = time.thread_time() + self._work_s
        while time.thread_time() < end:  # as a renderer does, on a core of its own
            continue
        collided = False
        if action == 0:
            self._stopped = True
        elif action == 1:
            collided = self._forward()
        else:
            self._yaw += math.radians(15 if action == 2 else -15)
        return self._seen(collided, oracle)

    def distances(self, positions: list[list[float]], goal: list[float]) -> tuple[list[float], dict[str, Any]]:
        return [math.dist(position, goal) for position in positions], {}

    def look(self) -> tuple[None, dict[str, Any]]:
        rgb = [np.full((self._size, self._size, 3), step, np.uint8) for step in range(12)]
        depth = [np.full((self._depth, self._depth), step, np.float32) for step in range(12)]
        return None, {"around_rgb": rgb, "around_depth": depth}

    def oracle(self, goal: list[float], radius: float = 0.3) -> tuple[int, dict[str, Any]]:
        x, _, z = (a - b for a, b in zip(goal, self._position))  # noqa: B905 (Python 3.9)
        if math.hypot(x, z) < radius:
            return 0, {}
        turn = math.remainder(math.atan2(-x, -z) - self._yaw, 2 * math.pi)
        if abs(turn) <= math.radians(7.6):
            return 1, {}
        return (2 if turn > 0 else 3), {}

    def close(self) -> None:
        self._actions = 0

    def _forward(self) -> bool:
        x, y, z = self._position
        wish = [x - 0.25 * math.sin(self._yaw), y, z - 0.25 * math.cos(self._yaw)]
        self._position = [min(max(wish[0], -HALF), HALF), y, min(max(wish[2], -HALF), HALF)]
        self._length += math.dist([x, y, z], self._position)
        return math.dist(wish, self._position) > 1e-6

    def _seen(self, collided: bool, oracle: dict[str, Any] | None) -> tuple[dict[str, Any], dict[str, Any]]:
        left = math.dist(self._position, self._goal)
        success = float(self._stopped and left < 3.0)
        rotation = [0.0, math.sin(self._yaw / 2), 0.0, math.cos(self._yaw / 2)]
        state = {
            "position": self._position,
            "rotation": rotation,
            "collided": collided,
            "stopped": self._stopped,
            "metrics": {
                "distance_to_goal": left,
                "success": success,
                "spl": success * self._start / max(self._start, self._length, 1e-9),
            },
        }
        if oracle is not None:
            state["oracle"], _ = self.oracle(**oracle)
        rgb = np.full((self._size, self._size, 3), self._actions % 256, np.uint8)
        rgb[..., 0] = int(math.degrees(self._yaw)) % 256
        depth = np.full((self._depth, self._depth), left, np.float32)
        return state, {"rgb": rgb, "depth": depth}

    def _misbehave(self) -> None:
        if self._marker:
            self._marker.touch()  # once only: the next process is well
        if self._fault == "crash":
            print("Segmentation fault, said the simulator", flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        if self._fault == "hang":
            time.sleep(3600)
        if self._fault == "hang with the lock":
            ctypes.PyDLL(None).sleep(3600)  # PyDLL does not give Python's lock back
        if self._fault == "garbage":
            for descriptor in range(3, 1024):  # a connection's number is what the parent had free
                try:
                    os.write(descriptor, b"GLX: bad things happened to your context\n")
                except OSError:
                    continue
            time.sleep(3600)
        if self._fault == "exception":
            raise RuntimeError("the navmesh is not loaded")
        if self._fault == "wrong shape":
            self._size += 1


class StandInPanorama:
    """The methods of `envs.habitat.simulator.PanoramaSimulator`; view k is the colour k of a place."""

    def __init__(self, settings: dict[str, Any]) -> None:
        size = (36, settings["height"], settings["width"])
        self.frames = {"rgb": ((*size, 3), "uint8"), "depth": (size, "float32")}
        self._size = size[1:]

    def look(self, scene_id: str, position: list[float], sensors: list[str]) -> tuple[None, dict[str, Any]]:
        views = {
            "rgb": [np.full((*self._size, 3), k, np.uint8) for k in range(36)],
            "depth": [np.full(self._size, position[1], np.float32) for _ in range(36)],
        }
        return None, {name: views[name] for name in sensors}

    def close(self) -> None:
        return


class Drawing(StandIn):
    """The stand-in, as slow as a renderer."""

    def __init__(self, settings: dict[str, Any]) -> None:
        super().__init__({**settings, "work_s": 0.005})


class Waiting(StandIn):
    """The stand-in, which waits as if a GPU drew for it."""

    def step(self, action: int, oracle: dict[str, Any] | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
        time.sleep(0.005)
        return super().step(action, oracle)


class Unadvised(StandIn):
    """The stand-in, which ends when its oracle is asked."""

    def oracle(self, goal: list[float], radius: float = 0.3) -> tuple[int, dict[str, Any]]:
        os.kill(os.getpid(), signal.SIGKILL)
        return 0, {}
