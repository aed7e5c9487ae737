"""Players on a Ray cluster: each an actor, a process of its own somewhere, with its own environment and policy.

The command's process hands out episodes one by one and gets them back played, so it alone writes the run directory. An
actor that dies, with its node or without, costs the episode in flight, which is played again; another takes its place.
"""

from __future__ import annotations

import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from eval.crew import Crew, Parts
from eval.play import Played
from eval.player import Place, Player
from navagent.errors import ConfigError, NavAgentError, RunError, first_line
from navagent.ray_cluster import Share
from navagent.types import Episode

TRIES = 3
"""How often an episode is begun before its players' deaths are taken to be its own fault."""

STILLBORN = 3
"""Players in a row that may die before they are ready."""

PATIENCE_S = 60.0
"""Seconds without any player after which the user hears of it."""

_CLOSE_S = 5.0
"""Most seconds for environments to be closed."""

_NODE_LOST = "its node was lost"


@dataclass(frozen=True)
class _Assignment:
    """An episode to be played.

    Attributes:
        episode: The episode.
        deaths: Players that have died in it.
        told: What is said of them.
    """

    episode: Episode
    deaths: int = 0
    told: str = ""


@dataclass(eq=False)
class _Member:
    """A player, as seen from here.

    Attributes:
        handle: The actor.
        task: What it is doing, None if nothing.
        assignment: The episode that it is playing.
        facts: What its parts say of themselves, None while they are being made.
    """

    handle: Any
    task: Any
    assignment: _Assignment | None = None
    facts: Mapping[str, Any] | None = None


