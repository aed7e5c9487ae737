"""Playing every episode of a validation split once with a network that takes its likeliest actions, scored by `eval`.

`navagent eval --policy Trained` plays the same split one agent at a time; here a vector environment plays it, and gives
the trajectories that the same rules score.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from eval.rules import RULES
from eval.statistics import estimate
from navagent.networks.policy_network import PolicyNetwork
from navagent.types import Trajectory


def play_split(env: Any, network: PolicyNetwork, device: torch.device) -> dict[str, float]:
    """Return the mean metrics over all episodes by the environment's rules, and their number as `episodes`.

    Args:
        env: A vector environment that tells trajectories; outside training agent i of N plays episodes i, i + N,
            i + 2 N ... in order, so that every episode counts once, whichever ends first. Those that a simulator broke,
            which have no trajectory, do not count.
        network: Decides.
        device: Where the network is.
    """
    rules = RULES[env.rules]
    found = sorted(_play(env, network, device), key=lambda trajectory: trajectory.episode_id)  # as in a run's summary
    estimates = estimate([rules.score(trajectory) for trajectory in found], [walk.scene for walk in found])
    return {name: value.mean for name, value in estimates.items()} | {"episodes": float(len(found))}


@torch.no_grad()
def _play(env: Any, network: PolicyNetwork, device: torch.device) -> list[Trajectory]:
    observations, _ = env.reset(seed=0)
    agents, count = env.num_envs, env.episode_count
    state = network.new_state(agents)
    actions = torch.zeros(agents, dtype=torch.int64, device=device)
    begins, over = torch.ones(agents, dtype=torch.bool, device=device), np.zeros(agents, np.bool_)
    left = np.array([len(range(i, count, agents)) for i in range(agents)])
    found: list[Trajectory] = []
    while (left > 0).any():
        seen = {name: torch.as_tensor(values, device=device) for name, values in observations.items()}
        log_probabilities, _, state = network.step(seen, torch.where(begins, 0, actions), state, begins)
        chosen = log_probabilities.argmax(dim=-1)
        observations, _, terminated, truncated, infos = env.step(chosen.cpu().numpy())
        ended = terminated | truncated
        walks = [infos["trajectory"][agent] for agent in np.flatnonzero(ended & (left > 0))]
        found += [walk for walk in walks if walk is not None]
        left -= ended
        begins, over = torch.as_tensor(over, device=device), ended
        actions = chosen + 1
    return found
