"""What a run keeps of each episode: one JSON line."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from navagent.types import Call, Trajectory


@dataclass(frozen=True, slots=True)
class Usage:
    """Totals over language model calls.

    Attributes:
        calls: Requests, cached ones included.
        cached: Requests that the disk cache answered.
        input_tokens: Tokens sent, cached requests included.
        output_tokens: Tokens received, cached requests included.
        cost_usd: US dollars paid; None where a model's price is unknown.
        models: Names as the servers returned them.
    """

    calls: int = 0
    cached: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = 0.0
    models: tuple[str, ...] = ()

    def __add__(self, other: Usage) -> Usage:
        unknown = self.cost_usd is None or other.cost_usd is None
        return Usage(
            self.calls + other.calls,
            self.cached + other.cached,
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            None if unknown else (self.cost_usd or 0.0) + (other.cost_usd or 0.0),
            tuple(sorted({*self.models, *other.models})),
        )


def _usage(
    calls: int, cached: int, input_tokens: int, output_tokens: int, cost_usd: float | None, models: Iterable[str]
) -> Usage:
    """Return totals from what a policy or a file gives, as the plain types that JSON knows."""
    cost = None if cost_usd is None else float(cost_usd)
    return Usage(int(calls), int(cached), int(input_tokens), int(output_tokens), cost, tuple(map(str, models)))


def usage_of(calls: Iterable[Call]) -> Usage:
    """Return the totals over calls."""
    total = Usage()
    for reply in (call.reply for call in calls):
        total += _usage(1, reply.cached, reply.input_tokens, reply.output_tokens, reply.cost_usd, (reply.model,))
    return total


@dataclass(frozen=True, slots=True)
class EpisodeResult:
    """One finished episode.

    Attributes:
        episode_id: The episode's id.
        scene: The building's id.
        instruction: The instruction's text.
        metrics: Metric values; empty where the split has no goals.
        trajectory: [viewpoint or None, x, y, z (metres), heading, elevation (radians)] of each pose.
        stopped: Whether the agent called Stop.
        decisions: Number of decisions.
        fallbacks: Decisions that fell back because no reply was usable.
        problems: Replies that were rejected.
        usage: Totals over the episode's language model calls.
        error: One sentence if the episode broke, else None.
        seconds: Wall time.
    """

    episode_id: str
    scene: str
    instruction: str
    metrics: dict[str, float]
    trajectory: tuple[tuple[Any, ...], ...]
    stopped: bool
    decisions: int = 0
    fallbacks: int = 0
    problems: int = 0
    usage: Usage = field(default_factory=Usage)
    error: str | None = None
    seconds: float = 0.0

    def to_json(self) -> str:
        """Return the result as one line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> EpisodeResult:
        """Read a line of `to_json`.

        Raises:
            ValueError: The line is cut short or is none of ours.
        """
        try:
            values = json.loads(line)
            usage = values.pop("usage")
            trajectory = tuple(tuple(pose) for pose in values.pop("trajectory"))
            result = cls(usage=_usage(**usage), trajectory=trajectory, **values)
            return replace(result, metrics={name: float(value) for name, value in result.metrics.items()})
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not an episode result: {error}") from error


def flatten(trajectory: Trajectory) -> tuple[tuple[Any, ...], ...]:
    """Return a trajectory's poses as `EpisodeResult.trajectory` keeps them."""
    viewpoints = trajectory.viewpoints or (None,) * len(trajectory.poses)
    return tuple(
        (viewpoint, *pose.position, pose.heading, pose.elevation)
        for viewpoint, pose in zip(viewpoints, trajectory.poses, strict=True)
    )
