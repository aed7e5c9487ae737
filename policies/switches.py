"""When SwiftSage hands over from its fast to its slow half (Lin et al. 2023): four named conditions.

The paper's are stated for a text game with scores; in a building, where no agent is told its distance to the goal, we
read them so:
    stuck: five steps in a row without reward. Here: without a word of the instruction coming into sight for the first
        time.
    illegal: the fast action is not valid. Here: it is no candidate, or the fast policy itself fell back.
    critical: the fast action decides something for good. Here: it is STOP.
    unexpected: the last action's result shows an error. Here: the agent collided, did not get away from its place, or
        the fast policy's move led back to a place visited before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from navagent.llm.offline.words import stems
from navagent.types import Action, Description, MoveTo, Observation, Stop

Switch: TypeAlias = Literal["stuck", "illegal", "critical", "unexpected"]


@dataclass(frozen=True, slots=True)
class Signs:
    """What the conditions judge.

    Attributes:
        proposal: What the fast policy would do.
        legal: Whether it can be done here, and is no fallback.
        idle_steps: Steps in a row without progress.
        patience: Such steps that make an agent stuck.
        collided: Whether the last action hit something.
        stayed: Whether the last move left the agent where it was.
        returned: Whether the fast policy's last move led back to a place visited before.
    """

    proposal: Action
    legal: bool = True
    idle_steps: int = 0
    patience: int = 5
    collided: bool = False
    stayed: bool = False
    returned: bool = False


def is_stuck(signs: Signs) -> bool:
    """Return whether nothing of the instruction has newly come into sight for too long."""
    return signs.idle_steps >= signs.patience


def is_illegal(signs: Signs) -> bool:
    """Return whether the fast policy's action cannot be done here."""
    return not signs.legal


def is_critical(signs: Signs) -> bool:
    """Return whether the fast policy's action ends the episode."""
    return isinstance(signs.proposal, Stop)


def is_unexpected(signs: Signs) -> bool:
    """Return whether the last action did not lead where it should."""
    return signs.collided or signs.stayed or signs.returned


SWITCHES: Mapping[Switch, tuple[Callable[[Signs], bool], str]] = {
    "stuck": (is_stuck, "nothing that the instruction names has come into sight for several moves"),
    "illegal": (is_illegal, "its choice is not possible here"),
    "critical": (is_critical, "it wants to stop, which ends the episode for good"),
    "unexpected": (is_unexpected, "the last move did not lead where it should"),
}
"""Conditions by name, with what the slow half is told."""


class Watch:
    """Follows an episode for what `Signs` tells of the past."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._visited: set[str] = set()
        self._place: str | None = None
        self._moved: MoveTo | None = None
        self._by_fast = False
        self.idle_steps = -1
        self.stayed = False
        self.returned = False

    def look(self, observation: Observation, description: Description) -> None:
        """Take in what is seen after the last action."""
        sight = (" ".join([way.text, *(thing.name for thing in way.objects)]) for way in description.directions)
        news = (stems(observation.instruction) & stems(" ".join(sight))) - self._known
        self._known |= news
        self.idle_steps = 0 if news or self.idle_steps < 0 else self.idle_steps + 1
        place = place_of(observation)
        self.stayed = self._moved is not None and place is not None and place == self._place
        self.returned = self._by_fast and not self.stayed and place in self._visited
        self._place = place
        if place is not None:
            self._visited.add(place)

    def acted(self, action: Action, by_fast: bool) -> None:
        """Take in what is done, and whether the fast policy decided it."""
        self._moved = action if isinstance(action, MoveTo) else None
        self._by_fast = by_fast and self._moved is not None

    def took_over(self) -> None:
        """Count idle steps anew: the slow half has been asked about them."""
        self.idle_steps = 0


def place_of(observation: Observation) -> str | None:
    """Return a name of the place: its viewpoint, else its position to the nearest half metre, None if unknown."""
    if observation.viewpoint is not None or observation.pose is None:
        return observation.viewpoint
    return " ".join(f"{round(2 * value) / 2:.1f}" for value in observation.pose.position)
