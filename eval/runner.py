"""Plays many episodes at once and keeps every result."""

from __future__ import annotations

import copy
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from eval.metrics import Metric
from eval.play import Interrupted, Played, Scorer, play, where
from eval.records import EpisodeResult
from eval.rules import RULES
from eval.run_directory import RunDirectory
from navagent.contracts import Env, Policy
from navagent.errors import ConfigError, NavAgentError, RunError
from navagent.rollout import check_needs
from navagent.types import Episode

OnResult = Callable[[EpisodeResult], None]


@dataclass
class Outcome:
    """How a run ended.

    Attributes:
        complete: Whether every episode is finished.
        reason: Why it stopped early, one sentence, or None.
        interrupted: Whether the user interrupted it.
    """

    complete: bool
    reason: str | None = None
    interrupted: bool = False


@dataclass
class _Team:
    """What the workers share."""

    scorer: Scorer
    pending: queue.SimpleQueue[Episode] = field(default_factory=queue.SimpleQueue)
    finished: queue.SimpleQueue[Played | NavAgentError] = field(default_factory=queue.SimpleQueue)
    stopping: threading.Event = field(default_factory=threading.Event)


def evaluate(
    env: Env,
    policy: Policy,
    episodes: Sequence[Episode],
    directory: RunDirectory,
    *,
    workers: int = 8,
    on_result: OnResult | None = None,
    extra_metrics: Mapping[str, Metric] | None = None,
    max_errors: int = 10,
    grace_s: float = 15.0,
) -> Outcome:
    """Play the episodes that the directory does not hold yet, `workers` at a time, in threads.

    Threads, because a language model's replies are waited for and all else is cheap. Each worker has its own deep copy
    of environment and policy (see `navagent.contracts`). An episode that breaks counts as a failure and carries its
    error; an error that no other episode would survive (no key, no connection, budget used up, disk full) stops the
    run, as do `max_errors` broken episodes in a row.

    Args:
        env: The environment.
        policy: The policy.
        episodes: What to play, in this order.
        directory: Where results go; results already there are not played again.
        workers: Episodes played at once.
        on_result: Called in the calling thread with every new result.
        extra_metrics: Further metrics by name, beside the rules' own.
        max_errors: Broken episodes in a row that stop the run.
        grace_s: Seconds to wait for decisions in flight when the run is stopped.

    Raises:
        ConfigError: The policy needs what the environment does not give, cannot be copied, or an extra metric has the
            name of one of the rules'.
    """
    check_needs(env, policy)
    with directory.writing():
        done = {result.episode_id for result in directory.results()}
        todo = [episode for episode in episodes if episode.episode_id not in done]
        team = _Team(Scorer(RULES[env.rules], extra_metrics or {}))
        for episode in todo:
            team.pending.put(episode)
        threads = [
            threading.Thread(target=_work, args=(_copy(env), _copy(policy), team), daemon=True)
            for _ in range(min(workers, len(todo)))
        ]
        try:
            for thread in threads:
                thread.start()
            return _collect(team, len(todo), directory, on_result, max_errors)
        except KeyboardInterrupt:
            return Outcome(complete=False, reason="Interrupted.", interrupted=True)
        finally:
            team.stopping.set()
            _wait(threads, grace_s)


def _copy(part: Env | Policy) -> Env | Policy:
    """Return a worker's own copy.

    Raises:
        ConfigError: It cannot be copied.
    """
    try:
        return copy.deepcopy(part)
    except Exception as error:
        raise ConfigError(
            f"{type(part).__name__} cannot be copied for each worker ({where(error)}): let what all workers share, as "
            "clients and locks, inherit navagent.contracts.Shared."
        ) from error


def _collect(
    team: _Team, expected: int, directory: RunDirectory, on_result: OnResult | None, max_errors: int
) -> Outcome:
    """Write results as they come; stop on an error that concerns the whole run."""
    broken = 0
    for _ in range(expected):
        played = team.finished.get()
        if isinstance(played, NavAgentError):
            return Outcome(complete=False, reason=str(played))
        try:
            for name, image in played.images.items():
                directory.keep_image(name, image)
            # The trace first: a result in the list is the promise that its trace is whole.
            directory.write(directory.trace_name(played.result.episode_id), played.trace)
            directory.append(played.result)
        except NavAgentError as error:
            return Outcome(complete=False, reason=str(error))
        if on_result is not None:
            on_result(played.result)
        broken = broken + 1 if played.result.error is not None else 0
        if broken >= max_errors:
            last = played.result.error
            return Outcome(complete=False, reason=f"{broken} episodes in a row broke, the last with: {last}")
    return Outcome(complete=True)


def _wait(threads: Sequence[threading.Thread], seconds: float) -> None:
    """Wait for decisions in flight, at most `seconds` in all; the threads are daemons, so nothing hangs."""
    end = time.monotonic() + seconds
    try:
        for thread in threads:
            if thread.ident is not None:
                thread.join(max(0.0, end - time.monotonic()))
    except KeyboardInterrupt:
        return


def _work(env: Env, policy: Policy, team: _Team) -> None:
    """Play pending episodes until none is left or the run stops."""
    try:
        while not team.stopping.is_set():
            team.finished.put(play(env, policy, team.pending.get_nowait(), team.scorer, team.stopping))
    except (queue.Empty, Interrupted):
        pass
    except NavAgentError as error:
        team.finished.put(error)
    except BaseException as error:  # the collector waits for every episode, so it must hear of this one
        team.finished.put(RunError(f"{type(env).__name__} broke outside an episode: {where(error)}."))
    finally:
        env.close()
