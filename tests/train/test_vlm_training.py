"""A vision-language policy in the trainer: what it did is what it learns from, and a stopped training goes on."""

from __future__ import annotations

from itertools import chain, repeat
from pathlib import Path

import pytest

pytest.importorskip("transformers", reason='needs transformers: pip install "navagent[vision]"')

from navagent.train.config import Learning, TrainConfig
from navagent.train.group import Alone
from navagent.train.trainer import Trainer
from policies.vlm.architecture import Connector, Language, Tower, VLMNetwork

LLAMA = {
    "model_type": "llama",
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
}

TINY = TrainConfig(
    env="navagent/HouseR2R-v0",
    env_options={"sensors": ("rgb",), "size": 36, "houses": 2, "residents": 2, "max_steps": 6},
    agents=2,
    steps=1_000,
    learning=Learning(rollout_steps=8, epochs=1, mini_batches=1),
    network=VLMNetwork(
        Tower(width=8), Connector(tokens=1), language=Language(config=LLAMA), context=4, see_actions=True, head_size=16
    ),
    save_seconds=1e9,
)


def _trained(folder: Path, *updates: int) -> tuple[list[bytes], list[float]]:
    """Train for so many updates, stop, go on for so many ...; return the weights and each update's divergence."""
    told: list[float] = []
    for count in updates:
        trainer = Trainer(TINY, Alone(), folder)
        asked = chain(repeat(False, count - 1), repeat(True))
        assert not trainer.run(lambda asked=asked: next(asked), lambda row: told.append(row["kl"]))  # type: ignore[misc]
        trainer.close()
    return [value.numpy().tobytes() for value in trainer.network.state_dict().values()], told


def test_a_stopped_training_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    """Probabilities in the learner are those of the rollout: before its step, it finds no divergence from them."""
    whole, divergences = _trained(tmp_path / "whole", 4)
    parts, _ = _trained(tmp_path / "parts", 2, 2)
    assert whole == parts
    assert len(divergences) == 4
    assert max(map(abs, divergences)) < 1e-6
    assert _trained(tmp_path / "less", 1)[0] != whole
