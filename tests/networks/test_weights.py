from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from gymnasium import spaces

from navagent.errors import ConfigError, DataError, RunError
from navagent.networks.architecture import Architecture, SensorNetwork
from navagent.networks.policy_network import PolicyNetwork
from navagent.networks.weights import ModelCard, load, save

SPACE = spaces.Dict(
    {
        "depth": spaces.Box(0, 100, (36, 48, 1), np.float32),
        "compass": spaces.Box(-math.pi, math.pi, (1,), np.float32),
        "instruction": spaces.Box(0, 30, (7,), np.int32),
    }
)
CARD = ModelCard(
    SensorNetwork(hidden_size=8, memory="lstm"),
    SPACE,
    actions=4,
    env="navagent/HouseR2R-v0",
    env_options={"size": [36, 48], "sensors": ["depth"]},
    hfov=math.pi / 2,
    steps=1000,
    seed=3,
    command="navagent train --training.seed 3",
)


@dataclass(frozen=True)
class Size:
    """An option that is a class of its own."""

    hidden: int = 8


@dataclass(frozen=True)
class Nested(Architecture):
    """An architecture of somebody else's."""

    size: Size
    further: tuple[Size, ...] = (Size(1), Size(2))

    def build(self, space: spaces.Dict, actions: int) -> PolicyNetwork:
        return SensorNetwork(hidden_size=self.size.hidden).build(space, actions)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    save(tmp_path / "runs" / "best.safetensors", CARD.architecture.build(SPACE, 4), CARD)
    return tmp_path / "runs" / "best.safetensors"


def decide(network: PolicyNetwork) -> torch.Tensor:
    """What a network makes of a made-up step."""
    generator = torch.Generator().manual_seed(1)
    seen = {
        "depth": torch.rand(2, 36, 48, 1, generator=generator),
        "compass": torch.rand(2, 1, generator=generator),
        "instruction": torch.randint(0, 31, (2, 7), generator=generator),
    }
    begins = torch.ones(2, dtype=torch.bool)
    with torch.no_grad():
        return network.step(seen, torch.zeros(2, dtype=torch.int64), network.new_state(2), begins)[0]


def test_a_network_comes_back_with_its_card(file: Path) -> None:
    torch.manual_seed(0)
    original = CARD.architecture.build(SPACE, 4).eval()
    network, card = load(file)
    assert card == CARD
    assert torch.equal(decide(network), decide(original))
    assert not network.training


def test_options_that_are_classes_come_back(tmp_path: Path) -> None:
    card = replace(CARD, architecture=Nested(Size(12)))
    save(tmp_path / "w.safetensors", card.architecture.build(SPACE, 4), card)
    assert load(tmp_path / "w.safetensors")[1] == card


def test_half_the_precision_can_be_read(file: Path) -> None:
    network, card = load(file)
    save(file, network.half(), card)
    again = load(file)[0]
    assert {value.dtype for value in again.state_dict().values()} == {torch.float32}


def test_anybodys_safetensors_reads_the_file(file: Path) -> None:
    assert safetensors.torch.load_file(file).keys() == load(file)[0].state_dict().keys()


# --------------------------------------------------------------------------------------------- what is refused
def changed_card(change: Callable[[dict[str, object]], object]) -> Callable[[bytes], bytes]:
    """Change the card in a file's header."""

    def damage(content: bytes) -> bytes:
        (length,) = struct.unpack("<Q", content[:8])
        header = json.loads(content[8 : 8 + length])
        card = json.loads(header["__metadata__"]["navagent"])
        change(card)
        header["__metadata__"]["navagent"] = json.dumps(card)
        text = json.dumps(header).encode()
        return struct.pack("<Q", len(text)) + text + content[8 + length :]

    return damage


def architecture(class_path: str, **options: object) -> Callable[[bytes], bytes]:
    return changed_card(lambda card: card.update(architecture={"class_path": class_path, "init_args": options}))


SENSOR_NETWORK = "navagent.networks.architecture.SensorNetwork"


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda content: b"", "is no whole safetensors file"),
        (lambda content: b"PK\x03\x04 a pickle of PyTorch's", "is no whole safetensors file"),
        (lambda content: content[:40], "is no whole safetensors file"),
        (lambda content: content[:-9], "is no whole safetensors file"),
        (lambda content: safetensors.torch.save({"a": torch.ones(1)}), "has no card of ours"),
        (changed_card(lambda card: card.update(format=2, version="9.0")), "written by navagent 9.0, this is"),
        (changed_card(lambda card: card.pop("space")), r"its card is damaged .*space"),
        (changed_card(lambda card: card.update(colour=1)), "its card is damaged .*colour"),
        (architecture("navagent.networks.architecture.Sensornetwork"), "Sensornetwork cannot be imported"),
        (architecture("no_such_module.Network"), "no_such_module.Network cannot be imported"),
        (architecture("subprocess.Popen", args=["true"]), "subprocess.Popen is no architecture"),
        (architecture("navagent.types.Stop"), "navagent.types.Stop is no architecture"),
        (architecture(SENSOR_NETWORK, hands=2), "its SensorNetwork has other options than ours .*hands"),
        (architecture(SENSOR_NETWORK, hidden_size=0), "hidden_size must be at least 1, not 0"),
        (architecture(SENSOR_NETWORK, hidden_size=16), r"of another SensorNetwork \(.*size mismatch for"),
    ],
)
def test_what_cannot_be_played_is_one_sentence(damage: Callable[[bytes], bytes], said: str, file: Path) -> None:
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(DataError, match=said) as caught:
        load(file)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"There is no weights file .*none\.safetensors"):
        load(tmp_path / "none.safetensors")
    with pytest.raises(DataError, match="cannot be read"):
        load(tmp_path)


def test_what_cannot_be_written_leaves_the_file_as_it_was(file: Path) -> None:
    before = file.read_bytes()
    network = load(file)[0]
    with pytest.raises(ConfigError, match="cannot hold these options"):
        save(file, network, replace(CARD, env_options={"sensors": {1, 2}}))
    with pytest.raises(ConfigError, match="'choice' is a Discrete"):
        save(file, network, replace(CARD, space=spaces.Dict({"choice": spaces.Discrete(3)})))
    with pytest.raises(RunError, match="cannot be written"):
        save(file / "under_a_file.safetensors", network, CARD)
    assert file.read_bytes() == before
    assert [other.name for other in file.parent.iterdir()] == [file.name]
