"""Our side of `train_rivals`."""

from __future__ import annotations

import csv
import sys
import tempfile
from pathlib import Path

from navagent.train import cluster
from navagent.train.config import Learning, TrainConfig
from navagent.train.group import Alone
from navagent.train.trainer import Trainer
from tests.benchmarks import train_task as T
from tests.benchmarks.train_rivals import Clock, Curve, write


def main() -> None:
    """Train and keep the curve."""
    way, seed, steps, where, out = sys.argv[1:]
    workers = 1 if way == "ours_alone" else 2
    config = TrainConfig(
        env="navagent/HousePointNav-v0",
        env_options=T.task(where),
        evaluate_options={"split": "val_unseen", "houses": 1},
        agents=T.AGENTS // workers,
        steps=int(steps),
        seed=int(seed),
        learning=Learning(
            rollout_steps=T.STEPS,
            epochs=T.EPOCHS,
            mini_batches=T.MINI_BATCHES,
            learning_rate=T.learning_rate(where),
            adam_epsilon=T.ADAM_EPSILON,
            entropy_weight=T.ENTROPY_WEIGHT,
            max_gradient_norm=T.MAX_GRADIENT_NORM,
            normalise_advantages=True,
        ),
        network=T.NETWORK,
        precision="bf16" if way == "ours_bf16" else "full",
        threads=2 // workers,
        save_seconds=1e9,
    )
    with tempfile.TemporaryDirectory() as folder:
        if workers == 1:
            clock = Clock()
            trainer = Trainer(config, Alone(), Path(folder))
            trainer.run(on_update=lambda row: clock.add(row["steps"], row.get("return", 0.0)))
            curve = clock.curve
        else:
            cluster.train(config, Path(folder), workers, None)
            curve = _curve(Path(folder, "progress.csv"))
    write(curve, out)


def _curve(file: Path) -> Curve:
    """Return the curve of a log."""
    seconds, curve = 0.0, []
    with file.open(newline="") as stream:
        for row in csv.DictReader(stream):
            if row["new_steps"]:
                seconds += float(row["new_steps"]) / float(row["steps_per_second"])
                curve.append((float(row["steps"]), seconds, float(row["return"] or 0)))
    return curve


if __name__ == "__main__":
    main()
