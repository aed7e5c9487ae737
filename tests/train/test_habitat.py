"""Training on Habitat's vector environment, with the stand-in simulator: told from houses by configuration only."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import gymnasium
import pytest

from navagent.networks.architecture import SensorNetwork
from navagent.train.config import Learning, TrainConfig
from navagent.train.group import Alone
from navagent.train.trainer import Trainer
from tests.envs.habitat.exported import export_world, habitat_python
from tests.tiny_ce import make_ce_world

ID = "navagent/StandInPointNav-v0"


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> TrainConfig:
    if ID not in gymnasium.registry:
        gymnasium.register(
            ID, vector_entry_point="tests.envs.habitat.test_vector:StandInVector", kwargs={"task": "pointnav"}
        )
    folder = make_ce_world(tmp_path_factory.mktemp("ce"))
    options = {"data_dir": str(folder), "split": "val_unseen", "python": sys.executable, "size": 36, "max_steps": 6}
    return TrainConfig(
        env=ID,
        env_options={**options, "sensors": ["depth"]},
        evaluate_options={"split": "val_unseen"},
        agents=2,
        steps=48,
        learning=Learning(rollout_steps=12),
        network=SensorNetwork(hidden_size=16),
        save_seconds=1e9,
    )


def test_it_trains_and_goes_on(config: TrainConfig, tmp_path: Path) -> None:
    first = Trainer(config, Alone(), tmp_path)
    assert first.run()
    second = Trainer(replace(config, steps=72), Alone(), tmp_path)
    assert second.steps == 48
    lengths: list[float] = []
    assert second.run(on_update=lambda row: lengths.append(row["length"]))
    # Episodes that were under way began again, so none is longer than the limit.
    assert max(lengths) <= 6


@pytest.mark.habitat
@pytest.mark.timeout(1200)
def test_it_trains_in_habitat_sim_itself(tmp_path: Path) -> None:
    python, folder = habitat_python(), export_world(tmp_path / "data")
    options = {"data_dir": str(folder), "python": python, "size": 64, "sensors": ["depth"], "max_steps": 20}
    config = TrainConfig(
        env="navagent/HabitatPointNav-v0",
        env_options={**options, "split": "val_unseen", "version": "v1-3"},
        evaluate_options={"split": "val_unseen"},
        agents=2,
        steps=128,
        learning=Learning(rollout_steps=32),
        network=SensorNetwork(hidden_size=32),
    )
    trainer = Trainer(config, Alone(), tmp_path / "run")
    rows: list[dict[str, float]] = []
    assert trainer.run(on_update=lambda row: rows.append(dict(row)))
    assert trainer.steps == 128
    assert rows[-1]["simulation_share"] > 0
