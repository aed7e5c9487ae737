"""Who plays the episodes of a run: the contract, and threads of this process."""

from __future__ import annotations

import copy
import queue
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from eval.play import Interrupted, Played, Scorer, play, where
from navagent.contracts import Env, Policy
from navagent.errors import ConfigError, NavAgentError, RunError
from navagent.types import Episode


@dataclass(frozen=True)
class Parts:
    """What playing takes.

    Attributes:
        env: The environment.
        policy: The policy.
        scorer: Scores what it did.
        facts: What a summary says of them beside the results.
    """

    env: Env
    policy: Policy
    scorer: Scorer
    facts: Mapping[str, Any] = field(default_factory=dict)


class Crew(ABC):
    """Plays episodes, several at once, each player with an environment and a policy of its own.

    Attributes:
        episodes: All episodes of the split, with goals.
        facts: As those of the parts.
    """

    episodes: Sequence[Episode]
    facts: Mapping[str, Any]

    @abstractmethod
    def play(self, episodes: Sequence[Episode]) -> Iterator[Played]:
        """Begin, in the given order, and yield each episode when it ends; once.

        Raises:
            NavAgentError: From the iterator: an error that no other episode would survive.
        """

    @abstractmethod
    def stop(self, grace_s: float) -> None:
        """End, whatever has been played: drop the episodes in flight and free what the players hold.

        Args:
            grace_s: Seconds to wait for decisions in flight.
        """


class Threads(Crew):
    """Players in this process. A language model's replies are waited for, and all else is cheap.

    Each has its own deep copy of environment and policy (see `navagent.contracts`).

    Args:
        parts: What they copy.
        workers: Episodes played at once.
    """

    def __init__(self, parts: Parts, workers: int) -> None:
        self.episodes = parts.env.episodes
        self.facts = parts.facts
        self._parts = parts
        self._workers = workers
        self._threads: list[threading.Thread] = []
        self._pending: queue.SimpleQueue[Episode] = queue.SimpleQueue()
        self._finished: queue.SimpleQueue[Played | NavAgentError] = queue.SimpleQueue()
        self._stopping = threading.Event()

    def play(self, episodes: Sequence[Episode]) -> Iterator[Played]:
        """Begin, and yield each episode when it ends.

        Raises:
            ConfigError: Environment or policy cannot be copied.
            NavAgentError: From the iterator: an error that no other episode would survive.
        """
        for episode in episodes:
            self._pending.put(episode)
        self._threads = [
            threading.Thread(target=self._work, args=(_copy(self._parts),), daemon=True)
            for _ in range(min(self._workers, len(episodes)))
        ]
        for thread in self._threads:
            thread.start()
        return self._ended(len(episodes))

    def _ended(self, expected: int) -> Iterator[Played]:
        for _ in range(expected):
            played = self._finished.get()
            if isinstance(played, NavAgentError):
                raise played
            yield played

    def _work(self, parts: Parts) -> None:
        """Play pending episodes until none is left or the run stops."""
        try:
            while not self._stopping.is_set():
                played = play_or_tell(parts, self._pending.get_nowait(), self._stopping)
                if played is not None:
                    self._finished.put(played)
                if not isinstance(played, Played):
                    return
        except queue.Empty:
            pass
        finally:
            parts.env.close()

    def stop(self, grace_s: float) -> None:
        """End, and wait for decisions in flight; the threads are daemons, so nothing hangs."""
        self._stopping.set()
        end = time.monotonic() + grace_s
        try:
            for thread in self._threads:
                if thread.ident is not None:
                    thread.join(max(0.0, end - time.monotonic()))
        except KeyboardInterrupt:
            return


def play_or_tell(parts: Parts, episode: Episode, stopping: threading.Event) -> Played | NavAgentError | None:
    """Play one episode and return it, or the error that stops the run, or None if the run is stopping anyway."""
    try:
        return play(parts.env, parts.policy, episode, parts.scorer, stopping)
    except Interrupted:
        return None
    except NavAgentError as error:
        return error
    except BaseException as error:  # who waits for every episode must hear of this one
        return RunError(f"{type(parts.env).__name__} broke outside an episode: {where(error)}.")


def _copy(parts: Parts) -> Parts:
    """Return a player's own parts.

    Raises:
        ConfigError: They cannot be copied.
    """
    return Parts(_copied(parts.env), _copied(parts.policy), parts.scorer, parts.facts)


def _copied(part: Any) -> Any:
    try:
        return copy.deepcopy(part)
    except Exception as error:
        raise ConfigError(
            f"{type(part).__name__} cannot be copied for each worker ({where(error)}): let what all workers share, as "
            "clients and locks, inherit navagent.contracts.Shared."
        ) from error
