"""A kitchen with three ways on: what a planner sees in tests that need no environment."""

from __future__ import annotations

import math

from navagent.contracts import Describer
from navagent.types import (
    Action,
    Candidate,
    Description,
    Direction,
    Episode,
    MoveTo,
    Observation,
    Pose,
    SeenObject,
    Stop,
)

LEFT, AHEAD, BEHIND = "1eft0a3b", "a4ead77c", "be41d512"
LEGAL: set[Action] = {Stop(), MoveTo(LEFT), MoveTo(AHEAD), MoveTo(BEHIND)}
INSTRUCTION = "Leave the kitchen and wait by the piano."


def see(viewpoint: str = "c0ffee00", step: int = 0, candidates: tuple[str, ...] = (LEFT, AHEAD, BEHIND)) -> Observation:
    degrees = {LEFT: -90.0, AHEAD: 10.0, BEHIND: 170.0}
    seen = tuple(Candidate(name, math.radians(degrees[name]), 0.0, 2.0) for name in candidates)
    return Observation(INSTRUCTION, "house", step, viewpoint=viewpoint, candidates=seen)


EPISODE = Episode("1_0", "house", INSTRUCTION, Pose((0.0, 0.0, 1.5), 0.0), "1", "c0ffee00")


class Captions(Describer):
    """Says the same in all eight directions."""

    def __init__(self, caption: str = "A kitchen counter.") -> None:
        self.caption = caption

    def describe(self, observation: Observation) -> Description:
        width = math.radians(45)
        lamp = SeenObject("lamp", 0.1, 1.5)
        directions = (Direction((k * width + math.pi) % math.tau - math.pi, width, self.caption) for k in range(1, 8))
        return Description("A kitchen", (Direction(0.0, width, self.caption, (lamp,)), *directions))
