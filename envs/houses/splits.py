"""Which houses a split has."""

from __future__ import annotations

from dataclasses import dataclass

from navagent.errors import ConfigError, nearest

UNSEEN_SEEDS = 900_000
"""Houses from this seed on are val_unseen's; train and val_seen have those below, so they never share a house."""

PATHS = 15
"""Paths per house (val_unseen: 20 houses, 300 paths, 900 instructions)."""

HOUSES = {"train": 200, "val_seen": 20, "val_unseen": 20}
"""Houses by split unless another number is asked for."""


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


def plan_split(name: str, houses: int | None = None, paths: int = PATHS) -> SplitPlan:
    """Return a split for so many houses; val_seen's are the first of train's.

    Raises:
        ConfigError: There is no such split, or a count is out of its range.
    """
    if name not in HOUSES:
        raise ConfigError(
            f"There is no split '{name}' of houses: there are {', '.join(HOUSES)}.{nearest(name, HOUSES)}"
        )
    count = HOUSES[name] if houses is None else houses
    if not 0 <= count <= UNSEEN_SEEDS // 10:
        raise ConfigError(f"{name} cannot have {count} houses: give a number from 0 to {UNSEEN_SEEDS // 10:,}.")
    if not 1 <= paths <= 100:
        raise ConfigError(f"A house cannot have {paths} paths: give a number from 1 to 100.")
    first, stream = {"train": (0, 2), "val_seen": (0, 3), "val_unseen": (UNSEEN_SEEDS, 4)}[name]
    return SplitPlan(name, range(first, first + count), paths, stream)


def plan_splits(train: int, val_seen: int, val_unseen: int, paths: int = PATHS) -> list[SplitPlan]:
    """Return the splits that have houses.

    Raises:
        ConfigError: A count is out of its range, or val_seen has more houses than train.
    """
    if val_seen > train:
        raise ConfigError(f"val_seen's houses are train's: it cannot have {val_seen} of {train}.")
    counts = {"train": train, "val_seen": val_seen, "val_unseen": val_unseen}
    plans = [plan_split(name, count, paths) for name, count in counts.items()]
    return [plan for plan in plans if len(plan.seeds)]
