"""PPO training against RLlib's PPO and Stable-Baselines3's recurrent PPO: steps per second, and return per step.

`python -m tests.benchmarks.train_rivals --steps 20000` for speed, and for curves, in an empty room without pictures,
`--room --steps 150000 --ways ours_alone rllib sb3` (each 10 to 20 minutes on 2 cores; the rivals need
`pip install sb3-contrib` and `pip install 'ray[rllib]'`). All train the same network (an LSTM of 256, in houses three
convolutions over 64 x 64 depth) on the same PointNav task with the same numbers of
agents, steps per rollout, epochs and mini-batches. Each way has both cores: ours as two workers, the rivals with two
threads.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.train_task import AGENTS, EPOCHS, MINI_BATCHES, STEPS

Curve = list[tuple[float, float, float]]
"""Steps, seconds, mean return of the newest 100 episodes."""

WAYS = {
    "ours, two workers": "ours",
    "ours, two workers, bf16": "ours_bf16",
    "ours, one process": "ours_alone",
    "RLlib PPO": "rllib",
    "Stable-Baselines3 RecurrentPPO": "sb3",
}


def rate(curve: Curve) -> float:
    """Return the median of steps per second from update to update; the first only starts the clock."""
    return statistics.median((b[0] - a[0]) / (b[1] - a[1]) for a, b in itertools.pairwise(curve))


def run(way: str, seed: int, steps: int, where: str) -> Curve:
    """Train in a process of its own; `where` is houses or room."""
    module = "train_rllib" if way == "rllib" else "train_sb3" if way == "sb3" else "train_ours"
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "curve.json")
        command = [
            sys.executable,
            "-W",
            "ignore",
            "-m",
            f"tests.benchmarks.{module}",
            way,
            str(seed),
            str(steps),
            where,
        ]
        done = subprocess.run([*command, str(out)], capture_output=True, text=True, check=False)
        if not out.exists():
            print(f"  {way} did not run: {done.stderr.strip().splitlines()[-1:]}")
            return []
        return [tuple(row) for row in json.loads(out.read_text())]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--room", action="store_true", help="in an empty room without pictures")
    parser.add_argument("--ways", nargs="*", default=list(WAYS.values()))
    options = parser.parse_args()
    where = "room" if options.room else "houses"
    shown = f"{AGENTS} agents, {STEPS} steps per rollout, {EPOCHS} epochs of {MINI_BATCHES} mini-batches"
    print(f"{options.steps:,} steps of PointNav ({where}); {shown}; {options.seeds} seeds")
    found: dict[str, list[Curve]] = {}
    for seed in range(options.seeds):  # in turns, so that a noisy neighbour meets all of them
        for name, way in WAYS.items():
            if way in options.ways:
                found.setdefault(name, []).append(run(way, seed, options.steps, where))
                curve = found[name][-1]
                if curve:
                    quarters = [curve[len(curve) * part // 4 - 1][2] for part in (1, 2, 3, 4)]
                    told = "  ".join(f"{value:6.2f}" for value in quarters)
                    print(f"  seed {seed}  {name:<32} {rate(curve):6.0f} steps/s  return {told}", flush=True)
    ours = statistics.median(rate(curve) for curve in next(iter(found.values())))
    for name, curves in found.items():
        if all(curves):
            middle = statistics.median(map(rate, curves))
            last = [round(curve[-1][2], 2) for curve in curves]
            print(f"{name:<34} {middle:6.0f} steps/s  {ours / middle:4.2f} x  return at the end {last}")


def write(curve: Curve, file: str) -> None:
    """Keep a curve for the parent."""
    Path(file).write_text(json.dumps(curve))


class Clock:
    """Collects a curve."""

    def __init__(self) -> None:
        self.curve: Curve = []
        self._start = time.perf_counter()

    def add(self, steps: float, mean_return: float) -> None:
        """Add a point now."""
        self.curve.append((steps, time.perf_counter() - self._start, mean_return))


if __name__ == "__main__":
    main()
