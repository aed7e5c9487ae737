"""`python -m tests.benchmarks.waypoints [positions]`: waypoints against the true floor of the houses in NAVAGENT_DATA.

At random positions of val_unseen's houses: which share of the proposals a `MoveTo` reaches, and which share of the
directions that are open on the exact floor polygon has a proposal near it.
"""

from __future__ import annotations

import copy
import math
import statistics
import sys
import time
from dataclasses import dataclass

import numpy as np
import shapely  # type: ignore[import-untyped, unused-ignore]

from envs.houses.env import HouseEnv
from envs.houses.floor import Floor
from envs.houses.generate import generate
from envs.waypoints import Waypoints
from navagent.geometry import wrap
from navagent.types import Candidate, Episode, MoveTo, Pose

DIRECTIONS = 120
OPEN = 1.0
"""Metres that an open direction leads straight on."""

REACHED = 0.25
"""Metres between where a move ends and what was proposed."""


@dataclass
class Measured:
    """Counts over all positions.

    Attributes:
        positions: Number of positions.
        proposals: Number of candidates.
        reached: Candidates whose move ended within `REACHED` of them without a collision.
        touched: Candidates whose move ended there after touching something.
        open: Directions, of `DIRECTIONS` each, that are open on the true floor.
        within: Of these, those with a candidate within so many degrees.
    """

    positions: int
    proposals: int
    reached: int
    touched: int
    open: int
    within: dict[float, int]

    @property
    def reachable(self) -> float:
        """Share of proposals that are reached."""
        return self.reached / self.proposals

    def found(self, degrees: float) -> float:
        """Share of open directions with a candidate within so many degrees."""
        return self.within[degrees] / self.open


def measure(env: Waypoints, positions: int, seed: int = 0) -> Measured:
    """Measure proposals at so many random positions and headings in each house of the split."""
    rng = np.random.default_rng(seed)
    total = Measured(0, 0, 0, 0, 0, {15.0: 0, 30.0: 0})
    for scene in sorted({episode.scene for episode in env.episodes}):
        floor = Floor.of(generate(int(scene.rpartition("_")[2])))
        for x, y in floor.sample(rng, positions).tolist():
            start = Pose((x, y, 0.0), float(rng.uniform(0, 2 * math.pi)))
            _measure_at(env, Episode("here", scene, "Look around.", start, "0"), floor.polygon, total)
    return total


def _measure_at(env: Waypoints, episode: Episode, free: shapely.Polygon, total: Measured) -> None:
    candidates = env.reset(episode).candidates or ()
    total.positions += 1
    total.proposals += len(candidates)
    headings = np.arange(DIRECTIONS) * 2 * math.pi / DIRECTIONS
    for heading in headings.tolist():
        end = _ahead(episode.start, heading, OPEN)
        if shapely.covers(free, shapely.LineString([episode.start.position[:2], end])):
            total.open += 1
            off = min((abs(wrap(heading - candidate.heading)) for candidate in candidates), default=math.pi)
            for degrees in total.within:
                total.within[degrees] += math.degrees(off) <= degrees + 1e-6
    for candidate in candidates:
        arrived, collided = _go(copy.deepcopy(env), episode.start, candidate)
        total.reached += arrived and not collided
        total.touched += arrived and collided


def _go(env: Waypoints, start: Pose, candidate: Candidate) -> tuple[bool, bool]:
    """Return whether a move to a candidate ends there, and whether it touched anything."""
    seen = env.step(MoveTo(candidate.id))
    assert seen.pose is not None
    target = _ahead(start, candidate.heading, candidate.distance)
    return math.dist(seen.pose.position[:2], target) <= REACHED, seen.collided


def _ahead(start: Pose, heading: float, distance: float) -> tuple[float, float]:
    absolute = start.heading + heading
    return start.position[0] + distance * math.sin(absolute), start.position[1] + distance * math.cos(absolute)


def main() -> None:
    """Print all figures."""
    positions = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    inner = HouseEnv("val_unseen", size=16)
    env = Waypoints(inner)
    seen = measure(env, positions)
    print(f"{seen.positions} positions, {seen.proposals / seen.positions:.1f} proposals each")
    print(f"reached within {REACHED} m without a collision  {100 * seen.reachable:5.1f} %")
    print(f"reached after touching something           {100 * seen.touched / seen.proposals:5.1f} %")
    for degrees in seen.within:
        print(f"open directions with a proposal within {degrees:.0f} degrees {100 * seen.found(degrees):5.1f} %")
    times = []
    for episode in env.episodes[:20]:
        start = time.perf_counter()
        env.reset(episode)
        times.append(time.perf_counter() - start)
    print(f"looking around and proposing, one core     {1000 * statistics.median(times):5.1f} ms")


if __name__ == "__main__":
    main()
