"""Steps down a loss, which all ways of learning make alike."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from navagent.errors import NavAgentError
from navagent.train.config import Learning


class DivergedError(NavAgentError):
    """A loss is not a number any more."""


class Descent:
    """Adam on gradients that are cut to a length, with a rate that may fall to 0.

    Args:
        weights: What learns.
        learning: How: learning_rate, adam_epsilon, max_gradient_norm, decay.

    Attributes:
        optimizer: Adam.
    """

    def __init__(self, weights: Iterable[nn.Parameter], learning: Learning) -> None:
        self._weights, self._learning = list(weights), learning
        self.optimizer = torch.optim.Adam(self._weights, lr=learning.learning_rate, eps=learning.adam_epsilon)

    def set_rate(self, left: float) -> None:
        """Set the rate for when a share of the training is `left`, from 1 to 0."""
        for options in self.optimizer.param_groups:
            options["lr"] = self._learning.learning_rate * (left if self._learning.decay else 1.0)

    def step(self, loss: Tensor) -> float:
        """Make one step and return the gradient's length before it was cut.

        Raises:
            DivergedError: The gradient is not finite; nothing has been learned from it.
        """
        self.optimizer.zero_grad()
        torch.autograd.backward(loss)
        norm = float(nn.utils.clip_grad_norm_(self._weights, self._learning.max_gradient_norm))
        if not math.isfinite(norm):
            raise DivergedError("The loss or its gradient is not finite")
        self.optimizer.step()
        return norm
