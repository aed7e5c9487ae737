"""The workers of a training: alone, or several that add up what they found (torch.distributed)."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from datetime import timedelta

import torch.distributed as dist
from torch import Tensor, nn
from torch._C._distributed_c10d import TCPStore
from torch.nn.parallel import DistributedDataParallel

SHORTEST = 0.25
"""Share of a rollout that every worker finishes (habitat-baselines, `ddppo_trainer.py`, SHORT_ROLLOUT_THRESHOLD)."""

ENOUGH = 0.6
"""Share of workers that have finished from which on the others are cut (ibid., sync_frac)."""


class Group(ABC):
    """Workers that train one network.

    Attributes:
        rank: This worker's number.
        size: How many workers there are.
    """

    rank: int
    size: int

    @abstractmethod
    def total(self, values: Tensor) -> Tensor:
        """Return the sum of all workers' `values`; every worker must ask."""

    @abstractmethod
    def least(self, value: Tensor) -> Tensor:
        """Return the least of all workers' `value`; every worker must ask."""

    @abstractmethod
    def share(self, network: nn.Module) -> nn.Module:
        """Return the network so that its gradients are means over all workers."""

    @abstractmethod
    def begin_rollout(self) -> None:
        """Say that this worker begins a rollout; every worker does."""

    @abstractmethod
    def finish_rollout(self) -> None:
        """Say that this worker has finished its rollout."""

    @abstractmethod
    def finished(self) -> int:
        """Return how many workers have finished theirs."""

    def enough(self, done: int, steps: int) -> bool:
        """Return whether a rollout may end after `done` of `steps` steps (DD-PPO's preemption of stragglers)."""
        return done >= SHORTEST * steps and self.finished() >= ENOUGH * self.size


class Alone(Group):
    """One worker."""

    rank, size = 0, 1

    def total(self, values: Tensor) -> Tensor:
        """Return `values`."""
        return values

    def least(self, value: Tensor) -> Tensor:
        """Return `value`."""
        return value

    def share(self, network: nn.Module) -> nn.Module:
        """Return the network."""
        return network

    def begin_rollout(self) -> None:
        """Nobody waits."""

    def finish_rollout(self) -> None:
        """Nobody waits."""

    def finished(self) -> int:
        """Return 0: nobody else is waited for."""
        return 0


class Together(Group):
    """The workers of torch.distributed's default process group, which must have been initialised."""

    def __init__(self) -> None:
        self.rank, self.size = dist.get_rank(), dist.get_world_size()
        self._rollout = 0
        self._store = _counting_store(self.rank, self.size)

    def total(self, values: Tensor) -> Tensor:
        """Add up over the workers."""
        summed = values.clone()
        dist.all_reduce(summed)
        return summed

    def least(self, value: Tensor) -> Tensor:
        """Compare over the workers."""
        found = value.clone()
        dist.all_reduce(found, op=dist.ReduceOp.MIN)
        return found

    def share(self, network: nn.Module) -> nn.Module:
        """Wrap the network so that backward passes average gradients."""
        return DistributedDataParallel(network)

    def begin_rollout(self) -> None:
        """Count finished workers from 0 again."""
        self._rollout += 1

    def finish_rollout(self) -> None:
        """Count this worker."""
        self._store.add(f"rollout {self._rollout}", 1)

    def finished(self) -> int:
        """Return the count."""
        return int(self._store.add(f"rollout {self._rollout}", 0))


def _counting_store(rank: int, size: int) -> TCPStore:
    """Return a store of their own for the workers: a counter that can be read without waiting for anybody.

    It lies where the group itself met (Ray sets MASTER_ADDR to the first worker's address); a group that met in a
    file is on one machine.
    """
    host, five_minutes = os.environ.get("MASTER_ADDR", "localhost"), timedelta(minutes=5)
    first = rank == 0
    store = TCPStore(host, 0, size, is_master=True, timeout=five_minutes, wait_for_workers=False) if first else None
    port: list[object] = [store.port if store is not None else None]
    dist.broadcast_object_list(port, src=0)
    return store or TCPStore(host, int(str(port[0])), size, is_master=False, timeout=five_minutes)
