"""A player in a process of its own, on whichever machine: environment, policy, and one episode at a time."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eval.crew import Parts, play_or_tell
from eval.play import Played, give_up
from navagent.errors import ConfigError, NavAgentError, RunError
from navagent.types import Episode

OVERRULING = ("NAVAGENT_", "OPENAI_", "HF_")
"""How those environment variables begin in which the command overrules the machine; others are carried over where the
machine has none."""

OF_THE_MACHINE = ("RAY_", "CUDA_")
"""Environment variables that stay at home."""


@dataclass(frozen=True)
class Place:
    """Where the command was started.

    Attributes:
        folder: The current folder, which files and plug-ins may be named relative to.
        variables: Its environment variables, keys of chat models among them.
    """

    folder: str
    variables: Mapping[str, str] = field(repr=False)

    @classmethod
    def here(cls) -> Place:
        """Return this process's."""
        return cls(str(Path.cwd()), dict(os.environ))

    def enter(self) -> None:
        """Make this process's surroundings those of the command.

        Raises:
            ConfigError: The folder is not there.
        """
        for name, value in self.variables.items():
            if name.startswith(OVERRULING) or (name not in os.environ and not name.startswith(OF_THE_MACHINE)):
                os.environ[name] = value
        try:
            os.chdir(self.folder)
        except OSError as error:
            raise ConfigError(
                f"The folder {self.folder} cannot be entered on {socket.gethostname()} ({error.strerror}): start the "
                "command in a folder that all nodes of the Ray cluster see."
            ) from error


class Player:
    """Plays in a process of its own. What stops the run is returned, not raised, so that it arrives as it is.

    Args:
        place: Where the command was started.
    """

    def __init__(self, place: Place) -> None:
        self._stopping = threading.Event()
        self._error: NavAgentError | None = None
        try:
            place.enter()
        except NavAgentError as error:
            self._error = error

    def begin(self, make: Callable[[], Parts]) -> Mapping[str, Any] | NavAgentError:
        """Make environment and policy, and return what there is to say of them."""
        if self._error is not None:
            return self._error
        try:
            self._parts = make()
        except NavAgentError as error:
            return _plain(error)
        return self._parts.facts

    def episodes(self) -> Sequence[Episode]:
        """Return the split."""
        return tuple(self._parts.env.episodes)

    def play(self, episode: Episode) -> Played | NavAgentError | None:
        """Play an episode; None if it was dropped."""
        played = play_or_tell(self._parts, episode, self._stopping)
        return _plain(played) if isinstance(played, NavAgentError) else played

    def give_up(self, episode: Episode, error: str) -> Played:
        """Score an episode that cannot be played."""
        return give_up(self._parts.env, episode, error, self._parts.scorer)

    def stop(self) -> None:
        """Drop the episode that is being played, once its decision has been made."""
        self._stopping.set()

    def close(self) -> None:
        """Free what the environment holds."""
        self._parts.env.close()


def _plain(error: NavAgentError) -> NavAgentError:
    """Return an error that can surely be pickled."""
    return (ConfigError if isinstance(error, ConfigError) else RunError)(str(error))
