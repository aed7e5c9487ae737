"""Data sets of houses: train, val_seen and val_unseen in R2R's and R2R-CE's formats, with texts in NavGPT's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from envs.houses import formats
from envs.houses.cache import load_house
from envs.houses.formats import PathRecord, viewpoint_name, write_json
from envs.houses.goal_files import write_goal_files
from envs.houses.splits import SplitPlan
from envs.houses.survey import Survey
from envs.houses.texts import viewpoint_texts
from envs.houses.textures import texture_atlas
from navagent.errors import RunError

OnHouse = Callable[[str, int, int], None]


def make_data(folder: Path, plans: Sequence[SplitPlan], on_house: OnHouse | None = None) -> dict[str, int]:
    """Write a data folder that R2R's and R2R-CE's loaders and NavGPT's describer read, and habitat-lab's goal tasks.

    Args:
        folder: Where; `r2r/`, `r2r_ce/`, `navgpt/`, `pointnav/` and `objectnav/` are made in it.
        plans: The splits.
        on_house: Called after each house with split, number done and number of houses.

    Returns:
        Number of paths by split.

    Raises:
        RunError: The folder cannot be written.
    """
    counts, atlas = {}, texture_atlas()
    try:
        for plan in plans:
            records: list[PathRecord] = []
            for done, seed in enumerate(plan.seeds, start=1):
                surveyed = Survey.of(load_house(seed), atlas)
                records += surveyed.paths(plan, len(records) + 1)
                _write_house(folder, surveyed)
                write_goal_files(folder, plan, surveyed.house, surveyed.floor, atlas)
                if on_house is not None:
                    on_house(plan.name, done, len(plan.seeds))
            _write_split(folder, plan.name, records)
            counts[plan.name] = len(records)
    except OSError as error:
        raise RunError(
            f"{error.filename or folder} cannot be written ({error.strerror}): choose another folder."
        ) from error
    return counts


def _write_house(folder: Path, survey: Survey) -> None:
    house, viewpoints = survey.house, survey.viewpoints
    graph = formats.connectivity(house.house_id, viewpoints.points, viewpoints.edges)
    write_json(folder / "r2r" / "connectivity" / f"{house.house_id}_connectivity.json", graph)
    texts: dict[str, dict[str, Any]] = {}
    for i, (point, room, seen) in enumerate(zip(viewpoints.points, viewpoints.rooms, survey.seen, strict=True)):
        for name, content in viewpoint_texts(house, room, point, seen).items():
            texts.setdefault(name, {})[viewpoint_name(house.house_id, i)] = content
    for name, content in texts.items():
        suffix = "_summarized" if name == "observations_summarized" else ""
        write_json(folder / "navgpt" / name / f"{house.house_id}{suffix}.json", content)


def _write_split(folder: Path, split: str, records: Sequence[PathRecord]) -> None:
    write_json(folder / "r2r" / f"R2R_{split}.json", [formats.r2r_entry(record) for record in records])
    words = formats.vocabulary(text.text for record in records for text in record.instructions)
    continuous = folder / "r2r_ce" / "R2R_VLNCE_v1-3" / split
    write_json(continuous / f"{split}.json.gz", formats.ce_file(records, words))
    write_json(continuous / f"{split}_gt.json.gz", formats.ce_ground_truth(records))
