"""A training on a Ray cluster that loses a node."""

from __future__ import annotations

import csv
import threading
import time
from pathlib import Path

import pytest

from navagent.networks.architecture import SensorNetwork
from navagent.train.config import Learning, TrainConfig

pytest.importorskip("ray", reason="needs Ray: pip install 'navagent[train]'")

AGENTS, LENGTH = 16, 16


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.filterwarnings("ignore")  # Ray's own, when a node goes
def test_a_training_goes_on_with_fewer_workers_when_a_node_is_lost(tmp_path: Path) -> None:
    cluster = pytest.importorskip("navagent.train.cluster")
    nodes = pytest.importorskip("ray.cluster_utils").Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    second = nodes.add_node(num_cpus=1)
    config = TrainConfig(
        env="navagent/HousePointNav-v0",
        env_options={"sensors": (), "houses": 3, "max_steps": 30},
        evaluate_options={"split": "val_unseen", "houses": 1},
        agents=AGENTS,
        steps=150_000,
        learning=Learning(rollout_steps=LENGTH),
        network=SensorNetwork(hidden_size=16),
        save_seconds=1.0,
    )

    def lose_a_node() -> None:
        while not list(tmp_path.glob("checkpoints/worker_1/*.pt")):
            time.sleep(0.2)
        nodes.remove_node(second)

    threading.Thread(target=lose_a_node, daemon=True).start()
    try:
        cluster.train(config, tmp_path, 2, nodes.address, least=1)
    finally:
        nodes.shutdown()
    with (tmp_path / "progress.csv").open(newline="") as stream:
        new_steps = [int(row["new_steps"]) for row in csv.DictReader(stream) if row["new_steps"]]
    assert new_steps[0] == 2 * AGENTS * LENGTH
    assert new_steps[-1] == AGENTS * LENGTH
    assert sum(new_steps) >= config.steps
