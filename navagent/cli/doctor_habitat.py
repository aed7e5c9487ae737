"""`navagent doctor` for Habitat: the simulator's Python, drawing without a screen, buildings, episodes."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from envs.continuous import VERSIONS
from envs.habitat.link import SIMULATOR, Simulator, SimulatorError
from envs.habitat.place import HOW, MODULES, default_gpu
from navagent.errors import NavAgentError

Finding = tuple[str, str, str]
"""What was looked at, what was found, and what to do about it (empty if it is well)."""

BUILDINGS = 90
"""Of Matterport3D."""

GET_SCENES = (
    "accept Matterport3D's terms of use and run its download script with --task habitat (15 GB); unpack mp3d/ into "
    "scene_datasets/ in the data folder"
)
GET_EPISODES = "the data links in the README of https://github.com/jacobkrantz/VLN-CE (R2R_VLNCE_v1-3)"

PROBE_S = 60.0
"""Seconds in which habitat-sim must have drawn an empty scene."""


def check_habitat(python: str | None, root: Path | None, line: Callable[[str, str, str], None]) -> None:
    """Print every finding.

    Args:
        python: The Python that has habitat-sim; by default this one.
        root: The data folder, if there is one.
        line: Prints a finding.
    """
    print("Habitat (optional: R2R-CE in Matterport3D, pictures on R2R)")
    for finding in (*simulator_findings(python), *episode_findings(root), *scene_findings(root)):
        line(*finding)


def simulator_findings(python: str | None, probe_file: Path = SIMULATOR) -> Iterator[Finding]:
    """Yield which versions there are and whether an empty scene can be drawn."""
    missing = [module for module in MODULES if importlib.util.find_spec(module) is None]
    if python is None and missing:
        yield "habitat-sim", f"{' and '.join(missing)} not in this Python", HOW.replace("--env.python", "--python")
        return
    gpu = default_gpu()
    # In a process of its own in any case: a GPU's driver may end the one that asks it for too much.
    simulator = Simulator(probe_file, "Probe", {"gpu": gpu}, python or sys.executable, PROBE_S, PROBE_S)
    try:
        found = simulator.versions()
    except NavAgentError as error:
        yield "habitat-sim", str(error), "name another Python"
        return
    known = ", ".join(f"{name} {version}" for name, version in found.items())
    old = found.get("habitat-sim", "0.3").startswith(("0.1", "0.2"))
    yield "habitat-sim", known, "habitat-sim 0.3.3 is needed, see envs/habitat/environment.yml" if old else ""
    device = f"gpu {gpu}" if gpu >= 0 else "gpu -1 (no NVIDIA device here: any that EGL has, software included)"
    link = simulator.open()
    try:
        link.call("draw")
    except (NavAgentError, SimulatorError) as error:
        yield "EGL", f"nothing can be drawn on {device}", str(error)
    else:
        yield "EGL", f"draws on {device}", ""
    finally:
        link.close()


def episode_findings(root: Path | None) -> Iterator[Finding]:
    """Yield which release of R2R-CE there is."""
    folder = root / "r2r_ce" if root is not None else None
    releases = sorted(path.name for path in folder.glob("R2R_VLNCE_*")) if folder is not None else []
    ours = {f"R2R_VLNCE_{version}" for version in VERSIONS}
    known = [name for name in releases if name in ours]
    others = [name for name in releases if name not in ours]
    if known:
        yield "r2r_ce/", ", ".join(known), ""
    else:
        yield "r2r_ce/", "no R2R-CE episodes", f"from {GET_EPISODES}"
    if others:
        # Earlier releases have other starts and other episodes (VLN-CE, README: v1-1, v1-2, v1-3).
        yield "r2r_ce/", f"{', '.join(others)} cannot be used", f"no score of today is of that release: {GET_EPISODES}"
    if known and folder is not None and not list(folder.glob("*/*/*_gt.json.gz")):
        yield "r2r_ce/", "no ground truth", "nDTW would use the sparse reference path; get R2R_VLNCE_v1-3_preprocessed"


def scene_findings(root: Path | None) -> Iterator[Finding]:
    """Yield how many buildings there are, and which lack what they need."""
    folder = root / "scene_datasets" if root is not None else None
    buildings = sorted(folder.glob("mp3d/*/*.glb")) if folder is not None else []
    whole = len(buildings) >= BUILDINGS
    yield "scene_datasets/", f"{len(buildings)} of {BUILDINGS} buildings in mp3d/", "" if whole else GET_SCENES
    bare = [file.stem for file in buildings if not file.with_suffix(".navmesh").is_file()]
    if bare:
        yield (
            "scene_datasets/",
            f"{len(bare)} buildings without a .navmesh, as {bare[0]}",
            "one would be made that is not the benchmark's; --task habitat brings them",
        )
    houses = sorted(folder.glob("houses/*/house_*.glb")) if folder is not None else []
    models = [file for file in houses if not file.name.endswith(".semantic.glb")]
    lying = [file.stem for file in models if not file.with_name(f"{file.stem}.stage_config.json").is_file()]
    if lying:
        yield (
            "scene_datasets/",
            f"{len(lying)} houses without a stage configuration, as {lying[0]}",
            "habitat-sim takes a bare GLB for z up and lays it on its side; run `navagent houses export` again",
        )
