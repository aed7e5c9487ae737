"""Weights files: a network's weights with the card that rebuilds it, in safetensors.

The card is JSON in the file's header, under "navagent", so that nothing has to be run to read a file of somebody else.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from gymnasium import spaces
from safetensors import SafetensorError, safe_open

import navagent
from navagent.errors import ConfigError, DataError, RunError, first_line
from navagent.files import write_whole
from navagent.instructions import InstructionSpace
from navagent.networks.architecture import Architecture
from navagent.networks.policy_network import PolicyNetwork

FORMAT = 1
"""Of the card; files of a later one are refused."""

_KEY = "navagent"


@dataclass(frozen=True)
class ModelCard:
    """What a network is, what it takes, and how it was made.

    Attributes:
        architecture: Builds the network.
        space: What one agent observes.
        actions: Number of actions.
        env: Gymnasium id of the environment that it was trained in.
        env_options: The environment's options.
        hfov: Horizontal angle of view of its pictures, radians; None where there are none or it is not known.
        vocabulary: The words that its tokens stand for, from token 2 on; none where it reads no text of ours.
        steps: Environment steps that it was trained for.
        seed: Of the training.
        command: The command that made it.
        version: Of the navagent that made it.
    """

    architecture: Architecture
    space: spaces.Dict
    actions: int
    env: str
    env_options: Mapping[str, Any] = field(default_factory=dict)
    hfov: float | None = None
    vocabulary: Sequence[str] = ()
    steps: int = 0
    seed: int = 0
    command: str = ""
    version: str = navagent.__version__

    def to_json(self) -> str:
        """Return the card as JSON.

        Raises:
            ConfigError: An option or an observation cannot be written down.
        """
        plain = {part.name: getattr(self, part.name) for part in fields(self)}
        plain["architecture"] = _described(self.architecture)
        plain["space"] = {name: _box_described(name, box) for name, box in self.space.items()}
        try:
            return json.dumps({"format": FORMAT, **plain})
        except TypeError as error:
            raise ConfigError(f"A weights file cannot hold these options: {error}.") from error

    @classmethod
    def from_json(cls, text: str) -> ModelCard:
        """Read a card.

        Raises:
            ValueError: It is damaged, of a later format, or names an architecture that there is not; without a full
                stop.
        """
        try:
            plain = json.loads(text)
            if plain.pop("format") > FORMAT:
                raise ValueError(f"it was written by navagent {plain['version']}, this is {navagent.__version__}")
            plain["architecture"] = _built(plain["architecture"])
            plain["vocabulary"] = tuple(plain.get("vocabulary", ()))
            plain["space"] = spaces.Dict({name: _box_built(entry) for name, entry in plain["space"].items()})
            return cls(**plain)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"its card is damaged ({type(error).__name__}: {error})") from error


def save(file: Path, network: PolicyNetwork, card: ModelCard) -> None:
    """Write a network's weights and card, whole or not at all.

    Raises:
        ConfigError: The card cannot be written down.
        RunError: The file cannot be written.
    """
    tensors = {
        name: value.cpu().clone(memory_format=torch.contiguous_format) for name, value in network.state_dict().items()
    }
    try:
        write_whole(file, safetensors.torch.save(tensors, {_KEY: card.to_json()}))
    except OSError as error:
        raise RunError(f"{file} cannot be written ({error.strerror}): free some space.") from error


def load(file: Path, device: str | torch.device = "cpu") -> tuple[PolicyNetwork, ModelCard]:
    """Read a network, ready to play. Weights kept in half precision become what the architecture has.

    Raises:
        DataError: The file is absent, damaged, none of ours, or of another version of its architecture.
    """
    try:
        with safe_open(file, "pt") as content:
            described = (content.metadata() or {}).get(_KEY)
            tensors = {name: content.get_tensor(name) for name in content.keys()}  # noqa: SIM118 (it is no mapping)
    except FileNotFoundError as error:
        raise DataError(f"There is no weights file {file}.") from error
    except OSError as error:
        raise DataError(f"{file} cannot be read ({error.strerror or error}).") from error
    except SafetensorError as error:
        raise DataError(f"{file} is no whole safetensors file ({error}): copy it anew.") from error
    if described is None:
        raise DataError(f"{file} has no card of ours: give a file that `navagent train` wrote.")
    try:
        card = ModelCard.from_json(described)
        network = card.architecture.build(card.space, card.actions)
    except ValueError as error:
        raise DataError(f"{file} cannot be used: {error}.") from error
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        raise DataError(
            f"{file} holds the weights of another {type(card.architecture).__name__} ({why_not_taken(error)}): it was "
            f"written by navagent {card.version}, and this is {navagent.__version__}."
        ) from error
    return network.to(device).eval(), card


def why_not_taken(error: RuntimeError) -> str:
    """Return the first reason that torch's `load_state_dict` gives, and how many more there are; no full stop."""
    reasons = [" ".join(line.split()).rstrip(".") for line in str(error).strip().splitlines()][1:]
    more = f", and {len(reasons) - 1} more" if len(reasons) > 1 else ""
    return f"{reasons[0]}{more}" if reasons else first_line(error)


# ------------------------------------------------------------------------------------------ options as JSON
def _described(value: Any) -> Any:
    """Return options as a configuration has them: a class by its path, with its arguments."""
    if isinstance(value, list | tuple):
        return [_described(part) for part in value]
    if not is_dataclass(value) or isinstance(value, type):
        return value
    kind = type(value)
    options = {part.name: _described(getattr(value, part.name)) for part in fields(value) if part.init}
    return {"class_path": f"{kind.__module__}.{kind.__qualname__}", "init_args": options}


def _built(entry: Mapping[str, Any]) -> Architecture:
    """Construct the architecture that a card names.

    Raises:
        ValueError: There is none of that name, or it has other options.
    """
    found = _constructed(entry)
    if not isinstance(found, Architecture):
        raise ValueError(f"{entry['class_path']} is no architecture")
    return found


def _constructed(entry: Any) -> Any:
    if isinstance(entry, list):
        return tuple(map(_constructed, entry))  # JSON knows no tuples, and options are hashable
    if not isinstance(entry, Mapping) or set(entry) != {"class_path", "init_args"}:
        return entry
    module, _, name = entry["class_path"].rpartition(".")
    try:
        kind = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"its {entry['class_path']} cannot be imported ({error})") from error
    if not isinstance(kind, type) or not is_dataclass(kind):  # a file of somebody else must not call anything
        raise ValueError(f"{entry['class_path']} is no architecture")
    try:
        return kind(**{option: _constructed(value) for option, value in entry["init_args"].items()})
    except TypeError as error:
        raise ValueError(f"its {name} has other options than ours ({error})") from error


def _box_described(name: str, space: spaces.Space[Any]) -> dict[str, Any]:
    if not isinstance(space, spaces.Box):
        raise ConfigError(f"A weights file knows observations that are arrays, and '{name}' is a {space}.")
    low, high = (space.low.min() + 0).item(), (space.high.max() + 0).item()  # a flag's bounds as 0 and 1
    plain: dict[str, Any] = {"shape": list(space.shape), "dtype": str(space.dtype), "low": low, "high": high}
    return plain | ({"words": list(space.words)} if isinstance(space, InstructionSpace) else {})


def _box_built(entry: Mapping[str, Any]) -> spaces.Box:
    if "words" in entry:
        return InstructionSpace(entry["words"], entry["shape"][0])
    return spaces.Box(entry["low"], entry["high"], tuple(entry["shape"]), np.dtype(entry["dtype"]).type)
