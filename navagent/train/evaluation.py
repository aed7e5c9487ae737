"""Playing every episode of a validation split once with a network that takes its likeliest actions."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from navagent.networks.policy_network import PolicyNetwork
from navagent.train.rollouts import METRICS


@torch.no_grad()
def play_split(env: Any, network: PolicyNetwork, device: torch.device) -> dict[str, float]:
    """Return the mean metrics over all episodes, and their number as `episodes`.

    Agent i of N plays episodes i, i + N, i + 2 N ... in order (`HouseVectorEnv` outside training), so that every
    episode counts once, whichever ends first.

    Args:
        env: A vector environment whose `episode_count` is the number of episodes.
        network: Decides.
        device: Where the network is.
    """
    observations, _ = env.reset(seed=0)
    agents, count = env.num_envs, env.episode_count
    state = network.new_state(agents)
    actions = torch.zeros(agents, dtype=torch.int64, device=device)
    begins, over = torch.ones(agents, dtype=torch.bool, device=device), np.zeros(agents, np.bool_)
    left = np.array([len(range(i, count, agents)) for i in range(agents)])
    found: list[list[float]] = []
    while (left > 0).any():
        seen = {name: torch.as_tensor(values, device=device) for name, values in observations.items()}
        log_probabilities, _, state = network.step(seen, torch.where(begins, 0, actions), state, begins)
        chosen = log_probabilities.argmax(dim=-1)
        observations, _, terminated, truncated, infos = env.step(chosen.cpu().numpy())
        ended = terminated | truncated
        for agent in np.flatnonzero(ended & (left > 0)):
            found.append([float(infos[name][agent]) for name in METRICS])
        left -= ended
        begins, over = torch.as_tensor(over, device=device), ended
        actions = chosen + 1
    means = np.mean(found, axis=0).tolist()
    return dict(zip(METRICS, means, strict=True)) | {"episodes": float(len(found))}
