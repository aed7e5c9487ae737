"""Where the time of a training step goes: simulation, inference, learning, by memory and precision.

`python -m tests.benchmarks.train_split` (2 minutes on one core); on a GPU `--device cuda --agents 256 --size 128`.
Medians of 6 updates of PointNav in houses, one process, one thread.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path
from typing import Any

from navagent.networks.architecture import SensorNetwork
from navagent.train.config import Learning, TrainConfig
from navagent.train.group import Alone
from navagent.train.trainer import Trainer

UPDATES = 7
SHARES = ("simulation_share", "inference_share", "learning_share")


def measure(options: Any, precision: Any, **network: Any) -> dict[str, float]:
    """Return medians over the updates but the first."""
    rows: list[dict[str, float]] = []
    config = TrainConfig(
        env="navagent/HousePointNav-v0",
        env_options={"size": options.size, "sensors": ("depth",), "houses": 16, "residents": 8},
        evaluate_options={"split": "val_unseen", "houses": 1},
        agents=options.agents,
        steps=UPDATES * options.agents * 128,
        learning=Learning(mini_batches=4),
        network=SensorNetwork(hidden_size=options.hidden, **network),
        device=options.device,
        precision=precision,
        save_seconds=1e9,
    )
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(config, Alone(), Path(folder))
        # It stops before the evaluation, which is not measured here.
        trainer.run(lambda: len(rows) == UPDATES - 1, lambda row: rows.append(dict(row)))
        trainer.close()
    return {name: statistics.median(row[name] for row in rows[1:]) for name in ("steps_per_second", *SHARES)}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--agents", type=int, default=32)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--precisions", nargs="*", default=["full", "bf16"])
    options = parser.parse_args()
    shapes: dict[str, dict[str, Any]] = {
        "GRU": {},
        "GRU, small convolutions": {"channels": (16, 32, 32)},
        "LSTM": {"memory": "lstm"},
        "transformer": {"memory": "transformer"},
    }
    print(f"{options.agents} agents, {options.size} pixels, {options.hidden} features, on {options.device}")
    for name, network in shapes.items():
        for precision in options.precisions:
            found = measure(options, precision, **network)
            parts = "  ".join(f"{part.split('_')[0]} {100 * found[part]:3.0f} %" for part in SHARES)
            print(f"{name:<24} {precision:<5} {found['steps_per_second']:7,.0f} steps/s  {parts}", flush=True)


if __name__ == "__main__":
    main()
