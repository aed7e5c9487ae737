"""Proximal policy optimisation (Schulman et al. 2017, arXiv 1707.06347) of a recurrent policy."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from navagent.train.advantages import advantages
from navagent.train.config import Learning
from navagent.train.descent import Descent
from navagent.train.group import Group
from navagent.train.rollouts import Rollout


@dataclass(frozen=True)
class Losses:
    """Sums over the valid steps of a mini-batch.

    Attributes:
        policy: Clipped objective, negative.
        value: Half the squared error.
        entropy: Of the actions.
        divergence: Estimate of KL(old, new): (ratio - 1) - log ratio.
        clipped: Steps whose ratio is clipped.
        steps: Valid steps.
    """

    policy: Tensor
    value: Tensor
    entropy: Tensor
    divergence: Tensor
    clipped: Tensor
    steps: Tensor


def losses(
    network: nn.Module, rollout: Rollout, agents: Tensor, gained: Tensor, returns: Tensor, clip: float
) -> Losses:
    """Return the losses of a mini-batch.

    Args:
        network: A `PolicyNetwork`, shared or not.
        rollout: The experience.
        agents: (M,) which agents' steps.
        gained: (T, N) advantages.
        returns: (T, N), what values are trained on.
        clip: How far from 1 the ratio of probabilities counts.
    """
    seen = {name: values[:, agents] for name, values in rollout.observations.items()}
    logits, values = network(seen, rollout.last_actions[:, agents], rollout.state[agents], rollout.begins[:, agents])
    valid = rollout.valid[:, agents]
    log_all = torch.log_softmax(logits, dim=-1)
    chosen = log_all.gather(-1, rollout.actions[:, agents, None])[..., 0]
    change = chosen - rollout.log_probabilities[:, agents]
    ratio, advantage = torch.exp(change), gained[:, agents]
    surrogate = torch.minimum(ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage)
    entropy = -(log_all.exp() * log_all).sum(dim=-1)
    return Losses(
        policy=-surrogate[valid].sum(),
        value=0.5 * ((values - returns[:, agents]) ** 2)[valid].sum(),
        entropy=entropy[valid].sum(),
        divergence=(ratio - 1 - change)[valid].sum().detach(),
        clipped=((ratio - 1).abs() > clip)[valid].sum().detach(),
        steps=valid.sum(),
    )


class PPO:
    """Learns from rollouts.

    Args:
        network: The network.
        learning: How.
        group: The workers.

    Attributes:
        beside: What learns besides the network: nothing.
    """

    def __init__(self, network: nn.Module, learning: Learning, group: Group) -> None:
        self.learning, self._group = learning, group
        self._descent = Descent(network.parameters(), learning)
        self.optimizer = self._descent.optimizer
        self._network, self.beside = group.share(network), nn.ModuleDict()

    def update(self, rollout: Rollout, left: float = 1.0) -> dict[str, float]:
        """Learn from a rollout and return means over all workers' steps.

        Args:
            rollout: The experience.
            left: Share of the training that is left, from 1 to 0, for `decay`.

        Raises:
            DivergedError: A loss is not finite; the network has not learned from it.
        """
        learning = self.learning
        self._descent.set_rate(left)
        clip = learning.clip * (left if learning.decay else 1.0)
        gained = advantages(
            rollout.rewards, rollout.values, rollout.ended, rollout.last_values, learning.gamma, learning.tau
        )
        returns = gained + rollout.values
        explained = self._explained(returns, rollout)
        if learning.normalise_advantages:
            gained = self._normalised(gained, rollout.valid)
        sums, norms = torch.zeros(6, dtype=torch.float64), []
        agents = rollout.actions.shape[1]
        for _ in range(learning.epochs):
            for part in torch.randperm(agents).to(gained.device).chunk(learning.mini_batches):
                found = losses(self._network, rollout, part, gained, returns, clip)
                norms.append(self._descend(found))
                sums += torch.stack([value.detach().double().cpu() for value in vars(found).values()])
        sums = self._group.total(sums)
        means = (sums[:5] / sums[5].clamp(min=1)).tolist()
        names = ("policy_loss", "value_loss", "entropy", "kl", "clip_fraction")
        told = dict(zip(names, means, strict=True))
        return told | {"explained_variance": explained, "gradient_norm": sum(norms) / len(norms)}

    def _descend(self, found: Losses) -> float:
        """Make one step and return the gradient's length."""
        learning = self.learning
        # Workers average gradients; dividing by the mean number of steps makes that the mean over all steps.
        steps = (self._group.total(found.steps.double()) / self._group.size).clamp(min=1)
        loss = found.policy + learning.value_weight * found.value - learning.entropy_weight * found.entropy
        return self._descent.step(loss / steps.to(loss.dtype))

    def _normalised(self, gained: Tensor, valid: Tensor) -> Tensor:
        kept = gained[valid].double()
        count, total, square = self._group.total(
            torch.stack([torch.tensor(float(len(kept))).double().to(kept), kept.sum(), (kept**2).sum()])
        )
        mean = total / count
        deviation = (square / count - mean**2).clamp(min=0).sqrt()
        result: Tensor = (gained - mean.to(gained)) / (deviation.to(gained) + 1e-5)
        return result

    def _explained(self, returns: Tensor, rollout: Rollout) -> float:
        """Return the share of the returns' variance that the values explain, over all workers."""
        target, error = returns[rollout.valid].double(), (returns - rollout.values)[rollout.valid].double()
        count = torch.tensor(float(len(target))).to(target)
        parts = [count, target.sum(), (target**2).sum(), error.sum(), (error**2).sum()]
        n, total, square, miss, missed = self._group.total(torch.stack(parts)).tolist()
        spread, left = square / n - (total / n) ** 2, missed / n - (miss / n) ** 2
        return 1 - left / spread if spread > 0 else 0.0
