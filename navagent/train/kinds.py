"""Which trainer a configuration asks for."""

from __future__ import annotations

from pathlib import Path

from navagent.train.config import TrainConfig
from navagent.train.group import Group
from navagent.train.imitation import ImitationTrainer
from navagent.train.looking import LookingTrainer
from navagent.train.trainer import Trainer


def new_trainer(config: TrainConfig, group: Group, folder: Path, command: str = "") -> Trainer:
    """Return the trainer that a configuration asks for."""
    kind = LookingTrainer if config.looking else Trainer if config.imitation is None else ImitationTrainer
    return kind(config, group, folder, command)
