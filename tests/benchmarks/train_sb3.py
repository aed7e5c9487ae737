# mypy: ignore-errors
"""Stable-Baselines3's side of `train_rivals`."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import torch
from sb3_contrib import RecurrentPPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.vec_env import VecEnv, VecMonitor

from navagent.networks.encoders import Encoder
from tests.benchmarks import train_task as T
from tests.benchmarks.train_rivals import Clock, write


class Houses(VecEnv):
    """The vector environment as Stable-Baselines3 wants it.

    Where an episode has ended, the next step begins another one and ignores the action; here that is one more step of
    the new episode, without a reward, which costs it about one step in fifty.
    """

    def __init__(self, env: Any) -> None:
        self.env = env
        super().__init__(env.num_envs, env.single_observation_space, env.single_action_space)

    def reset(self) -> Any:
        """Begin."""
        return self.env.reset()[0]

    def step_async(self, actions: Any) -> None:
        """Keep the actions."""
        self.actions = actions

    def step_wait(self) -> Any:
        """Act."""
        seen, rewards, terminated, truncated, _ = self.env.step(self.actions)
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for i in np.flatnonzero(terminated | truncated):
            infos[i] = {"terminal_observation": {name: values[i] for name, values in seen.items()}}
        return seen, rewards.astype(np.float32), terminated | truncated, infos

    def close(self) -> None:
        """End."""
        self.env.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> Any:
        """Return an attribute, once per agent."""
        return [getattr(self.env, attr_name, None)] * self.num_envs

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Nothing is set."""

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> Any:
        """Nothing is called."""

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        """Nothing is wrapped."""
        return [False] * self.num_envs


class Features(BaseFeaturesExtractor):
    """Our encoder."""

    def __init__(self, observation_space: Any) -> None:
        encoder = Encoder(observation_space, 4, T.NETWORK.hidden_size, T.NETWORK.channels)
        super().__init__(observation_space, encoder.output_size)
        self.encoder = encoder

    def forward(self, observations: Any) -> torch.Tensor:
        """Return the features; there is no last action here."""
        length = len(next(iter(observations.values())))
        return self.encoder(observations, torch.zeros(length, dtype=torch.int64))


class Watch(BaseCallback):
    """Adds a point to the curve after every rollout."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        if self.num_timesteps:
            returns = [episode["r"] for episode in self.model.ep_info_buffer]
            self.clock.add(self.num_timesteps, float(np.mean(returns)) if returns else 0.0)


def main() -> None:
    """Train and keep the curve."""
    _, seed, steps, where, out = sys.argv[1:]
    torch.set_num_threads(2)
    model = RecurrentPPO(
        "MultiInputLstmPolicy",
        VecMonitor(Houses(T.make(T.AGENTS, int(seed), where))),
        learning_rate=T.learning_rate(where),
        n_steps=T.STEPS,
        batch_size=T.AGENTS * T.STEPS // T.MINI_BATCHES,
        n_epochs=T.EPOCHS,
        gamma=0.99,
        gae_lambda=0.95,
        clip_range=0.2,
        ent_coef=T.ENTROPY_WEIGHT,
        vf_coef=0.5,
        max_grad_norm=T.MAX_GRADIENT_NORM,
        seed=int(seed),
        policy_kwargs={
            "features_extractor_class": Features,
            "lstm_hidden_size": T.NETWORK.hidden_size,
            "net_arch": [],
            "shared_lstm": True,
            "enable_critic_lstm": False,
            "normalize_images": False,
            "optimizer_kwargs": {"eps": T.ADAM_EPSILON},
        },
        device="cpu",
    )
    clock = Clock()
    model.learn(int(steps), Watch(clock))
    write(clock.curve, out)


if __name__ == "__main__":
    main()
