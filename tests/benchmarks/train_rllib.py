# mypy: ignore-errors
"""RLlib's side of `train_rivals`."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import ray
import torch
from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.core.columns import Columns
from ray.rllib.core.rl_module.apis.value_function_api import ValueFunctionAPI
from ray.rllib.core.rl_module.rl_module import RLModuleSpec
from ray.rllib.core.rl_module.torch import TorchRLModule

from tests.benchmarks import train_task as T
from tests.benchmarks.train_rivals import Clock, write


class Ours(TorchRLModule, ValueFunctionAPI):
    """Our network as RLlib's module; there is no last action here."""

    def setup(self) -> None:
        """Build it."""
        self.net = T.NETWORK.build(self.observation_space, int(self.action_space.n))

    def get_initial_state(self) -> Any:
        """Return a memory that holds nothing."""
        return {"memory": np.zeros(self.net.core.state_size, np.float32)}

    def _features(self, batch: Any) -> tuple[torch.Tensor, torch.Tensor]:
        seen, state = batch[Columns.OBS], batch[Columns.STATE_IN]["memory"]
        agents, length = next(iter(seen.values())).shape[:2]
        flat = {name: values.flatten(0, 1) for name, values in seen.items()}
        features = self.net.encoder(flat, torch.zeros(agents * length, dtype=torch.int64)).view(agents, length, -1)
        output, after = self.net.core.net(features.transpose(0, 1), self.net.core._hidden(state))
        return output.transpose(0, 1), self.net.core._flat(after)

    def _forward(self, batch: Any, **kwargs: Any) -> dict[str, Any]:
        features, after = self._features(batch)
        return {Columns.ACTION_DIST_INPUTS: self.net.policy(features), Columns.STATE_OUT: {"memory": after}}

    def _forward_train(self, batch: Any, **kwargs: Any) -> dict[str, Any]:
        features, _ = self._features(batch)
        return {Columns.ACTION_DIST_INPUTS: self.net.policy(features), Columns.EMBEDDINGS: features}

    def compute_values(self, batch: Any, embeddings: Any = None) -> torch.Tensor:
        """Return the values."""
        features = self._features(batch)[0] if embeddings is None else embeddings
        return self.net.value(features)[..., 0]


def main() -> None:
    """Train and keep the curve."""
    _, seed, steps, where, out = sys.argv[1:]
    torch.set_num_threads(2)
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    config = (
        PPOConfig()
        .environment("navagent/HousePointNav-v0", env_config={**T.task(where), "seed": int(seed)})
        .env_runners(
            num_env_runners=0,
            num_envs_per_env_runner=T.AGENTS,
            gym_env_vectorize_mode="vector_entry_point",
            rollout_fragment_length=T.STEPS,
            batch_mode="truncate_episodes",
        )
        .learners(num_learners=0)
        .rl_module(rl_module_spec=RLModuleSpec(module_class=Ours, model_config={"max_seq_len": 20}))
        .training(
            lr=T.learning_rate(where),
            gamma=0.99,
            lambda_=0.95,
            train_batch_size_per_learner=T.AGENTS * T.STEPS,
            minibatch_size=T.AGENTS * T.STEPS // T.MINI_BATCHES,
            num_epochs=T.EPOCHS,
            clip_param=0.2,
            vf_clip_param=float("inf"),
            vf_loss_coeff=0.5,
            entropy_coeff=T.ENTROPY_WEIGHT,
            grad_clip=T.MAX_GRADIENT_NORM,
            use_kl_loss=False,
        )
        .debugging(seed=int(seed))
    )
    algorithm = config.build_algo()
    clock, done = Clock(), 0
    while done < int(steps):
        result = algorithm.train()
        runners = result["env_runners"]
        done = int(runners["num_env_steps_sampled_lifetime"])
        clock.add(done, float(runners.get("episode_return_mean", 0.0)))
    write(clock.curve, out)


if __name__ == "__main__":
    main()
