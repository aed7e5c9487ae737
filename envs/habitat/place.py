"""Where a simulator runs and where its buildings lie, checked before the first episode."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from envs.habitat.link import CALL_S, Simulator
from navagent.data import data_root
from navagent.errors import ConfigError, DataError, listing

MODULES = ("habitat_sim", "habitat")

GPU_DEVICE = Path("/dev/nvidia0")

HOW = "envs/habitat/environment.yml makes a Python that has both; name it with --env.python /path/to/its/bin/python"


def find_simulator(
    file: Path, name: str, settings: Mapping[str, Any], python: str | None, timeout_s: float = CALL_S
) -> Simulator:
    """Return a simulator that runs in `python`, or in this process if that is None.

    Raises:
        ConfigError: Habitat does not import in this process and no other Python is named, or a limit is no number.
    """
    if not timeout_s > 0:
        raise ConfigError(f"timeout_s must be more than 0 seconds, not {timeout_s:g}.")
    missing = [module for module in MODULES if importlib.util.find_spec(module) is None]
    if python is None and missing:
        raise ConfigError(f"{' and '.join(missing)} cannot be imported here: {HOW}.")
    return Simulator(file, name, settings, python, call_s=timeout_s)


def find_scenes(scenes_dir: str | None, data_dir: str | None, files: Iterable[str]) -> Path:
    """Return the folder of the buildings.

    Args:
        scenes_dir: The folder; by default `scene_datasets` in the data folder.
        data_dir: The data folder; by default $NAVAGENT_DATA, else ./data.
        files: The buildings that are needed, relative to the folder.

    Raises:
        DataError: One is not there.
    """
    folder = Path(scenes_dir).expanduser() if scenes_dir else data_root(data_dir) / "scene_datasets"
    needed = sorted(set(files))
    missing = [file for file in needed if not (folder / file).is_file()]
    if missing:
        raise DataError(
            f"{len(missing)} of {len(needed)} buildings are missing in {folder} ({listing(missing)}): accept "
            "Matterport3D's terms of use, then run its download script with --task habitat; --env.scenes_dir names "
            "the folder that holds mp3d/."
        )
    return folder.resolve()


def default_gpu() -> int:
    """Return the first NVIDIA GPU, or -1, any device that EGL has, software included, where there is none."""
    return 0 if GPU_DEVICE.exists() else -1
