"""Data sets of houses: train, val_seen and val_unseen in R2R's and R2R-CE's formats, with texts in NavGPT's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from envs.houses import formats
from envs.houses.floor import Floor
from envs.houses.formats import PathRecord, viewpoint_name, write_json
from envs.houses.generate import generate
from envs.houses.house import House
from envs.houses.paths import PathMaker
from envs.houses.render import Renderer
from envs.houses.sights import Sight, sights
from envs.houses.texts import viewpoint_texts
from envs.houses.textures import texture_atlas
from envs.houses.viewpoints import Viewpoints, place_viewpoints
from navagent.errors import ConfigError, RunError

UNSEEN_SEEDS = 900_000
"""Houses from this seed on are val_unseen's; train and val_seen have those below, so they never share a house."""

PATHS = 15
"""Paths per house (val_unseen: 20 houses, 300 paths, 900 instructions)."""

OnHouse = Callable[[str, int, int], None]


@dataclass(frozen=True)
class SplitPlan:
    """What a split is made of.

    Attributes:
        name: train, val_seen or val_unseen.
        seeds: The houses.
        paths: Paths per house.
        stream: Number of the random stream, so that splits of one house differ.
    """

    name: str
    seeds: range
    paths: int
    stream: int


def plan_splits(train: int, val_seen: int, val_unseen: int, paths: int = PATHS) -> list[SplitPlan]:
    """Return the splits for so many houses each; val_seen's houses are the first of train's.

    Raises:
        ConfigError: A count is out of its range.
    """
    for name, count in (("train", train), ("val_seen", val_seen), ("val_unseen", val_unseen)):
        if not 0 <= count <= UNSEEN_SEEDS // 10:
            raise ConfigError(f"{name} cannot have {count} houses: give a number from 0 to {UNSEEN_SEEDS // 10:,}.")
    if not 1 <= paths <= 100:
        raise ConfigError(f"A house cannot have {paths} paths: give a number from 1 to 100.")
    plans = [
        SplitPlan("train", range(train), paths, 2),
        SplitPlan("val_seen", range(val_seen), paths, 3),
        SplitPlan("val_unseen", range(UNSEEN_SEEDS, UNSEEN_SEEDS + val_unseen), paths, 4),
    ]
    return [plan for plan in plans if len(plan.seeds)]


def make_data(folder: Path, plans: Sequence[SplitPlan], on_house: OnHouse | None = None) -> dict[str, int]:
    """Write a data folder that R2R's and R2R-CE's loaders and NavGPT's describer read.

    Args:
        folder: Where; `r2r/`, `r2r_ce/` and `navgpt/` are made in it.
        plans: The splits.
        on_house: Called after each house with split, number done and number of houses.

    Returns:
        Number of paths by split.

    Raises:
        RunError: The folder cannot be written.
    """
    counts = {}
    try:
        for plan in plans:
            records: list[PathRecord] = []
            for done, surveyed in enumerate(_surveys(plan.seeds), start=1):
                rng = np.random.default_rng([surveyed.house.seed, plan.stream])
                drawn = PathMaker(surveyed.house, surveyed.floor, surveyed.viewpoints, surveyed.seen)
                records += drawn.draw(plan.paths, len(records) + 1, rng)
                _write_house(folder, surveyed)
                if on_house is not None:
                    on_house(plan.name, done, len(plan.seeds))
            _write_split(folder, plan.name, records)
            counts[plan.name] = len(records)
    except OSError as error:
        raise RunError(
            f"{error.filename or folder} cannot be written ({error.strerror}): choose another folder."
        ) from error
    return counts


@dataclass(frozen=True)
class _Survey:
    """A house with what is known of it."""

    house: House
    floor: Floor
    viewpoints: Viewpoints
    seen: list[tuple[Sight, ...]]


def _surveys(seeds: Sequence[int]) -> Iterator[_Survey]:
    atlas = texture_atlas()
    for seed in seeds:
        house = generate(seed)
        floor = Floor.of(house)
        viewpoints = place_viewpoints(house, floor)
        yield _Survey(house, floor, viewpoints, sights(Renderer([house], atlas), 0, viewpoints.points))


def _write_house(folder: Path, survey: _Survey) -> None:
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
