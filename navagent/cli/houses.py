"""`navagent houses`: make a data set of procedural houses, look at one, or export them for habitat-sim."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.progress import Progress

from envs.houses.cache import load_house
from envs.houses.dataset import make_data
from envs.houses.export import DATASET_FILE, export_houses
from envs.houses.formats import SCENES
from envs.houses.show import save, sheet
from envs.houses.splits import HOUSES, PATHS, plan_split, plan_splits
from navagent.errors import ConfigError


def run(arguments: Sequence[str]) -> int:
    """Run `navagent houses make|show|export`."""
    options = _parser().parse_args(arguments)
    return ACTIONS[options.action](options)


def _make(options: argparse.Namespace) -> int:
    val_seen = min(HOUSES["val_seen"], options.train) if options.val_seen is None else options.val_seen
    plans = plan_splits(options.train, val_seen, options.val_unseen, options.paths)
    with Progress(transient=True) as progress:
        tasks = {plan.name: progress.add_task(plan.name, total=len(plan.seeds)) for plan in plans}
        counts = make_data(options.folder, plans, lambda split, done, _: progress.update(tasks[split], completed=done))
    for plan in plans:
        paths = counts[plan.name]
        print(f"{plan.name}: {len(plan.seeds):,} houses, {paths:,} paths, {3 * paths:,} instructions")
    print(f"Data folder: {options.folder} (NAVAGENT_DATA={options.folder} navagent eval --env HouseNavGraph ...)")
    return 0


def _show(options: argparse.Namespace) -> int:
    save(sheet(load_house(options.seed)), options.out)
    print(options.out)
    return 0


def _export(options: argparse.Namespace) -> int:
    seeds = options.seeds or plan_split(options.split, options.count).seeds
    if not seeds:
        raise ConfigError("There is nothing to export: give a --count of at least 1, or --seeds.")
    with Progress(transient=True) as progress:
        task = progress.add_task("houses", total=len(seeds))
        files = export_houses(
            options.folder, seeds, options.overwrite, lambda done: progress.update(task, completed=done)
        )
    print(f"{len(files):,} {'house' if len(files) == 1 else 'houses'}: {options.folder / DATASET_FILE}")
    return 0


ACTIONS = {"make": _make, "show": _show, "export": _export}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="navagent houses", description="Procedural houses: no download, no licence, no simulator."
    )
    actions = parser.add_subparsers(dest="action", metavar="|".join(ACTIONS), required=True)
    make = actions.add_parser("make", help="write a data folder in R2R's and R2R-CE's formats")
    make.add_argument("folder", type=Path, help="the data folder; r2r/, r2r_ce/ and navgpt/ are made in it")
    make.add_argument("--train", type=int, default=HOUSES["train"], help="houses in train (default: %(default)s)")
    make.add_argument(
        "--val_seen",
        type=int,
        help=f"houses of train that val_seen uses (default: {HOUSES['val_seen']}, or all of a small train)",
    )
    make.add_argument(
        "--val_unseen", type=int, default=HOUSES["val_unseen"], help="houses in val_unseen (default: %(default)s)"
    )
    make.add_argument(
        "--paths", type=int, default=PATHS, help="paths per house, three instructions each (default: %(default)s)"
    )
    show = actions.add_parser("show", help="draw a map and views of one house to a PNG")
    show.add_argument("seed", type=int, help="the house's seed")
    show.add_argument("--out", type=Path, default=Path("house.png"), help="the PNG (default: %(default)s)")
    _add_export(actions.add_parser("export", help="write houses as habitat-sim's scenes: GLB, stage configuration"))
    return parser


def _add_export(export: argparse.ArgumentParser) -> None:
    export.add_argument("folder", type=Path, help=f"the folder of scenes; {SCENES}/ is made in it")
    export.add_argument("--split", default="val_unseen", help="whose houses (default: %(default)s)")
    export.add_argument("--count", type=int, help="houses in the split (default: all of it)")
    export.add_argument("--seeds", type=int, nargs="+", help="seeds of the houses, instead of a split's")
    export.add_argument("--overwrite", action="store_true", help="write houses anew that are in the folder already")
