"""R2R annotations: `R2R_{split}.json` -> episodes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from envs.r2r.graph import NavGraphs
from navagent.contracts import Shared
from navagent.data import data_root, fingerprint, load_json
from navagent.errors import ConfigError, DataError, listing, nearest
from navagent.types import Episode, Goal, Pose


@dataclass(frozen=True)
class R2RData(Shared):
    """One split's episodes with the graphs they run on.

    Attributes:
        split: The split's name.
        episodes: All episodes, in the file's order (val_unseen is ordered easy first: never take a prefix).
        graphs: The scans' navigation graphs.
        fingerprints: sha256 of the annotation file and of the connectivity files it uses.
    """

    split: str
    episodes: tuple[Episode, ...]
    graphs: NavGraphs
    fingerprints: dict[str, str]

    @property
    def has_goals(self) -> bool:
        """Whether the split can be scored (test cannot)."""
        return self.episodes[0].goal is not None


def load_r2r(split: str, data_dir: str | None = None) -> R2RData:
    """Load a split from `{data_dir}/r2r`.

    Raises:
        ConfigError: There is no such split.
        DataError: A file is absent or damaged, or does not fit the graphs.
    """
    folder = data_root(data_dir) / "r2r"
    file = folder / f"R2R_{split}.json"
    if not file.exists():
        splits = find_splits(folder)
        if not splits:
            raise DataError(f"{folder} holds no R2R_*.json: `navagent doctor` says where to get the annotations.")
        raise ConfigError(
            f"There is no split '{split}' in {folder}: choose {', '.join(splits)}.{nearest(split, splits)}"
        )
    paths = load_json(file)
    graphs = NavGraphs(folder / "connectivity")
    if not isinstance(paths, list) or not paths:
        raise DataError(f"{file} is not a list of R2R paths: fetch it again.")
    episodes = tuple(
        episode for number, path in enumerate(paths) for episode in _episodes(path, graphs, f"{file}, entry {number}")
    )
    scans = sorted({episode.scene for episode in episodes})
    prints = {"annotations": fingerprint([file]), "connectivity": fingerprint(map(graphs.file, scans))}
    return R2RData(split, episodes, graphs, prints)


def _episodes(path: dict[str, Any], graphs: NavGraphs, where: str) -> list[Episode]:
    """Turn one annotated path into its episodes; `instr_id` is `{path_id}_{i}` (R2R, tasks/R2R/env.py)."""
    try:
        scan, viewpoints, path_id = str(path["scan"]), [str(v) for v in path["path"]], str(path["path_id"])
        instructions = [str(text).strip() for text in path["instructions"]]
        heading = float(path["heading"])
        first = viewpoints[0]
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise DataError(
            f"{where} is not an R2R path ({type(error).__name__}: {error}): fetch the file again."
        ) from error
    graph = graphs[scan]
    strangers = [viewpoint for viewpoint in viewpoints if viewpoint not in graph]
    if strangers:
        raise DataError(
            f"{where}: the path visits {listing(strangers)}, unknown to {graphs.file(scan)}: "
            "annotations and connectivity come from different releases, fetch both again."
        )
    # Test splits publish the start only (Anderson et al. 2018), so one viewpoint means no goal.
    goal = None
    if len(viewpoints) > 1:
        positions = tuple(graph.positions[viewpoint] for viewpoint in viewpoints)
        goal = Goal(positions[-1], viewpoints[-1], tuple(viewpoints), positions)
    start = Pose(graph.positions[first], heading)
    return [Episode(f"{path_id}_{i}", scan, text, start, path_id, first, goal) for i, text in enumerate(instructions)]


def find_splits(folder: Path) -> list[str]:
    """Return the splits whose annotations lie in `folder`."""
    return sorted(path.stem.removeprefix("R2R_") for path in folder.glob("R2R_*.json"))
