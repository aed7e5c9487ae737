"""DD-PPO on several workers: two against one, a straggler, and what each further worker costs.

`python -m tests.benchmarks.train_scaling` (about 8 minutes on 2 cores). Everything runs through Ray Train as a user's
training does. The straggler's workers sleep through their steps, so that four of them are independent on two cores.
"""

from __future__ import annotations

import argparse
import csv
import json
import logging
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ray
import torch
from ray.cluster_utils import Cluster
from ray.train import RunConfig, ScalingConfig
from ray.train.torch import TorchConfig, TorchTrainer

from navagent.networks.architecture import SensorNetwork
from navagent.train import checkpoint, cluster
from navagent.train.config import Learning, TrainConfig
from navagent.train.group import Together
from tests.benchmarks import sleepy, train_task

BLIND = {"sensors": (), "houses": 16, "residents": 2, "max_steps": 200}


def rate(config: TrainConfig, workers: int) -> float:
    """Return the median of steps per second, without the first two updates."""
    with tempfile.TemporaryDirectory() as folder:
        cluster.train(config, Path(folder), workers, None)
        with Path(folder, "progress.csv").open(newline="") as stream:
            rows = [float(row["steps_per_second"]) for row in csv.DictReader(stream) if row["steps_per_second"]]
    return statistics.median(rows[2:])


def scaling(repeats: int) -> None:
    """Two workers against one, each with the same batch."""
    config = TrainConfig(
        env="navagent/HousePointNav-v0",
        env_options=train_task.task("houses"),
        evaluate_options={"split": "val_unseen", "houses": 1},
        agents=16,
        learning=Learning(mini_batches=2),
        network=train_task.NETWORK,
    )
    ratios = []
    for _ in range(repeats):
        one, two = (rate(_lasting(config, updates=8, workers=workers), workers) for workers in (1, 2))
        ratios.append(two / one)
        print(f"one worker {one:,.0f} steps/s, two workers {two:,.0f} steps/s, {two / one:.2f} x", flush=True)
    print(f"two workers: {statistics.median(ratios):.2f} x one (target 1.7 x)")


def straggler() -> None:
    """One of four workers four times slower, with and without the preemption rule."""
    options = {**BLIND, "step_seconds": 0.05}
    config = TrainConfig(
        env=sleepy.ID,
        env_options=options,
        evaluate_options={"split": "val_unseen", "houses": 1, "step_seconds": 0.0},
        agents=4,
        learning=Learning(rollout_steps=64, mini_batches=2),
        network=SensorNetwork(hidden_size=32),
    )
    slow: dict[str, Any] = {"env_options": {**options, "slowdown": 4.0}}
    even = rate(_lasting(config, updates=6, workers=4), 4)
    print(f"four even workers: {even:,.0f} steps/s")
    for cut, target in ((True, "at least 70 %"), (False, "below 45 %")):
        found = rate(_lasting(config, updates=6, workers=4, cut_stragglers=cut, **slow), 4)
        how = "preemption rule" if cut else "waiting for all"
        print(f"one four times slower, {how}: {found:,.0f} steps/s, {100 * found / even:.0f} % ({target})", flush=True)


def _lasting(config: TrainConfig, updates: int, workers: int, **changes: Any) -> TrainConfig:
    steps = updates * workers * config.agents * config.learning.rollout_steps
    return TrainConfig(**{**vars(config), "steps": steps, "save_seconds": 1e9, **changes})


def logical_nodes(counts: tuple[int, ...]) -> None:
    """Start-up, all-reduce and checkpoint on a cluster of logical nodes with one processor each."""
    for count in counts:
        nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
        for _ in range(count - 1):
            nodes.add_node(num_cpus=1)
        with tempfile.TemporaryDirectory() as folder:
            here = {"env_vars": {"PYTHONPATH": str(Path.cwd())}}
            ray.init(address=nodes.address, log_to_driver=False, logging_level=logging.ERROR, runtime_env=here)
            started = time.time()
            TorchTrainer(
                _probe,
                train_loop_config={"folder": folder},
                torch_config=TorchConfig(backend="gloo"),
                scaling_config=ScalingConfig(num_workers=count),
                run_config=RunConfig(name="ray", storage_path=folder),
            ).fit()
            found = json.loads(Path(folder, "probe.json").read_text())
            ray.shutdown()
        nodes.shutdown()  # type: ignore[no-untyped-call]
        started_s, reduce_ms, save_ms = found["ready"] - started, 1000 * found["reduce"], 1000 * found["save"]
        what = f"all-reduce of a gradient ({found['parameters']:,} numbers) {reduce_ms:6.1f} ms"
        print(f"{count:>2} workers: start-up {started_s:5.1f} s, {what}, checkpoint {save_ms:5.0f} ms", flush=True)


def _probe(options: dict[str, Any]) -> None:
    """Be a worker: measure what workers do together."""
    torch.set_num_threads(1)
    folder, group = Path(options["folder"]), Together()
    group.total(torch.ones(1))
    ready = time.time()
    env = train_task.make(2, group.rank, "houses")
    network = train_task.NETWORK.build(env.single_observation_space, 4)
    gradient = torch.cat([parameter.detach().flatten() for parameter in network.parameters()])
    content = {"network": network.state_dict(), "optimizer": [gradient.clone(), gradient.clone()]}
    reduce = _median(lambda: group.total(gradient))
    save = _median(lambda: checkpoint.save(folder / f"worker_{group.rank}", 1, content, 1))
    if group.rank == 0:
        found = {"ready": ready, "reduce": reduce, "save": save, "parameters": len(gradient)}
        Path(folder, "probe.json").write_text(json.dumps(found))


def _median(work: Callable[[], object]) -> float:
    times = []
    for _ in range(8):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=["scaling", "straggler", "nodes"])
    options = parser.parse_args()
    if "scaling" in options.parts:
        scaling(3)
    if "straggler" in options.parts:
        straggler()
    if "nodes" in options.parts:
        logical_nodes((1, 2, 4, 8, 16))


if __name__ == "__main__":
    main()
