"""Mixed precision: products in bf16, weights and all that adds up over steps in float32."""

from __future__ import annotations

import torch
from torch import Tensor

from navagent.errors import ConfigError
from navagent.networks.policy_network import Observations, PolicyNetwork

PRECISIONS = ("full", "bf16")
"""float32 throughout; or bf16 where torch's autocast has it (Micikevicius et al. 2018, arXiv 1710.03740, with bf16 for
fp16: its exponents are float32's, so that no loss is scaled: Kalamkar et al. 2019, arXiv 1905.12322)."""


class MixedPrecision(PolicyNetwork):
    """A network whose layers multiply in bf16.

    Its weights, gradients and outputs stay in float32, and so do losses and optimiser, which see nothing else. A step
    and a stretch round differently: their log-probabilities differ by around 0.01, where in float32 they do by 1e-5.

    Args:
        network: The network; its parameters are this one's.
    """

    def __init__(self, network: PolicyNetwork) -> None:
        super().__init__()
        self.network = network
        self.picture_size, self.picture_views = network.picture_size, network.picture_views
        self.thought_size = network.thought_size

    def new_state(self, agents: int) -> Tensor:
        """Return the network's."""
        return self.network.new_state(agents)

    def step(
        self, observations: Observations, last_actions: Tensor, state: Tensor, begins: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the network's step; the state has the precision of the one before."""
        with torch.autocast(state.device.type, torch.bfloat16):
            found, values, after = self.network.step(observations, last_actions, state, begins)
        return found.float(), values.float(), after.to(state.dtype)

    def forward(
        self, observations: Observations, last_actions: Tensor, state: Tensor, begins: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the network's logits and values."""
        with torch.autocast(state.device.type, torch.bfloat16):
            logits, values = self.network(observations, last_actions, state, begins)
        return logits.float(), values.float()

    def with_thoughts(
        self, observations: Observations, last_actions: Tensor, state: Tensor, begins: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the network's."""
        with torch.autocast(state.device.type, torch.bfloat16):
            logits, values, thoughts = self.network.with_thoughts(observations, last_actions, state, begins)
        return logits.float(), values.float(), thoughts.float()

    def picture_features(self, observations: Observations) -> Tensor:
        """Return the network's."""
        device = next(iter(observations.values())).device
        with torch.autocast(device.type, torch.bfloat16):
            return self.network.picture_features(observations).float()


def in_precision(network: PolicyNetwork, precision: str, device: torch.device) -> PolicyNetwork:
    """Return the network so that it calculates in a precision of `PRECISIONS`.

    Raises:
        ConfigError: The device does not calculate in it.
    """
    if precision == "full":
        return network
    able = torch.amp.is_autocast_available(device.type)
    if device.type == "cuda":
        with torch.cuda.device(device):
            able = torch.cuda.is_bf16_supported(including_emulation=False)
    if not able:
        raise ConfigError(f"The device '{device}' does not calculate in bf16: set precision to full.")
    return MixedPrecision(network)
