"""A navigator without a model: it goes by the words of described views, on any graph of viewpoints or waypoints.

It stands in for A2Nav's trained navigators (Chen et al. 2023) wherever views are described in words. Each move goes to
the candidate whose direction scores best. Each action type has its own sign of completion, after the paper's
definitions: GoTo when the landmark is within reach, GoInto when the agent is inside the region, GoThrough when it was
inside and no longer is, Exit when it is no longer inside, GoPast when the landmark was in sight and no longer lies
ahead.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from navagent.contracts import Describer
from navagent.geometry import wrap
from navagent.llm.offline.scene import read_clause
from navagent.llm.offline.words import stems
from navagent.types import (
    Action,
    Candidate,
    Decision,
    Description,
    Direction,
    Episode,
    MoveTo,
    Observation,
    Stop,
    SubTask,
)
from policies.navigators.base import Navigator

REACH = 3.0
"""Metres within which a landmark counts as reached: R2R's success distance, and the range of NavGPT's objects."""

INSIDE = 0.6
"""Share of the directions that name a region from inside it, at least."""

AHEAD = math.radians(75)
"""A landmark this far to the side or farther is no longer ahead."""

WEIGHTS: Mapping[str, float] = {
    "landmark": 2.0,  # share of the landmark's words that the direction names; against it when leaving
    "beside": 0.7,  # the same of the neighbouring directions: sectors cut rooms apart
    "next": 1.5,  # share of the following landmark's words, where the sub-task leads on
    "way_out": 1.0,  # the direction names a door, a hallway or stairs when leaving
    "turn": 1.5,  # it agrees with "turn left", on the sub-task's first move
    "side": 0.8,  # it agrees with "on your left", until the sub-task is done
    "around": 1.5,  # it agrees with "turn around", on the first move
    "climb": 2.0,  # it goes up or down as the stairs do, per 30 degrees
    "ahead": 0.6,  # cosine of its angle
    "visited": -3.0,  # it was visited
}

_OUT = frozenset({"door", "hallway", "stair", "arch"})


class GraphNavigator(Navigator):
    """Follows the words of described views.

    Args:
        describer: Puts observations into words.
    """

    def __init__(self, describer: Describer) -> None:
        self.describer = describer
        self.needs = frozenset({"candidates"}) | describer.needs
        self.privileged = describer.privileged
        self._visited: set[str] = set()
        self._task = SubTask("GoTo", "")
        self._next: frozenset[str] = frozenset()
        self._forget()

    def _forget(self) -> None:
        self._words = stems(self._task.landmark)
        self._hints = read_clause(self._task.text.lower(), 0.0)
        self._moved = False
        self._was_inside = False
        self._was_seen = False

    def reset(self, episode: Episode) -> None:
        """Forget the last episode."""
        self._visited = set()

    def begin(self, task: SubTask, following: SubTask | None) -> None:
        """Take up a sub-task."""
        self._task = task
        self._next = stems(following.landmark) if following is not None else frozenset()
        self._forget()

    def fingerprints(self) -> Mapping[str, str]:
        """Return the describer's data sources."""
        return self.describer.fingerprints()

    def act(self, observation: Observation) -> Decision:
        """Stop if the sub-task is done, else go to the best candidate."""
        description = self.describer.describe(observation)
        if observation.viewpoint is not None:
            self._visited.add(observation.viewpoint)
        done = self._done(description)
        candidates = observation.candidates or ()
        if done or not candidates:
            return Decision(Stop(), done or "no way leads on")
        best = max(candidates, key=lambda candidate: self._score(candidate, description))
        self._walked_to(best.id)
        return Decision(MoveTo(best.id), "best of the ways on")

    def overruled(self, observation: Observation, action: Action) -> None:
        """Hear that the agent has moved."""
        if isinstance(action, MoveTo):
            self._walked_to(action.candidate_id)

    def _walked_to(self, place: str) -> None:
        # Where there is no nav-graph, the candidate's id is all that names the place.
        self._visited.add(place)
        self._moved = True

    # ------------------------------------------------------------------------------------------ completion
    def _done(self, description: Description) -> str:
        """Return why the sub-task is done, or an empty string; keep what the next look will need."""
        inside = self._inside(description)
        ahead = self._named(*(way for way in description.directions if abs(way.heading) <= AHEAD))
        seen = self._named(*description.directions)
        done = {
            "GoTo": "the landmark is within reach" if self._within_reach(description, inside) else "",
            "GoInto": "inside the region" if inside else "",
            "GoThrough": "through the region" if self._was_inside and not inside and self._moved else "",
            "Exit": "out of the region" if self._moved and not inside else "",
            "GoPast": "past the landmark" if self._moved and self._was_seen and not ahead else "",
        }[self._task.action]
        self._was_inside |= inside
        self._was_seen |= seen
        return done

    def _inside(self, description: Description) -> bool:
        named = sum(self._named(way) for way in description.directions)
        return named >= INSIDE * len(description.directions)

    def _within_reach(self, description: Description, inside: bool) -> bool:
        near = (
            thing.name
            for way in description.directions
            for thing in way.objects
            if thing.distance is None or thing.distance <= REACH
        )
        return inside or self._share(frozenset[str]().union(*map(stems, near))) > 0.5

    def _named(self, *ways: Direction) -> bool:
        return any(self._share(words_of(way)) > 0.5 for way in ways)

    def _share(self, words: frozenset[str]) -> float:
        """Return the share of the landmark's words among others; 0 for a landmark without any."""
        return _share(self._words, words)

    # ------------------------------------------------------------------------------------------- direction
    def _score(self, candidate: Candidate, description: Description) -> float:
        hints, first = self._hints, not self._moved
        by_angle = sorted(description.directions, key=lambda way: abs(wrap(candidate.heading - way.heading)))
        words = words_of(by_angle[0])
        beside = frozenset[str]().union(*map(words_of, by_angle[1:3]))
        leaving = self._task.action == "Exit"
        sine, cosine = math.sin(candidate.heading), math.cos(candidate.heading)
        slope = math.degrees(candidate.elevation) / 30
        features = {
            "landmark": -self._share(words) if leaving else self._share(words),
            "beside": 0.0 if leaving else self._share(beside),
            "next": _share(self._next, words),
            "way_out": float(leaving and bool(_OUT & words)),
            "turn": hints.turn * sine * first,
            "side": hints.side * sine,
            "around": -hints.around * cosine * first,
            "climb": hints.slope * slope,
            "ahead": cosine,
            "visited": float(candidate.id in self._visited),
        }
        return sum(WEIGHTS[name] * value for name, value in features.items())


def _share(sought: frozenset[str], words: frozenset[str]) -> float:
    return len(sought & words) / len(sought) if sought else 0.0


def words_of(way: Direction) -> frozenset[str]:
    """Return what a direction names."""
    return stems(" ".join([way.text, *(thing.name for thing in way.objects)]))
