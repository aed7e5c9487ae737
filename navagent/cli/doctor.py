"""`navagent doctor`: what is installed, which data was found, and how to get the rest."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from eval.summary import versions
from navagent.cli.doctor_habitat import check_habitat
from navagent.data import DATA_VARIABLE, data_name, data_root
from navagent.errors import DataError

TERMS = (
    "All of it derives from Matterport3D: read and accept its terms of use first "
    "(https://niessner.github.io/Matterport/, sign MP_TOS.pdf). It must not be passed on."
)

HOUSES = "Procedural houses need none of it: `navagent houses make FOLDER`, then NAVAGENT_DATA=FOLDER."


@dataclass(frozen=True)
class DataSet:
    """One kind of data.

    Attributes:
        folder: Where it lies under the data folder.
        pattern: Its files.
        expected: How many there are in the full release.
        use: What it is for.
        source: How to get it.
    """

    folder: str
    pattern: str
    expected: int
    use: str
    source: str


DATA_SETS = (
    DataSet(
        "r2r",
        "R2R_*.json",
        4,
        "R2R annotations (every R2R run and score)",
        "tasks/R2R/data/download.sh of https://github.com/peteanderson80/Matterport3DSimulator names the four files",
    ),
    DataSet(
        "r2r/connectivity",
        "*_connectivity.json",
        90,
        "navigation graphs (every R2R run and score)",
        "folder connectivity/ of https://github.com/peteanderson80/Matterport3DSimulator",
    ),
    DataSet(
        "navgpt",
        "*/*.json",
        450,
        "viewpoint texts (NavGPTTexts)",
        "the data link in the README of https://github.com/GengzeZhou/NavGPT: observations_list, "
        "observations_list_summarized, observations_summarized, objects_list, navigable",
    ),
    DataSet(
        "reverie/BBox",
        "*.json",
        10_567,
        "object boxes (ReverieObjects, privileged)",
        "tasks/REVERIE/data/BBox of https://github.com/YuankaiQi/REVERIE",
    ),
    DataSet(
        "rooms",
        "vp2room_label.json",
        1,
        "room labels (ReverieObjects, R2R-v0 with rooms; privileged)",
        "dataset/REVERIE/annotations/vp2room_label.json of https://github.com/zehao-wang/LAD",
    ),
)

EXTRAS = {
    "torch": "pip install torch==2.13.0",
    "transformers": 'pip install "navagent[vision]"',
    "llguidance": 'pip install "navagent[vision]"',
}


def run(arguments: Sequence[str]) -> int:
    """Print the findings; 0 if an R2R run is possible, else 1."""
    parser = argparse.ArgumentParser(
        prog="navagent doctor", description="Say what is installed, which data was found, and how to get the rest."
    )
    parser.add_argument("--data-dir", help="the data folder (default: $NAVAGENT_DATA, else ./data)")
    parser.add_argument("--python", help="a Python that has habitat-sim and habitat-lab (default: this one)")
    options = parser.parse_args(arguments)
    _packages()
    _models()
    root, possible = _data(options.data_dir)
    check_habitat(options.python, root, _line)
    return 0 if possible else 1


def _line(what: str, found: str, remedy: str = "") -> None:
    """Print one finding; a remedy means that something is missing."""
    print(f"  {'--' if remedy else 'ok'}  {what:<18} {found}{': ' + remedy if remedy else ''}")


def _packages() -> None:
    print("Installed")
    supported = (3, 10) <= sys.version_info[:2] <= (3, 13)
    _line("Python", platform.python_version(), "" if supported else "Python 3.10 to 3.13 is supported")
    for package, version in versions().items():
        if package not in ("python", *EXTRAS):
            _line(package, version)
    for package, command in EXTRAS.items():
        installed = versions((package,)).get(package)
        _line(package, installed or "not installed (optional)", "" if installed else command)


def _models() -> None:
    print("Language models")
    key = bool(os.environ.get("OPENAI_API_KEY"))
    _line("OPENAI_API_KEY", "set" if key else "not set", "" if key else "export OPENAI_API_KEY=..., or use OfflineChat")
    address = os.environ.get("OPENAI_BASE_URL")
    _line("OPENAI_BASE_URL", address or "not set, so OpenAI's own (any OpenAI-compatible server will do)")


def _data(folder: str | None) -> tuple[Path | None, bool]:
    """Print what was found of each data set; return the data folder and whether an R2R run is possible."""
    named = data_name(folder)
    try:
        root: Path | None = data_root(folder)
        print(f"Data in {root}")
    except DataError:
        root = None
        print(f"Data: no folder '{named}' (name one by --data-dir or {DATA_VARIABLE}). What goes there:")
    whole = {data.folder: _data_set(data, root) for data in DATA_SETS}
    if not all(whole.values()):
        print(TERMS)
    print(HOUSES)
    return root, whole["r2r"] and whole["r2r/connectivity"]


def _data_set(data: DataSet, root: Path | None) -> bool:
    count = len(list((root / data.folder).glob(data.pattern))) if root is not None else 0
    whole = count >= data.expected
    found = f"{count:,} of {data.expected:,} files, for {data.use}"
    _line(f"{data.folder}/", found, "" if whole else f"from {data.source}")
    return whole
