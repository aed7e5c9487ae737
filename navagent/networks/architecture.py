"""What a network is made of, as options; PyTorch is imported when one is built."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from types import ModuleType

    from gymnasium import spaces

    from navagent.networks.cores import Core
    from navagent.networks.policy_network import PolicyNetwork


class Architecture(ABC):
    """A kind of network; a subclass is a dataclass of its options, `class_path` and `init_args` in a configuration."""

    @abstractmethod
    def build(self, space: spaces.Dict, actions: int) -> PolicyNetwork:
        """Return a network with fresh weights.

        Args:
            space: What one agent observes.
            actions: Number of actions.

        Raises:
            ValueError: It does not suit the observations, or an option is out of range; what is wrong, without a full
                stop.
        """

    def __str__(self) -> str:
        """Return name and options in words, which tell it from every other architecture."""
        options = ", ".join(f"{name} {value}" for name, value in vars(self).items())  # a dataclass' fields
        return f"{type(self).__qualname__}({options})"


@dataclass(frozen=True)
class SensorNetwork(Architecture):
    """Convolutions over pictures, a layer for each other sensor, and a memory.

    Attributes:
        hidden_size: Features of pictures and memory.
        memory: gru, lstm, or transformer.
        layers: The memory's layers.
        channels: Features of the convolutions that pictures go through, from fine to coarse.
        convolutions: simple (three), or normed (five, with group normalisation: sees more, takes longer).
        heads: A transformer's heads of attention, which share `hidden_size`.
        context: Steps of an episode that a transformer attends to, the newest.
    """

    hidden_size: int = 512
    memory: Literal["gru", "lstm", "transformer"] = "gru"
    layers: int = 1
    channels: tuple[int, int, int] = (32, 64, 32)
    convolutions: Literal["simple", "normed"] = "simple"
    heads: int = 4
    context: int = 128

    def build(self, space: spaces.Dict, actions: int) -> PolicyNetwork:
        """Return an `ActorCritic`."""
        counts = {name: getattr(self, name) for name in ("hidden_size", "layers", "heads", "context")}
        for name, count in {**counts, "channels": min(self.channels)}.items():
            if count < 1:
                raise ValueError(f"{name} must be at least 1, not {count}")
        encoders, actor_critic = (_module(name) for name in ("encoders", "actor_critic"))
        encoder = encoders.Encoder(space, actions, self.hidden_size, self.channels, self.convolutions)
        network: PolicyNetwork = actor_critic.ActorCritic(encoder, self._core(encoder.output_size), actions)
        return network

    def __str__(self) -> str:
        """Return name and options, a transformer's where there is one."""
        names = ["memory", "hidden_size", "layers", *(("heads", "context") if self.memory == "transformer" else ())]
        return f"SensorNetwork({', '.join(f'{name} {getattr(self, name)}' for name in names)})"

    def _core(self, size: int) -> Core:
        """Return the memory for vectors of a size."""
        core: Core
        if self.memory == "transformer":
            if self.hidden_size % (2 * self.heads):
                raise ValueError(
                    f"heads ({self.heads}) must share hidden_size ({self.hidden_size}) in even numbers of features"
                )
            core = _module("transformer").Transformer(size, self.hidden_size, self.layers, self.heads, self.context)
        elif self.memory in ("gru", "lstm"):
            core = _module("cores").Recurrent(size, self.hidden_size, self.memory, self.layers)
        else:
            raise ValueError(f"there is no memory '{self.memory}': choose gru, lstm or transformer")
        return core


@dataclass(frozen=True)
class CrossModalNetwork(Architecture):
    """VLN-CE's CMA: attention between pictures and instruction; its Seq2Seq is a `SensorNetwork`.

    Attributes:
        hidden_size: Features of pictures, words and both memories.
        channels: Features of the convolutions that pictures go through, from fine to coarse.
        convolutions: As of `SensorNetwork`.
    """

    hidden_size: int = 256
    channels: tuple[int, int, int] = (32, 64, 32)
    convolutions: Literal["simple", "normed"] = "simple"

    def build(self, space: spaces.Dict, actions: int) -> PolicyNetwork:
        """Return a `CrossModal`."""
        if self.hidden_size < 2 or self.hidden_size % 2 or min(self.channels) < 1:
            raise ValueError(
                f"hidden_size must be even and channels at least 1, not {self.hidden_size}, {self.channels}"
            )
        network: PolicyNetwork = _module("cross_modal").CrossModal(
            space, actions, self.hidden_size, self.channels, self.convolutions
        )
        return network


@dataclass(frozen=True)
class CandidateNetwork(Architecture):
    """Attention of an instruction's words, the panorama's words and the candidates of a nav-graph (navagent/R2R-v0).

    Attributes:
        hidden_size: Features of the memory; even.
        word_size: Features of a word.
        dropout: Share of features left out in training.
        word_dropout: Share of an instruction's words that training makes unknown.
        place_dropout: Share of the vocabulary that training leaves out of what is seen.
        memory: recurrent, or map: with the environment's topological map (its option map_nodes) beside it.
    """

    hidden_size: int = 128
    word_size: int = 64
    dropout: float = 0.3
    word_dropout: float = 0.1
    place_dropout: float = 0.2
    memory: Literal["recurrent", "map"] = "recurrent"

    def build(self, space: spaces.Dict, actions: int) -> PolicyNetwork:
        """Return a `CandidatePolicy`."""
        if self.hidden_size < 2 or self.hidden_size % 2 or self.word_size < 1:
            raise ValueError(
                f"hidden_size must be even and word_size at least 1, not {self.hidden_size} and {self.word_size}"
            )
        for name in ("dropout", "word_dropout", "place_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 0 and less than 1, not {getattr(self, name)}")
        network: PolicyNetwork = _module("candidate_network").CandidatePolicy(
            space,
            actions,
            self.hidden_size,
            self.word_size,
            self.dropout,
            self.word_dropout,
            self.place_dropout,
            self.memory,
        )
        return network


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"navagent.networks.{name}")
