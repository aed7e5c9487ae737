"""Learning from an oracle: behaviour cloning, DAgger, and imitation mixed with reinforcement (EnvDrop).

Any vector environment can be imitated in that has a method

    oracle_actions() -> (num_envs,) int64: the best action of each agent now, -1 where there is none

and NEXT_STEP autoreset (`envs.r2r.vector.GraphVectorEnv`). It can teach more than the best action (`softness`), or
where in its instruction an agent is (`telling_weight`), if it has

    oracle_costs() -> (num_envs, actions) float64: metres to the goal after each action, as far as they are to be
    compared; infinite for what is wrong, and everywhere where the oracle has no action

    words_now() -> (num_envs, words) bool: which words of its instruction each agent is to follow now

Experience is streamed: nothing but the newest rollout is kept.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from torch import Tensor, nn

from navagent.errors import ConfigError
from navagent.networks.policy_network import Observations, PolicyNetwork, beside
from navagent.train.advantages import advantages
from navagent.train.config import Imitation, Learning, TrainConfig
from navagent.train.descent import Descent
from navagent.train.group import Group
from navagent.train.rollouts import Collector, Rollout
from navagent.train.trainer import Trainer

NO_LABEL = -1
"""Where the oracle has no action."""


class Guide:
    """Asks an environment's oracle, and lets some agents do what it says.

    Args:
        env: The vector environment.
        imitation: How.

    Attributes:
        share: Of episodes, or of steps, that follow the oracle.

    Raises:
        ConfigError: The environment has no oracle.
    """

    def __init__(self, env: Any, imitation: Imitation) -> None:
        if not hasattr(env.unwrapped, "oracle_actions"):
            raise ConfigError(
                f"{type(env.unwrapped).__name__} has no oracle_actions(), so nothing can be imitated in it: leave "
                "training.imitation out."
            )
        if imitation.softness and not hasattr(env.unwrapped, "oracle_costs"):
            raise ConfigError(
                f"{type(env.unwrapped).__name__} has no oracle_costs(), so its oracle knows one action only: leave "
                "imitation.softness out."
            )
        if imitation.telling_weight and not hasattr(env.unwrapped, "words_now"):
            raise ConfigError(
                f"{type(env.unwrapped).__name__} has no words_now(), so nobody knows which words are to be followed: "
                "leave imitation.telling_weight out."
            )
        self._env, self._mixing, self._softness = env.unwrapped, imitation.mixing, imitation.softness
        self._telling = bool(imitation.telling_weight)
        self.share = imitation.oracle_share
        self._guided: Tensor | None = None

    def advise(self, chosen: Tensor, begins: Tensor) -> dict[str, Tensor]:
        """Return what the agents do (`actions`), what the oracle says (`labels`) and who follows it (`guided`).

        With `softness`, also how good it finds each action (`targets`, (N, actions)), and with `telling_weight` which
        words are to be followed (`words_now`, (N, words)).

        Args:
            chosen: (N,) what the network would do.
            begins: (N,) whether an episode begins.
        """
        oracle: NDArray[np.int64] = self._env.oracle_actions()
        labels = torch.as_tensor(oracle, device=chosen.device)
        drawn = torch.rand(chosen.shape, device=chosen.device) < self.share
        if self._guided is None or self._mixing == "step":
            self._guided = drawn
        else:
            self._guided = torch.where(begins, drawn, self._guided)
        actions = torch.where(self._guided & (labels != NO_LABEL), labels, chosen)
        told = {"actions": actions, "labels": labels, "guided": self._guided}
        if self._softness:
            costs = torch.as_tensor(self._env.oracle_costs(), device=chosen.device)
            told["targets"] = torch.softmax(-costs / self._softness, dim=-1).nan_to_num(0.0).float()
        if self._telling:
            told["words_now"] = torch.as_tensor(self._env.words_now(), device=chosen.device)
        return told

    def state(self) -> Tensor | None:
        """Return who follows the oracle."""
        return None if self._guided is None else self._guided.cpu()

    def restore(self, state: Tensor | None, device: torch.device) -> None:
        """Go on from a state."""
        self._guided = None if state is None else state.to(device)


class Narrator(nn.Module):
    """A network, and a layer that tells of each of its thoughts which words are to be followed now.

    Args:
        network: The network.
        words: Size of the vocabulary.

    Raises:
        ConfigError: The network does not show its thoughts.
    """

    def __init__(self, network: PolicyNetwork, words: int) -> None:
        super().__init__()
        if not network.thought_size:
            raise ConfigError("imitation.telling_weight needs a network that shows its thoughts (with_thoughts).")
        self.network = network
        self.last = beside(network, nn.Linear(network.thought_size, words))

    def forward(
        self, observations: Observations, last_actions: Tensor, state: Tensor, begins: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits, values, and (T, N, K, words) log-probabilities of words."""
        logits, values, thoughts = self.network.with_thoughts(observations, last_actions, state, begins)
        return logits, values, torch.log_softmax(self.last(thoughts.to(self.last.weight.dtype)), dim=-1)


