"""Plays many episodes at once and keeps every result."""

from __future__ import annotations

import copy
import json
import queue
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from eval.metrics import Metric
from eval.records import EpisodeResult, flatten, usage_of
from eval.rules import RULES, Rules
from eval.run_directory import RunDirectory
from navagent.contracts import Env, Policy
from navagent.errors import ChatError, ChatSetupError, NavAgentError, RunError
from navagent.rollout import check_needs, rollout
from navagent.types import Call, Decision, Episode, Observation, Trajectory

OnResult = Callable[[EpisodeResult], None]


class _Interrupted(Exception):
    """The run is stopping; the episode in flight is dropped."""


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
class _Played:
    result: EpisodeResult
    trace: list[dict[str, Any]]


@dataclass
class _Team:
    """What the workers share."""

    pending: queue.SimpleQueue[Episode]
    finished: queue.SimpleQueue[_Played | NavAgentError]
    rules: Rules
    extra_metrics: Mapping[str, Metric]
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
    error; an error that no other episode would survive (no key, budget used up, disk full) stops the run, as do
    `max_errors` broken episodes in a row.

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
        ConfigError: The policy needs what the environment does not give.
    """
    check_needs(env, policy)
    with directory.writing():
        done = {result.episode_id for result in directory.results()}
        todo = [episode for episode in episodes if episode.episode_id not in done]
        team = _Team(queue.SimpleQueue(), queue.SimpleQueue(), RULES[env.rules], extra_metrics or {})
        for episode in todo:
            team.pending.put(episode)
        threads = [
            threading.Thread(target=_work, args=(copy.deepcopy(env), copy.deepcopy(policy), team), daemon=True)
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
            # The trace first: a result in the list is the promise that its trace is whole.
            lines = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in played.trace)
            directory.write(directory.trace_name(played.result.episode_id), lines)
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
            thread.join(max(0.0, end - time.monotonic()))
    except KeyboardInterrupt:
        return


def _work(env: Env, policy: Policy, team: _Team) -> None:
    """Play pending episodes until none is left or the run stops."""
    try:
        while not team.stopping.is_set():
            team.finished.put(_play(env, policy, team.pending.get_nowait(), team))
    except (queue.Empty, _Interrupted):
        pass
    except NavAgentError as error:
        team.finished.put(error)
    except Exception as error:  # the collector waits for every episode, so it must hear of this one
        team.finished.put(RunError(f"{type(env).__name__} broke outside an episode: {_where(error)}."))
    finally:
        env.close()


def _play(env: Env, policy: Policy, episode: Episode, team: _Team) -> _Played:
    """Play one episode.

    Raises:
        NavAgentError: An error that concerns the whole run.
    """
    steps: list[tuple[Observation, Decision]] = []

    def on_step(observation: Observation, decision: Decision) -> None:
        if team.stopping.is_set():
            raise _Interrupted
        steps.append((observation, decision))

    started, error, trail = time.monotonic(), None, None
    lost: Sequence[Call] = ()
    try:
        rollout(env, policy, episode, on_step)
    except (_Interrupted, ChatSetupError):
        raise
    except ChatError as broken:
        error, lost = str(broken), broken.calls
    except NavAgentError:
        raise
    except Exception as broken:  # a defect of the policy or the environment must not take the other episodes along
        error, trail = _where(broken), traceback.format_exc()
    if error is not None:
        if team.stopping.is_set():
            raise _Interrupted  # the error may be the stopping itself
        # How a broken episode is scored: as if the agent had stayed at its start.
        env.reset(episode)
    seconds = time.monotonic() - started
    decisions = [decision for _, decision in steps]
    calls = [call for decision in decisions for call in decision.calls] + list(lost)
    result = _result(env.trajectory(), episode, decisions, calls, error, seconds, team)
    return _Played(result, _trace(episode, steps, lost, result, trail))


def _result(
    trajectory: Trajectory,
    episode: Episode,
    decisions: Sequence[Decision],
    calls: Sequence[Call],
    error: str | None,
    seconds: float,
    team: _Team,
) -> EpisodeResult:
    metrics: dict[str, float] = {}
    if trajectory.distances is not None:
        metrics = team.rules.score(trajectory) if error is None else team.rules.score_failure(trajectory)
        metrics.update({name: float(metric(trajectory)) for name, metric in team.extra_metrics.items()})
    return EpisodeResult(
        episode_id=episode.episode_id,
        scene=episode.scene,
        instruction=episode.instruction,
        metrics=metrics,
        trajectory=flatten(trajectory),
        stopped=bool(trajectory.stopped),
        decisions=len(decisions),
        fallbacks=sum(decision.fallback for decision in decisions),
        problems=sum(len(decision.problems) for decision in decisions),
        usage=usage_of(calls),
        error=error,
        seconds=round(seconds, 4),
    )


def _where(error: Exception) -> str:
    """Return an unexpected error as one sentence with the place where it arose."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({frame.filename.rsplit('/', 1)[-1]}, line {frame.lineno})"


def _trace(
    episode: Episode,
    steps: Sequence[tuple[Observation, Decision]],
    lost: Sequence[Call],
    result: EpisodeResult,
    trail: str | None,
) -> list[dict[str, Any]]:
    """Return what the policy saw and thought: the episode first, then one entry per decision."""
    head: dict[str, Any] = {
        "episode_id": episode.episode_id,
        "scene": episode.scene,
        "instruction": episode.instruction,
        "metrics": result.metrics,
        "error": result.error,
        "traceback": trail,
        "calls_without_decision": [asdict(call) for call in lost],
    }
    return [head, *(_trace_step(observation, decision) for observation, decision in steps)]


def _trace_step(observation: Observation, decision: Decision) -> dict[str, Any]:
    return {
        "step": observation.step,
        "viewpoint": observation.viewpoint,
        "pose": asdict(observation.pose) if observation.pose is not None else None,
        "candidates": [asdict(candidate) for candidate in observation.candidates or ()],
        "action": {"type": type(decision.action).__name__, **asdict(decision.action)},
        "thought": decision.thought,
        "problems": decision.problems,
        "fallback": decision.fallback,
        "calls": [asdict(call) for call in decision.calls],
    }
