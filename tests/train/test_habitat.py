"""Training on Habitat's vector environment, with the stand-in simulator: told from houses by configuration only."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from navagent.errors import ConfigError
from navagent.instructions import InstructionSpace
from navagent.networks.architecture import SensorNetwork
from navagent.networks.weights import ModelCard, save
from navagent.train.config import Imitation, Learning, TrainConfig
from navagent.train.group import Alone
from navagent.train.imitation import ImitationTrainer
from navagent.train.trainer import Trainer, take_weights
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


def test_it_imitates_the_oracle_and_goes_on(config: TrainConfig, tmp_path: Path) -> None:
    """DAgger, half of the episodes by the oracle, which reaches every goal that 60 actions reach."""
    options = {**config.env_options, "max_steps": 60, "oracle_radius": 0.15}
    imitating = replace(config, env_options=options, imitation=Imitation(oracle_share=0.5, label_own=True))
    rows: list[dict[str, float]] = []
    assert ImitationTrainer(imitating, Alone(), tmp_path).run(on_update=lambda row: rows.append(dict(row)))
    second = ImitationTrainer(replace(imitating, steps=480), Alone(), tmp_path)
    assert second.steps == 48
    assert second.run(on_update=lambda row: rows.append(dict(row)))
    assert rows[-1]["oracle_share"] == 0.5
    # Goals lie ahead for most of the way: the network learns that soon.
    assert rows[-1]["imitation_loss"] < rows[0]["imitation_loss"]


def test_it_does_not_begin_with_weights_that_read_other_words(tmp_path: Path) -> None:
    """As R2R-CE's two releases have them, and cards from before, which name no words, are taken."""
    spaces_of = [
        spaces.Dict({"instruction": InstructionSpace(["<pad>", "go", third], 5)}) for third in ("left", "right")
    ]
    plain = spaces.Dict({"instruction": spaces.Box(0, 2, (5,), np.int32)})
    cards = [ModelCard(SensorNetwork(hidden_size=8), space, 4, "made-up") for space in (*spaces_of, plain)]
    for number, card in enumerate(cards):
        save(tmp_path / f"{number}.safetensors", card.architecture.build(card.space, 4), card)
    network = cards[0].architecture.build(cards[0].space, 4)
    take_weights(tmp_path / "0.safetensors", network, cards[0])
    take_weights(tmp_path / "2.safetensors", network, cards[0])
    with pytest.raises(ConfigError, match="stand for other words than the environment's: train anew"):
        take_weights(tmp_path / "1.safetensors", network, cards[0])


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


@pytest.mark.habitat
@pytest.mark.timeout(1200)
def test_it_imitates_habitat_labs_follower_and_goes_on(tmp_path: Path) -> None:
    """Behaviour cloning from R2R-CE's instructions: what agents do is what the follower does, so they arrive."""
    python, folder = habitat_python(), export_world(tmp_path / "data")
    options = {"data_dir": str(folder), "python": python, "size": 36, "sensors": ["depth"]}
    config = TrainConfig(
        env="navagent/HabitatR2RCE-v0",
        env_options={**options, "split": "val_unseen", "version": "v1-3", "oracle_radius": 1.5},
        evaluate_options={"split": "val_unseen"},
        agents=2,
        steps=256,
        learning=Learning(rollout_steps=32),
        imitation=Imitation(inflection_weight=3.2),
        network=SensorNetwork(hidden_size=32),
        save_seconds=1e9,
    )
    rows: list[dict[str, float]] = []
    assert ImitationTrainer(config, Alone(), tmp_path / "run").run(on_update=lambda row: rows.append(dict(row)))
    second = ImitationTrainer(replace(config, steps=384), Alone(), tmp_path / "run")
    assert second.steps == 256
    assert second.run(on_update=lambda row: rows.append(dict(row)))
    assert rows[-1]["imitation_loss"] < rows[0]["imitation_loss"]
    assert rows[-1]["success"] == 1.0
