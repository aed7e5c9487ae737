"""Instructions' words and weights files: R2R-CE's two releases number words differently."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from gymnasium import spaces

from envs.continuous import Version
from navagent.errors import ConfigError
from navagent.instructions import InstructionSpace, other_words
from navagent.rollout import rollout
from tests.envs.habitat.test_oracle import StandInCE, make
from tests.tiny_ce import make_ce_world

pytest.importorskip("torch", reason="needs torch: pip install torch==2.13.0")
pytest.importorskip("safetensors", reason="needs safetensors: pip install safetensors")

from navagent.networks.architecture import SensorNetwork
from navagent.networks.weights import ModelCard, load, save
from policies.trained import Trained


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_ce_world(tmp_path_factory.mktemp("ce"))


def space_of(folder: Path, version: Version) -> spaces.Dict:
    env = make(folder, "r2r", 1, version=version, sensors=())
    space = env.single_observation_space
    env.close()
    assert isinstance(space, spaces.Dict)
    return space


def write(file: Path, space: spaces.Dict) -> str:
    card = ModelCard(SensorNetwork(hidden_size=8), space, 4, "navagent/HabitatR2RCE-v0")
    save(file, card.architecture.build(space, 4), card)
    return str(file)


def play(folder: Path, version: Version, weights: str) -> int:
    env = StandInCE("val_unseen", str(folder), version, python=sys.executable, rgb=1, depth=1, max_steps=3)
    try:
        return len(rollout(env, Trained(weights), env.episodes[0]).poses)
    finally:
        env.close()


def test_a_card_keeps_the_words_and_another_release_is_refused(folder: Path, tmp_path: Path) -> None:
    """Both vocabularies have six words, so their size tells nothing."""
    space = space_of(folder, "v1-3_preprocessed")
    weights = write(tmp_path / "ce.safetensors", space)
    kept = load(Path(weights))[1].space["instruction"]
    assert isinstance(kept, InstructionSpace)
    assert kept.words == ("<pad>", "<unk>", "#", "to", "go", "there")
    assert play(folder, "v1-3_preprocessed", weights) >= 1
    with pytest.raises(ConfigError, match=r"trained on instructions with another vocabulary: .*--env\.version"):
        play(folder, "v1-3", weights)


def test_a_file_without_words_plays_as_before(folder: Path, tmp_path: Path) -> None:
    plain = spaces.Dict({"instruction": spaces.Box(0, 5, (200,), np.int32)})
    weights = write(tmp_path / "old.safetensors", plain)
    for version in ("v1-3", "v1-3_preprocessed"):
        assert play(folder, version, weights) >= 1
    small = write(tmp_path / "small.safetensors", spaces.Dict({"instruction": spaces.Box(0, 4, (200,), np.int32)}))
    with pytest.raises(ConfigError, match="another vocabulary"):
        play(folder, "v1-3", small)


def test_words_are_others_only_where_both_sides_name_them() -> None:
    space = InstructionSpace(["<pad>", "go"], 3)
    assert other_words(space, ("<pad>", "stop"))
    assert not other_words(space, ("<pad>", "go"))
    assert not other_words(space, None)
    assert not other_words(spaces.Box(0, 1, (3,), np.int32), ("<pad>", "stop"))


@pytest.mark.parametrize("version", ["v1-3", "v1-3_preprocessed"])
def test_the_space_reads_habitats_instructions(version: Version, folder: Path) -> None:
    env = make(folder, "r2r", 1, version=version)
    observations, _ = env.reset()
    space = env.single_observation_space["instruction"]  # type: ignore[index]
    said = [space.words[token] for token in observations["instruction"][0] if token]
    assert " ".join(said) == env.texts[0].lower().strip(".") == "go to there"
    env.close()
