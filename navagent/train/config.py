"""What can be set about a training; defaults are DD-PPO's (Wijmans et al. 2019, arXiv 1911.00357)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from navagent.errors import ConfigError
from navagent.networks.architecture import Architecture, SensorNetwork


@dataclass(frozen=True)
class Learning:
    """How a policy learns from what it did.

    Attributes:
        rollout_steps: Steps of each agent between two updates.
        past_steps: The most steps of running episodes from before a rollout that updates go through again, with
            gradients. Episodes' longest length lets a transformer learn from whole episodes, as LLaRP does; with 0,
            a memory's state says what was before, without gradients (DD-PPO's; for transformers Transformer-XL's).
        epochs: How often an update goes through a rollout.
        mini_batches: Parts, by agents, that a rollout is gone through in.
        learning_rate: Adam's.
        adam_epsilon: Adam's.
        clip: How far from 1 the ratio of new to old probability counts.
        gamma: Discount of a step.
        tau: Discount of a step's surprise.
        value_weight: Of the value's loss.
        entropy_weight: Of the entropy.
        max_gradient_norm: Longer gradients are shortened.
        normalise_advantages: To mean 0 and deviation 1, over all workers.
        decay: Let learning rate and clip fall to 0 with the last step.
    """

    rollout_steps: int = 128
    past_steps: int = 0
    epochs: int = 2
    mini_batches: int = 2
    learning_rate: float = 2.5e-4
    adam_epsilon: float = 1e-5
    clip: float = 0.2
    gamma: float = 0.99
    tau: float = 0.95
    value_weight: float = 0.5
    entropy_weight: float = 0.01
    max_gradient_norm: float = 0.2
    normalise_advantages: bool = False
    decay: bool = False


@dataclass(frozen=True)
class Imitation:
    """How a policy learns from an oracle; the defaults are behaviour cloning (teacher forcing).

    DAgger (Ross et al. 2011) has `label_own` and an `oracle_decay` below 1 (VLN-CE: 0.75); EnvDrop's mix (Tan et al.
    2019) has `oracle_share` 0.5, `reinforcement_weight` 1, no `label_own`, and a `weight` of about 1.3: its 0.2 is of
    the sum over an episode's six or seven steps.

    Attributes:
        oracle_share: Share of episodes or steps that follow the oracle at first (beta).
        oracle_decay: What that share is multiplied by every `decay_steps`.
        decay_steps: Environment steps of all workers.
        mixing: Whether whole episodes or single steps follow the oracle.
        label_own: Learn the oracle's action also where the agent decided by itself.
        weight: Of the imitation loss, a mean over labelled steps.
        softness: Metres: actions after which the goal is up to about so much farther than after the oracle's are right,
            too, by exp(-metres / softness). 0 is the oracle's alone. Needs an environment with `oracle_costs()`.
        inflection_weight: Of labels that differ from the one before, beside 1 (Wijmans et al. 2019, arXiv 1904.03461:
            total steps over inflections; VLN-CE: 3.2).
        telling_weight: Of telling which words of its instruction an agent is to follow now, by all that its decision is
            made of, after the use of aligned sub-instructions by Hong et al. (2020, arXiv 2004.02707). Needs an
            environment with `words_now()` and a network with `with_thoughts()`.
        reinforcement_weight: Of the actor-critic loss, a mean over the steps that agents decided by themselves.
        critic_weight: Of the value's loss over all steps, whoever decided: how far an episode has come is worth knowing
            while learning (progress monitor: Ma et al. 2019, arXiv 1901.03035), and reinforcement that starts from
            these weights (`start_from`) has a critic.
    """

    oracle_share: float = 1.0
    oracle_decay: float = 1.0
    decay_steps: int = 100_000
    mixing: Literal["episode", "step"] = "episode"
    label_own: bool = False
    weight: float = 1.0
    softness: float = 0.0
    inflection_weight: float = 1.0
    reinforcement_weight: float = 0.0
    critic_weight: float = 0.0
    telling_weight: float = 0.0

    def check(self) -> None:
        """Raise ConfigError, in one sentence, unless something can be learned so."""
        for name in ("oracle_share", "oracle_decay"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"imitation.{name} must be from 0 to 1, not {getattr(self, name)}.")
        for name in (
            "weight",
            "softness",
            "inflection_weight",
            "reinforcement_weight",
            "critic_weight",
            "telling_weight",
        ):
            if getattr(self, name) < 0:
                raise ConfigError(f"imitation.{name} must be at least 0, not {getattr(self, name)}.")
        if self.decay_steps < 1:
            raise ConfigError(f"imitation.decay_steps must be at least 1, not {self.decay_steps}.")
        if self.mixing not in ("episode", "step"):
            raise ConfigError(f"imitation.mixing must be episode or step, not '{self.mixing}'.")
        taught = self.weight and (self.oracle_share or self.label_own)
        if not taught and not (self.reinforcement_weight and self.oracle_share < 1):
            raise ConfigError(
                "With these options of imitation there is nothing to learn from: raise imitation.weight and "
                "imitation.oracle_share, or set imitation.label_own."
            )


@dataclass(frozen=True)
class TrainConfig:
    """A training.

    Attributes:
        env: Gymnasium id of an environment with a vector entry point.
        env_options: The environment's options.
        agents: Agents per worker.
        steps: Environment steps of all workers together.
        seed: Of weights, episodes and actions.
        learning: How the policy learns.
        looking: Learn only to see: the layers for pictures learn to tell which kinds of things are in view.
        look_every: Steps between the pictures that `looking` learns from: those of steps side by side are much alike.
        imitation: How it learns from an oracle; None learns by PPO.
        network: The network.
        start_from: A weights file of such a network, or the name of one that is shipped, which the training begins with
            (fine-tuning); None draws weights.
        device: cpu, cuda or cuda:0 ...
        precision: full (float32), or bf16 for products, on GPUs since Ampere and, slowly or not, on processors.
        threads: Torch's threads per worker.
        cut_stragglers: With several workers, cut a rollout short once most of them have finished theirs (DD-PPO's
            preemption); else all wait for the slowest.
        save_seconds: Seconds between checkpoints.
        keep: Checkpoints kept, the newest; the best in evaluation is kept beside them.
        evaluate_steps: Steps between evaluations; 0 evaluates at the end only.
        evaluate_options: What differs from `env_options` in evaluation: another split, as many houses as that has.
    """

    env: str
    env_options: dict[str, Any] = field(default_factory=dict)
    agents: int = 16
    steps: int = 1_000_000
    seed: int = 0
    learning: Learning = field(default_factory=Learning)
    looking: bool = False
    look_every: int = 4
    imitation: Imitation | None = None
    network: Architecture = field(default_factory=SensorNetwork)
    start_from: str | None = None
    device: str = "cpu"
    precision: Literal["full", "bf16"] = "full"
    threads: int = 1
    cut_stragglers: bool = True
    save_seconds: float = 120.0
    keep: int = 3
    evaluate_steps: int = 0
    evaluate_options: dict[str, Any] = field(default_factory=lambda: {"split": "val_unseen"})

    def check(self) -> None:
        """Raise ConfigError, in one sentence, unless the training is possible."""
        counts = {
            "agents": self.agents,
            "steps": self.steps,
            "threads": self.threads,
            "keep": self.keep,
            "look_every": self.look_every,
            "learning.rollout_steps": self.learning.rollout_steps,
            "learning.epochs": self.learning.epochs,
            "learning.mini_batches": self.learning.mini_batches,
        }
        for name, count in counts.items():
            if count < 1:
                raise ConfigError(f"{name} must be at least 1, not {count}.")
        if self.learning.past_steps < 0:
            raise ConfigError(f"learning.past_steps must be at least 0, not {self.learning.past_steps}.")
        if self.imitation is not None:
            self.imitation.check()
            if self.looking:
                raise ConfigError("training.looking and training.imitation exclude each other: look first.")
        if self.agents % self.learning.mini_batches:
            raise ConfigError(
                f"agents ({self.agents}) must be a multiple of learning.mini_batches ({self.learning.mini_batches})."
            )
