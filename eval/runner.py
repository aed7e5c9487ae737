"""Plays many episodes at once and keeps every result."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from eval.crew import Crew, Parts, Threads
from eval.metrics import Metric
from eval.play import Played, Scorer
from eval.records import EpisodeResult
from eval.rules import RULES
from eval.run_directory import RunDirectory
from navagent.contracts import Env, Policy
from navagent.errors import NavAgentError
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
    crew = Threads(Parts(env, policy, Scorer(RULES[env.rules], extra_metrics or {})), workers)
    return evaluate_with(crew, episodes, directory, on_result=on_result, max_errors=max_errors, grace_s=grace_s)


def evaluate_with(
    crew: Crew,
    episodes: Sequence[Episode],
    directory: RunDirectory,
    *,
    on_result: OnResult | None = None,
    max_errors: int = 10,
    grace_s: float = 15.0,
) -> Outcome:
    """Let a crew play the episodes that the directory does not hold yet, and stop it.

    Only this process writes to the directory. An episode that breaks counts as a failure and carries its error; an
    error that no other episode would survive (no key, no connection, budget used up, disk full) stops the run, as do
    `max_errors` broken episodes in a row.

    Args:
        crew: Plays.
        episodes: As in `evaluate`, and so is the rest.
        directory: Where results go.
        on_result: Called with every new result.
        max_errors: Broken episodes in a row that stop the run.
        grace_s: Seconds to wait for decisions in flight when the run is stopped.

    Raises:
        ConfigError: The players' parts cannot be copied.
    """
    with directory.writing():
        done = {result.episode_id for result in directory.results()}
        try:
            played = crew.play([episode for episode in episodes if episode.episode_id not in done])
            return _collect(played, directory, on_result, max_errors)
        except KeyboardInterrupt:
            return Outcome(complete=False, reason="Interrupted.", interrupted=True)
        finally:
            crew.stop(grace_s)


def _collect(played: Iterable[Played], directory: RunDirectory, on_result: OnResult | None, max_errors: int) -> Outcome:
    """Write results as they come; stop on an error that concerns the whole run."""
    broken = 0
    try:
        for each in played:
            _keep(each, directory)
            if on_result is not None:
                on_result(each.result)
            broken = broken + 1 if each.result.error is not None else 0
            if broken >= max_errors:
                last = each.result.error
                return Outcome(complete=False, reason=f"{broken} episodes in a row broke, the last with: {last}")
    except NavAgentError as error:
        return Outcome(complete=False, reason=str(error))
    return Outcome(complete=True)


def _keep(played: Played, directory: RunDirectory) -> None:
    for name, image in played.images.items():
        directory.keep_image(name, image)
    # The trace first: a result in the list is the promise that its trace is whole.
    directory.write(directory.trace_name(played.result.episode_id), played.trace)
    directory.append(played.result)
