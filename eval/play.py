"""Playing one episode, whatever happens in it."""

from __future__ import annotations

import json
import math
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from eval.metrics import Metric
from eval.records import EpisodeResult, flatten, usage_of
from eval.rules import Rules
from navagent.contracts import Env, Policy
from navagent.errors import ChatConnectionError, ChatError, ChatSetupError, ConfigError, NavAgentError
from navagent.rollout import rollout
from navagent.types import Call, Decision, Episode, Image, Observation, Trajectory

Steps = Sequence[tuple[dict[str, Any], Decision]]
"""What the trace keeps of each observation, and the decision. Not the observation: 36 pictures take 70 MB."""


class Interrupted(Exception):
    """The run is stopping; the episode in flight is dropped."""


@dataclass(frozen=True)
class Played:
    """A finished episode.

    Attributes:
        result: What the run keeps of it.
        trace: JSON lines: the episode, then each decision; pictures by their hash.
        images: The pictures that were sent to a model, by their hash.
    """

    result: EpisodeResult
    trace: str
    images: Mapping[str, Image]


@dataclass(frozen=True)
class Scorer:
    """How episodes are scored.

    Attributes:
        rules: The benchmark's rules.
        extra: Further metrics by name.
    """

    rules: Rules
    extra: Mapping[str, Metric]

    def __post_init__(self) -> None:
        clash = sorted(set(self.extra) & set(self.rules.metrics))
        if clash:
            raise ConfigError(f"--extra-metrics: '{clash[0]}' is a metric of {self.rules.version}; rename yours.")

    def score(self, trajectory: Trajectory, broke: bool) -> dict[str, float]:
        """Return all metrics; none where the split has no goals.

        Raises:
            ConfigError: An extra metric breaks or returns no finite number.
        """
        if trajectory.distances is None:
            return {}
        scores = self.rules.score_failure(trajectory) if broke else self.rules.score(trajectory)
        return {**scores, **{name: _extra(name, metric, trajectory) for name, metric in self.extra.items()}}


def _extra(name: str, metric: Metric, trajectory: Trajectory) -> float:
    try:
        value = float(metric(trajectory))
    except Exception as error:
        raise ConfigError(f"Your metric {name} broke on episode {trajectory.episode_id}: {where(error)}.") from error
    if not math.isfinite(value):
        raise ConfigError(f"Your metric {name} returned {value} on episode {trajectory.episode_id}, no finite number.")
    return value


def play(env: Env, policy: Policy, episode: Episode, scorer: Scorer, stopping: threading.Event) -> Played:
    """Play one episode.

    Raises:
        NavAgentError: An error that no other episode would survive.
        Interrupted: The run is stopping.
    """
    steps: list[tuple[dict[str, Any], Decision]] = []

    def on_step(observation: Observation, decision: Decision) -> None:
        if stopping.is_set():
            raise Interrupted
        steps.append((_seen(observation), decision))

    started, error, trail = time.monotonic(), None, None
    lost: Sequence[Call] = ()
    try:
        rollout(env, policy, episode, on_step)
    except (Interrupted, ChatSetupError, ChatConnectionError):
        raise
    except ChatError as broken:
        error, lost = str(broken), broken.calls
    except NavAgentError:
        raise
    except (Exception, SystemExit) as broken:  # a defect of policy or environment must not take other episodes along
        error, trail = where(broken), traceback.format_exc()
    if error is not None:
        if stopping.is_set():
            raise Interrupted  # the error may be the stopping itself
        # How a broken episode is scored: as if the agent had stayed at its start.
        env.reset(episode)
    seconds = time.monotonic() - started
    result = _result(env.trajectory(), episode, steps, lost, error, seconds, scorer)
    calls = [*(call for _, decision in steps for call in decision.calls), *lost]
    images = {image.sha256: image for call in calls for message in call.messages for image in message.images}
    return Played(result, _trace(episode, steps, lost, result, trail), images)


def give_up(env: Env, episode: Episode, error: str, scorer: Scorer) -> Played:
    """Return an episode that cannot be played as one that broke."""
    env.reset(episode)
    result = _result(env.trajectory(), episode, (), (), error, 0.0, scorer)
    return Played(result, _trace(episode, (), (), result, None), {})


def _result(
    trajectory: Trajectory,
    episode: Episode,
    steps: Steps,
    lost: Sequence[Call],
    error: str | None,
    seconds: float,
    scorer: Scorer,
) -> EpisodeResult:
    decisions = [decision for _, decision in steps]
    return EpisodeResult(
        episode_id=episode.episode_id,
        scene=episode.scene,
        instruction=episode.instruction,
        metrics=scorer.score(trajectory, broke=error is not None),
        trajectory=flatten(trajectory),
        stopped=bool(trajectory.stopped),
        decisions=len(decisions),
        fallbacks=sum(bool(decision.fallback) for decision in decisions),
        problems=sum(len(decision.problems) for decision in decisions),
        usage=usage_of([*(call for decision in decisions for call in decision.calls), *lost]),
        error=error,
        seconds=round(seconds, 4),
    )


def where(error: BaseException) -> str:
    """Return an unexpected error as one sentence with the place where it arose."""
    text = " ".join(f"{type(error).__name__}: {error}".split())
    frames = traceback.extract_tb(error.__traceback__)
    return f"{text} ({frames[-1].filename.rsplit('/', 1)[-1]}, line {frames[-1].lineno})" if frames else text


def _trace(episode: Episode, steps: Steps, lost: Sequence[Call], result: EpisodeResult, trail: str | None) -> str:
    """Return what the policy saw and thought; what JSON does not know is written as its text."""
    head: dict[str, Any] = {
        "episode_id": episode.episode_id,
        "scene": episode.scene,
        "instruction": episode.instruction,
        "metrics": result.metrics,
        "error": result.error,
        "traceback": trail,
        "calls_without_decision": [_call(call) for call in lost],
    }
    lines = [head, *({**seen, **_decided(decision)} for seen, decision in steps)]
    return "".join(json.dumps(line, ensure_ascii=False, default=str) + "\n" for line in lines)


def _seen(observation: Observation) -> dict[str, Any]:
    return {
        "step": observation.step,
        "viewpoint": observation.viewpoint,
        "pose": asdict(observation.pose) if observation.pose is not None else None,
        "candidates": [asdict(candidate) for candidate in observation.candidates or ()],
    }


def _decided(decision: Decision) -> dict[str, Any]:
    return {
        "action": {"type": type(decision.action).__name__, **asdict(decision.action)},
        "thought": decision.thought,
        "problems": decision.problems,
        "fallback": decision.fallback,
        "calls": [_call(call) for call in decision.calls],
    }


def _call(call: Call) -> dict[str, Any]:
    return {
        "purpose": call.purpose,
        "messages": [message.as_json() for message in call.messages],
        "reply": asdict(call.reply),
    }
