"""What A2Nav's controller drives."""

from __future__ import annotations

from abc import abstractmethod

from navagent.contracts import Policy
from navagent.types import SubTask


class Navigator(Policy):
    """A policy for one sub-task at a time.

    `reset` begins an episode, `begin` a sub-task in it. Within a sub-task, `act` moves; `Stop` ends the sub-task and
    not the episode, as the trained navigators of A2Nav end theirs. It may come at once, where nothing is left to do.
    """

    @abstractmethod
    def begin(self, task: SubTask, following: SubTask | None) -> None:
        """Take up a sub-task where the agent stands; `following` is what comes after it, if anything does."""
