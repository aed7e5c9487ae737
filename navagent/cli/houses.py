"""`navagent houses`: make a data set of procedural houses, or look at one."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.progress import Progress

from envs.houses.dataset import make_data
from envs.houses.generate import generate
from envs.houses.show import save, sheet
from envs.houses.splits import HOUSES, PATHS, plan_splits


def run(arguments: Sequence[str]) -> int:
    """Run `navagent houses make|show`."""
    options = _parser().parse_args(arguments)
    if options.action == "make":
        return _make(options)
    save(sheet(generate(options.seed)), options.out)
    print(options.out)
    return 0


def _make(options: argparse.Namespace) -> int:
    plans = plan_splits(options.train, options.val_seen, options.val_unseen, options.paths)
    with Progress(transient=True) as progress:
        tasks = {plan.name: progress.add_task(plan.name, total=len(plan.seeds)) for plan in plans}
        counts = make_data(options.folder, plans, lambda split, done, _: progress.update(tasks[split], completed=done))
    for plan in plans:
        paths = counts[plan.name]
        print(f"{plan.name}: {len(plan.seeds):,} houses, {paths:,} paths, {3 * paths:,} instructions")
    print(f"Data folder: {options.folder} (NAVAGENT_DATA={options.folder} navagent eval --env HouseNavGraph ...)")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="navagent houses", description="Procedural houses: no download, no licence, no simulator."
    )
    actions = parser.add_subparsers(dest="action", metavar="make|show", required=True)
    make = actions.add_parser("make", help="write a data folder in R2R's and R2R-CE's formats")
    make.add_argument("folder", type=Path, help="the data folder; r2r/, r2r_ce/ and navgpt/ are made in it")
    make.add_argument("--train", type=int, default=HOUSES["train"], help="houses in train (default: %(default)s)")
    make.add_argument(
        "--val_seen",
        type=int,
        default=HOUSES["val_seen"],
        help="houses of train that val_seen uses (default: %(default)s)",
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
    return parser
