"""R2R on its nav-graph with pictures: panoramas drawn by habitat-sim at the viewpoints."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from envs.continuous import to_habitat
from envs.habitat.link import CALL_S, SIMULATOR
from envs.habitat.place import default_gpu, find_scenes, find_simulator
from envs.r2r.env import R2R
from navagent.errors import ConfigError
from navagent.geometry import view_direction, wrap
from navagent.types import View

VIEWS = 36

SENSORS = ("rgb", "depth")


class HabitatR2R(R2R):
    """R2R's task and rules, with the 36 views of each viewpoint drawn from Matterport3D's meshes.

    Matterport3D Simulator shows photographs instead; the camera is the same: at the viewpoint's own height, 640 x 480
    pixels with a vertical field of view of 60 degrees (its defaults in R2R), headings 30 degrees apart at three
    elevations.

    Args:
        split: train, val_seen, val_unseen or test.
        data_dir: The data folder; by default $NAVAGENT_DATA, else ./data.
        max_steps: Moves after which an episode is over.
        scenes_dir: The folder that holds mp3d/; by default `scene_datasets` in the data folder.
        scene_file: Where a scan's building lies in it.
        python: A Python that has habitat-sim, as /path/to/conda/envs/habitat/bin/python.
        gpu: Device to draw with, -1 for any that EGL has; by default the first NVIDIA GPU, else -1.
        width: Pixels.
        height: Pixels.
        vfov: Vertical field of view, degrees.
        timeout_s: Seconds in which the simulator must answer.

    Attributes:
        versions: Versions of Python, habitat-sim, habitat-lab and numpy where the simulator runs.
    """

    gives = R2R.gives | {"panorama"}
    simulator: ClassVar[tuple[Path, str]] = (SIMULATOR, "PanoramaSimulator")

    def __init__(
        self,
        split: str = "val_unseen",
        data_dir: str | None = None,
        max_steps: int = 35,
        scenes_dir: str | None = None,
        scene_file: str = "mp3d/{scan}/{scan}.glb",
        python: str | None = None,
        gpu: int | None = None,
        width: int = 640,
        height: int = 480,
        vfov: float = 60.0,
        timeout_s: float = CALL_S,
    ) -> None:
        super().__init__(split, data_dir, max_steps)
        if min(width, height) < 1 or not 0 < vfov < 180:
            raise ConfigError(f"There is no picture of {width} x {height} pixels over {vfov:g} degrees.")
        self._files = {episode.scene: scene_file.replace("{scan}", episode.scene) for episode in self.episodes}
        folder = find_scenes(scenes_dir, data_dir, self._files.values())
        settings = {
            "scenes_dir": str(folder),
            "width": width,
            "height": height,
            "vfov": vfov,
            "gpu": default_gpu() if gpu is None else gpu,
        }
        self._hfov = 2 * math.atan(math.tan(math.radians(vfov) / 2) * width / height)
        simulator = find_simulator(*self.simulator, settings, python, timeout_s)
        self.versions = simulator.versions()
        self._link = simulator.open()

    def close(self) -> None:
        """End the simulator."""
        self._link.close()

    def panorama(self, sensors: Sequence[str] = ("rgb", "depth")) -> tuple[View, ...]:
        """Return the viewpoint's 36 views; view k looks the same way whatever the agent faces, as in R2R."""
        pose = self._poses[-1]
        file = self._files[self._episode.scene]
        _, frames = self._link.call(
            "look", scene_id=file, position=to_habitat(pose.position), sensors=[s for s in SENSORS if s in sensors]
        )
        views = []
        for index in range(VIEWS):
            heading, elevation = view_direction(index)
            rgb, depth = (frames[name][index] if name in frames else None for name in SENSORS)
            views.append(View(index, wrap(heading - pose.heading), elevation, rgb, depth, self._hfov))
        return tuple(views)
