"""`python -m tests.benchmarks.other_instructions [--weights FILE] [--houses N]`: does a follower follow what it reads?

Plays val_unseen of the houses in NAVAGENT_DATA as configs/houses_follower.yaml does, with every episode's own words
and then with one from another house. What the second row keeps, a policy gets without language (Thomason et al. 2019,
"Shifting the Baseline", NAACL).
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import yaml

from envs.houses.env import HouseEnv
from eval.compare import paired_differences
from eval.records import EpisodeResult
from eval.run_directory import RunDirectory
from eval.runner import evaluate
from eval.statistics import Estimate
from eval.summary import estimate_results
from navagent.types import Episode
from policies.trained import Trained
from tests.command_line import CHECKOUT

CONFIG = CHECKOUT / "configs" / "houses_follower.yaml"


def swapped(episodes: Sequence[Episode]) -> list[Episode]:
    """Return episodes, which are sorted by houses, each with the instruction of one from another house."""
    scenes = [episode.scene for episode in episodes]
    most = max(scenes.count(scene) for scene in set(scenes))
    others = [*episodes[most:], *episodes[:most]]
    assert all(one.scene != other.scene for one, other in zip(episodes, others, strict=True))
    return [replace(one, instruction=other.instruction) for one, other in zip(episodes, others, strict=True)]


def play(env: HouseEnv, weights: str, episodes: Sequence[Episode]) -> list[EpisodeResult]:
    """Return the results of all episodes."""
    with tempfile.TemporaryDirectory() as folder:
        directory = RunDirectory(Path(folder) / "run")
        evaluate(env, Trained(weights), episodes, directory, workers=16)
        return directory.results()


def main() -> None:
    """Print both rows and their paired difference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", default="houses_follower", help="a weights file, or one that is shipped")
    parser.add_argument("--houses", type=int, help="how many of the split's houses; all by default")
    options = parser.parse_args()
    env = HouseEnv(**yaml.safe_load(CONFIG.read_text())["env"]["init_args"])
    scenes = sorted({episode.scene for episode in env.episodes})[: options.houses]
    own = sorted((episode for episode in env.episodes if episode.scene in scenes), key=lambda episode: episode.scene)
    read, unread = play(env, options.weights, own), play(env, options.weights, swapped(own))
    print(f"{options.weights}, {len(own)} episodes in {len(scenes)} houses (95 % intervals)")
    _line("own instructions", estimate_results(read))
    _line("other houses' instructions", estimate_results(unread))
    _line("own minus other", paired_differences(read, unread))


def _line(what: str, found: dict[str, Estimate]) -> None:
    shown = (f"{name.upper()} {_percent(found[name])}" for name in ("sr", "spl"))
    print(f"{what:<28} {'  '.join(shown)}")


def _percent(found: Estimate) -> str:
    return f"{100 * found.mean:5.1f} ({100 * found.low:.1f} to {100 * found.high:.1f})"


if __name__ == "__main__":
    main()