class Imitator:
    """Learns from rollouts with an oracle's labels; where reinforcement counts, from its own returns, too.

    Reinforcement is advantage actor-critic, one pass over each rollout, on what the network itself decided, as EnvDrop
    mixes it with teacher forcing (Tan et al. 2019, r2r_src/agent.py). Dropout is on in learning and off in playing.

    Args:
        network: The network.
        learning: How it learns.
        imitation: What from.
        group: The workers.
        words: Size of the instructions' vocabulary, for `telling_weight`.

    Attributes:
        beside: What learns besides the network: what tells of words, if anything does.
    """

    def __init__(
        self, network: nn.Module, learning: Learning, imitation: Imitation, group: Group, words: int = 0
    ) -> None:
        self.learning, self._imitation, self._group = learning, imitation, group
        self.beside: nn.Module = nn.ModuleDict()
        learner = network
        if imitation.telling_weight:
            assert isinstance(network, PolicyNetwork)
            learner = Narrator(network, words)
            self.beside = learner.last
        self._descent = Descent(learner.parameters(), learning)
        self.optimizer = self._descent.optimizer
        self._network = group.share(learner)

    def update(self, rollout: Rollout, left: float = 1.0) -> dict[str, float]:
        """Learn from a rollout and return means over all workers' steps.

        Args:
            rollout: The experience, with labels.
            left: Share of the training that is left, from 1 to 0, for `decay`.

        Raises:
            DivergedError: A loss is not finite; the network has not learned from it.
        """
        learning = self.learning
        self._descent.set_rate(left)
        gained = advantages(
            rollout.rewards, rollout.values, rollout.ended, rollout.last_values, learning.gamma, learning.tau
        )
        sums, norms = torch.zeros(9, dtype=torch.float64), []
        self._network.train()
        for _ in range(learning.epochs):
            for part in torch.randperm(rollout.actions.shape[1]).to(gained.device).chunk(learning.mini_batches):
                loss, told = self._loss(rollout, part, gained)
                norms.append(self._descent.step(loss))
                sums += told
        self._network.eval()
        taught, labels, agreed, policy, entropy, acted, error, judged, telling = self._group.total(sums).tolist()
        return {
            "imitation_loss": taught / max(labels, 1e-9),
            "agreement": agreed / max(labels, 1e-9),
            "policy_loss": policy / max(acted, 1e-9),
            "value_loss": error / max(judged, 1e-9),
            "telling_loss": telling / max(labels, 1e-9),
            "entropy": entropy / max(acted, 1e-9),
            "gradient_norm": sum(norms) / len(norms),
        }

    def _loss(self, rollout: Rollout, agents: Tensor, gained: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss of some agents' steps, and the sums that it is made of."""
        assert rollout.labels is not None
        assert rollout.guided is not None
        learning, imitation = self.learning, self._imitation
        seen = {name: values[:, agents] for name, values in rollout.observations.items()}
        begins, valid = rollout.begins[:, agents], rollout.valid[:, agents]
        logits, values, *words = self._network(seen, rollout.last_actions[:, agents], rollout.state[agents], begins)
        log_all = torch.log_softmax(logits, dim=-1)
        labels, guided = rollout.labels[:, agents], rollout.guided[:, agents]
        taught = valid & (labels != NO_LABEL) & (guided | imitation.label_own)
        weights = self._weights(rollout.labels, rollout.begins, rollout.valid)[:, agents] * taught
        missed = -log_all.gather(-1, labels.clamp(min=0)[..., None])[..., 0]
        if rollout.targets is not None:
            missed = -(rollout.targets[:, agents] * log_all).sum(dim=-1)
        own = valid & ~guided if imitation.reinforcement_weight else torch.zeros_like(valid)
        advantage, before = gained[:, agents], rollout.values[:, agents]
        chosen = log_all.gather(-1, rollout.actions[:, agents, None])[..., 0]
        policy = -(chosen * advantage)[own].sum()
        error = 0.5 * (values - advantage - before) ** 2
        entropy = -(log_all.exp() * log_all).sum(dim=-1)[own].sum()
        agreed = (log_all.argmax(dim=-1) == labels)[taught].sum()
        # Each worker's share counts by its number of steps: gradients are averaged, so means are made over all.
        total, acted = self._mean(weights.sum()), self._mean(own.sum().to(weights.dtype))
        reinforced = (policy + learning.value_weight * error[own].sum() - learning.entropy_weight * entropy) / acted
        loss = imitation.weight * (missed * weights).sum() / total + imitation.reinforcement_weight * reinforced
        judged = valid if imitation.critic_weight else own
        if imitation.critic_weight:
            loss = loss + imitation.critic_weight * error[valid].sum() / self._mean(valid.sum().to(weights.dtype))
        telling = error.new_zeros(())
        if words:
            assert rollout.words_now is not None
            untold = _untold(words[0], seen["instruction"], rollout.words_now[:, agents])
            telling = untold[taught].sum()
            loss = loss + imitation.telling_weight * telling / self._mean(taught.sum().to(weights.dtype))
        told = [missed[taught].sum(), taught.sum(), agreed, policy, entropy, own.sum()]
        told += [error[judged].sum(), judged.sum(), telling]
        return loss, torch.stack([part.detach().double().cpu() for part in told])

    def _mean(self, count: Tensor) -> Tensor:
        """Return the workers' mean of a count, at least a hair above 0."""
        return (self._group.total(count.detach()) / self._group.size).clamp(min=1e-6)

    def _weights(self, labels: Tensor, begins: Tensor, valid: Tensor) -> Tensor:
        """Return (T, N) inflection weights: labels that differ from the one before in their episode count more.

        So does an episode's first (VLN-CE, `dagger_trainer.py`). What the label before a rollout's first step was is
        not known, with a past in front either.
        """
        weights = torch.ones(labels.shape, device=labels.device)
        if self._imitation.inflection_weight != 1.0:
            weights[begins & valid] = self._imitation.inflection_weight
            inflects = (labels[1:] != labels[:-1]) & ~begins[1:] & valid[:-1]
            weights[1:][inflects] = self._imitation.inflection_weight
        return weights


def _untold(told: Tensor, instructions: Tensor, now: Tensor) -> Tensor:
    """Return (T, N) how far what is told is from the words to be followed, all alike: a divergence, 0 at best.

    Args:
        told: (T, N, K, vocabulary) log-probabilities.
        instructions: (T, N, W) tokens.
        now: (T, N, W) bool, which of them are to be followed.
    """
    wanted = torch.zeros_like(told[:, :, 0]).scatter_add_(2, instructions.long(), now.to(told.dtype)).clamp(max=1)
    count = wanted.sum(dim=-1)
    missed = -(wanted * told.mean(dim=2)).sum(dim=-1) / count.clamp(min=1)
    return missed - torch.log(count.clamp(min=1))


class ImitationTrainer(Trainer):
    """A training with an oracle.

    Args:
        config: The training; `imitation` must be given.
        group: The workers.
        folder: Where logs, checkpoints and weights go.
        command: What was typed, for the cards of weights files.

    Raises:
        ConfigError: The training is not possible.
        DataError: A checkpoint in the folder is damaged.
    """

    def __init__(self, config: TrainConfig, group: Group, folder: Path, command: str = "") -> None:
        assert config.imitation is not None
        self._imitation = config.imitation
        super().__init__(config, group, folder, command)

    def _learner(self) -> Imitator:
        asked = self._env.single_observation_space.spaces.get("instruction")
        words = int(asked.high.max()) + 1 if isinstance(asked, spaces.Box) else 0
        if self._imitation.telling_weight and not words:
            raise ConfigError("imitation.telling_weight needs an environment that gives instructions.")
        return Imitator(self._acting, self._config.learning, self._imitation, self._group, words)

    def _new_collector(self, seed: int) -> Collector:
        self.network.eval()
        self._guide = Guide(self._env, self._imitation)
        past_steps = self._config.learning.past_steps
        return Collector(self._env, self._acting, self._device, seed, past_steps, self._guide)

    def _update(self) -> dict[str, float]:
        imitation = self._imitation
        self._guide.share = imitation.oracle_share * imitation.oracle_decay ** (self._steps // imitation.decay_steps)
        return super()._update() | {"oracle_share": self._guide.share}