class Actors(Crew):
    """Players on the Ray cluster that this process is connected to.

    The first one is ready when this returns; those for which there is no room yet join when there is some.

    Args:
        make: Makes a player's parts, in its process; can be pickled.
        workers: Players, each with one episode at a time.
        share: What each takes of its node.
        on_death: Called with the actor id of a player that has died.

    Raises:
        ConfigError: The parts cannot be made.
        RunError: Players die before they are ready.
    """

    def __init__(
        self,
        make: Callable[[], Parts],
        workers: int,
        share: Share,
        on_death: Callable[[str], None] = lambda actor_id: None,
    ) -> None:
        self._make = make
        self._workers = workers
        self._on_death = on_death
        # Two calls at once: to play, and to be told to stop.
        self._actor = ray.remote(Player).options(num_cpus=share.cpus, num_gpus=share.gpus, max_concurrency=2)
        self._place = ray.put(
            Place.here()
        )  # by reference: Ray's own books keep arguments, and there are keys among them
        self._members: list[_Member] = []
        self._pending: deque[_Assignment] = deque()
        self._stillborn = 0
        self._first: Mapping[str, Any] | None = None
        try:
            self.facts, self.episodes = self._introduction()
        except BaseException:
            self.stop(0.0)
            raise

    def _introduction(self) -> tuple[Mapping[str, Any], Sequence[Episode]]:
        """Wait for the first player, and let it tell what all of them play."""
        while True:
            self._hire(self._workers)
            self._wait()
            for member in self._members:
                if member.facts is not None:
                    try:
                        return member.facts, ray.get(member.handle.episodes.remote())
                    except RayError as error:
                        self._bury(member, error)
                        break

    def play(self, episodes: Sequence[Episode]) -> Iterator[Played]:
        """Begin, and yield each episode when it ends.

        Raises:
            NavAgentError: From the iterator: an error that no other episode would survive.
        """
        self._pending = deque(map(_Assignment, episodes))
        surplus = max(0, len(self._members) - len(episodes))
        for member in [member for member in self._members if member.facts is None][:surplus]:
            self._members.remove(member)
            ray.kill(member.handle)
        return self._ended()

    def _ended(self) -> Iterator[Played]:
        while to_do := len(self._pending) + sum(member.assignment is not None for member in self._members):
            self._hire(min(self._workers, to_do))
            self._hand_out()
            for played in self._wait():
                self._hand_out()  # first: while this one is written, its player goes on
                yield played

    def stop(self, grace_s: float) -> None:
        """End: wait for decisions in flight, close the environments, end the processes."""
        end = time.monotonic() + grace_s
        busy = [member for member in self._members if member.assignment is not None]
        idle = [member for member in self._members if member.facts is not None and member.assignment is None]
        try:
            for member in busy:
                member.handle.stop.remote()
            closed = [member.handle.close.remote() for member in idle]
            still = _wait_for([member.task for member in busy], end - time.monotonic())
            closed += [member.handle.close.remote() for member in busy if member.task not in still]
            _wait_for(closed, min(_CLOSE_S, grace_s))
        except KeyboardInterrupt:
            return
        finally:
            for member in self._members:
                ray.kill(member.handle)
            self._members.clear()

    # ----------------------------------------------------------------------------------------- the members
    def _hire(self, count: int) -> None:
        """Start players until there are so many."""
        while len(self._members) < count:
            handle: Any = self._actor.remote(self._place)
            self._members.append(_Member(handle, handle.begin.remote(self._make)))

    def _hand_out(self) -> None:
        """Give each idle player an episode."""
        for member in self._members:
            if self._pending and member.task is None:
                member.assignment = given = self._pending.popleft()
                if given.deaths < TRIES:
                    member.task = member.handle.play.remote(given.episode)
                else:
                    member.task = member.handle.give_up.remote(given.episode, given.told)

    def _wait(self) -> list[Played]:
        """Wait until some player is through with something, and return the episodes among it."""
        tasks = {member.task: member for member in self._members if member.task is not None}
        done: Sequence[Any] = ()
        while not done:
            somebody = any(member.facts is not None for member in self._members)
            done, _ = ray.wait(list(tasks), timeout=None if somebody else PATIENCE_S)
            if not done:
                warnings.warn(
                    f"No worker is ready after {PATIENCE_S:.0f} s: `ray status` shows what takes the cluster's room. "
                    "Still waiting.",
                    stacklevel=2,
                )
        return [played for task in done if (played := self._receive(tasks[task])) is not None]

    def _receive(self, member: _Member) -> Played | None:
        """Take what a player is through with; None if that is no episode.

        Raises:
            NavAgentError: It concerns the whole run.
        """
        try:
            done = ray.get(member.task)
        except RayTaskError as error:
            raise RunError(f"A worker broke outside an episode: {first_line(error.cause or error)}.") from error
        except RayError as error:
            self._bury(member, error)
            return None
        if isinstance(done, NavAgentError):
            raise done
        member.task, member.assignment, self._stillborn = None, None, 0
        if isinstance(done, Played):
            return done
        member.facts = self._checked(done)
        return None

    def _checked(self, facts: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what a player's parts say of themselves: of the data, the same as the first's.

        Raises:
            ConfigError: It reads other data, and a score must be of one thing.
        """
        if self._first is None:
            self._first = facts
        ours, theirs = self._first.get("fingerprints", {}), facts.get("fingerprints", {})
        if ours != theirs:
            other = sorted(name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name))
            raise ConfigError(
                f"Two nodes of the Ray cluster read different data ({', '.join(other)}): give all nodes the same files."
            )
        return facts

    def _bury(self, member: _Member, error: RayError) -> None:
        """Take a dead player off the list, and its episode back.

        Raises:
            ConfigError: Nothing of ours can be started on its node.
            RunError: Players die one after the other before they are ready, or where an episode begins.
        """
        self._members.remove(member)
        ray.kill(member.handle)  # it may only be out of reach
        self._on_death(member.handle._actor_id.hex())
        cause = _cause(error)
        if member.assignment is not None:
            self._pending.appendleft(_after_a_death(member.assignment, cause))
        elif getattr(error, "actor_init_failed", False):
            raise ConfigError(
                f"A worker cannot be started on the Ray cluster ({str(error).strip().splitlines()[-1]}): each node "
                "needs navagent as it is here."
            )
        elif cause != _NODE_LOST:
            self._stillborn += 1
            if self._stillborn >= STILLBORN:
                raise RunError(
                    f"{STILLBORN} workers in a row died before they were ready, the last because {cause}: if memory is "
                    "short, take fewer --workers."
                )


def _after_a_death(assignment: _Assignment, cause: str) -> _Assignment:
    """Return what is left to do with an episode.

    Raises:
        RunError: The environment cannot even begin it, so that it has no score.
    """
    deaths = assignment.deaths + 1
    if deaths > TRIES:
        raise RunError(
            f"Episode {assignment.episode.episode_id} cannot be scored: the worker dies as soon as the environment "
            f"begins it ({cause})."
        )
    return _Assignment(
        assignment.episode, deaths, f"The worker died {deaths} times in this episode, the last time because {cause}."
    )


def _cause(error: RayError) -> str:
    """Return in a few words why a player died."""
    text = str(error)
    if "node has died" in text or "node is dead" in text:
        return _NODE_LOST
    return "its node ran out of memory" if "running low on memory" in text else "its process ended"


def _wait_for(tasks: Sequence[Any], seconds: float) -> Sequence[Any]:
    """Wait until all is done, or for so many seconds, and return what is not done."""
    return ray.wait(list(tasks), num_returns=len(tasks), timeout=max(0.0, seconds))[1] if tasks else ()
