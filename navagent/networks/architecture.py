"""What a network is made of, as options; PyTorch is imported when one is built."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from gymnasium import spaces

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


@dataclass(frozen=True)
class SensorNetwork(Architecture):
    """Convolutions over pictures, a layer for each other sensor, and a memory.

    Attributes:
        hidden_size: Features of pictures and memory.
        memory: gru or lstm.
        layers: The memory's layers.
        channels: Features of the three convolutions that pictures go through.
    """

    hidden_size: int = 512
    memory: Literal["gru", "lstm"] = "gru"
    layers: int = 1
    channels: tuple[int, int, int] = (32, 64, 32)

    def build(self, space: spaces.Dict, actions: int) -> PolicyNetwork:
        """Return an `ActorCritic`."""
        counts = {"hidden_size": self.hidden_size, "layers": self.layers, "channels": min(self.channels)}
        for name, count in counts.items():
            if count < 1:
                raise ValueError(f"{name} must be at least 1, not {count}")
        if self.memory not in ("gru", "lstm"):
            raise ValueError(f"there is no memory '{self.memory}': choose gru or lstm")
        encoders, cores, actor_critic = (
            importlib.import_module(f"navagent.networks.{name}") for name in ("encoders", "cores", "actor_critic")
        )
        encoder = encoders.Encoder(space, actions, self.hidden_size, self.channels)
        core = cores.Recurrent(encoder.output_size, self.hidden_size, self.memory, self.layers)
        network: PolicyNetwork = actor_critic.ActorCritic(encoder, core, actions)
        return network


@dataclass(frozen=True)
class CrossModalNetwork(Architecture):
    """VLN-CE's CMA: attention between pictures and instruction; its Seq2Seq is a `SensorNetwork`.

    Attributes:
        hidden_size: Features of pictures, words and both memories.
        channels: Features of the three convolutions that pictures go through.
    """

    hidden_size: int = 256
    channels: tuple[int, int, int] = (32, 64, 32)

    def build(self, space: spaces.Dict, actions: int) -> PolicyNetwork:
        """Return a `CrossModal`."""
        if self.hidden_size < 2 or self.hidden_size % 2 or min(self.channels) < 1:
            raise ValueError(
                f"hidden_size must be even and channels at least 1, not {self.hidden_size}, {self.channels}"
            )
        module = importlib.import_module("navagent.networks.cross_modal")
        network: PolicyNetwork = module.CrossModal(space, actions, self.hidden_size, self.channels)
        return network
