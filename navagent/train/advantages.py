"""Generalized advantage estimation (Schulman et al. 2016, arXiv 1506.02438)."""

from __future__ import annotations

import torch
from torch import Tensor


def advantages(rewards: Tensor, values: Tensor, ended: Tensor, last_values: Tensor, gamma: float, tau: float) -> Tensor:
    """Return the advantages of T steps of N agents.

    An episode that was cut by the limit of its actions counts as ended, as in habitat-baselines: no value is assumed
    beyond it.

    Args:
        rewards: (T, N), of each step.
        values: (T, N), estimated before each step.
        ended: (T, N) bool, whether an episode ended with the step.
        last_values: (N,), estimated after the last step.
        gamma: Discount of a step.
        tau: Discount of a step's surprise (lambda in the paper).

    Returns:
        (T, N); with `values` added, the returns that values are trained on.
    """
    result = torch.empty_like(rewards)
    running, following = torch.zeros_like(last_values), last_values
    for t in range(len(rewards) - 1, -1, -1):
        goes_on = (~ended[t]).to(rewards.dtype)
        surprise = rewards[t] + gamma * following * goes_on - values[t]
        running = surprise + gamma * tau * goes_on * running
        result[t], following = running, values[t]
    return result
