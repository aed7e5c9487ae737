"""Tasks in houses: which episodes a house has, and when one has succeeded.

PointNav goes to a point that is given relative to the agent, ObjectNav to any object of a category, R2R follows an
instruction. All three use the same floor, actions and 500 steps, and need STOP.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from envs.houses.floor import Floor
from envs.houses.geodesic import Geodesic, Goals, stack_goals
from envs.houses.house import House, Object, Point
from envs.houses.progress import MOST_PARTS, ends_of_parts, parts_of_words
from envs.houses.splits import SplitPlan
from envs.houses.survey import Survey
from envs.houses.words import LONGEST, tokens

GOALS = 50
"""Goals per house of PointNav, and episodes per house of ObjectNav's and PointNav's validation sets."""

STARTS = 20
"""Starts per goal in training; validation has one."""

PLACES = 600
"""Random places in a house that PointNav's starts are drawn from."""

NEAREST, FARTHEST = 1.0, 30.0
"""Metres on the floor between start and goal (habitat-lab, `pointnav_generator.py`: closest and furthest distance)."""

STRAIGHT = 1.1
"""Ratio of geodesic to Euclidean distance below which a pair is mostly left out (ibid.)."""

CATEGORIES = (
    "armchair",
    "bathtub",
    "bed",
    "bookshelf",
    "chair",
    "coffee table",
    "desk",
    "dining table",
    "dresser",
    "fridge",
    "nightstand",
    "plant",
    "shower",
    "sideboard",
    "sofa",
    "stove",
    "toilet",
    "TV",
    "wardrobe",
    "washbasin",
    "washing machine",
)
"""What ObjectNav looks for: 21 categories, as in Matterport3D's ObjectNav; an observation holds the index."""

VIEW_DISTANCE = 1.0
"""Metres from an object's box within which an agent is at the object (habitat's ObjectNav: view points within 1 m)."""

VIEW_GRID = 0.2
"""Metres between the points around an object from which the distance to it is measured."""


@dataclass(frozen=True, eq=False)
class EpisodeSet:
    """The episodes of one task in one house.

    Attributes:
        start: (E, 2) metres.
        heading: (E,) radians.
        goal: (E,) row of `goals`.
        shortest: (E,) metres from start to goal.
        goals: G goals on floor 0.
        category: (E,) index into `CATEGORIES`, -1 where the task has none.
        texts: E texts: the instruction, or what to look for.
        words: (E, `words.LONGEST`) the texts as tokens.
        parts: (E, `words.LONGEST`) of `envs.houses.progress.parts_of_words`; None where there are no sub-instructions.
        ends: (E, `envs.houses.progress.MOST_PARTS`) of `ends_of_parts` there; None likewise.
    """

    start: NDArray[np.float64]
    heading: NDArray[np.float64]
    goal: NDArray[np.int64]
    shortest: NDArray[np.float64]
    goals: Goals
    category: NDArray[np.int64]
    texts: tuple[str, ...]
    words: NDArray[np.int32]
    parts: NDArray[np.int8] | None = None
    ends: NDArray[np.float64] | None = None


class Task(ABC):
    """What vector environments need to know of a task.

    Attributes:
        name: What users call it.
        rules: Name of the scoring rules in `eval.rules`, whose success distance is the same.
        success_distance: Metres from the goal within which STOP succeeds.
    """

    name: ClassVar[str]
    rules: ClassVar[str]
    success_distance: ClassVar[float]

    @abstractmethod
    def episodes(self, house: House, floor: Floor, atlas: NDArray[np.uint8], plan: SplitPlan, visit: int) -> EpisodeSet:
        """Return a house's episodes, at least one.

        Args:
            house: The house.
            floor: Its floor.
            atlas: `texture_atlas()`.
            plan: The split; the same house has other episodes in val_seen than in train.
            visit: How often the house has been left and come back to; training goes on with new episodes.
        """


class PointNav(Task):
    """Go to a point (Anderson et al. 2018, "On Evaluation of Embodied Navigation Agents").

    Distances, and how rarely a straight way is taken, are those of habitat-lab's generator; success is within 0.2 m.
    """

    name, rules = "pointnav", "pointnav"
    success_distance = 0.2

    def episodes(self, house: House, floor: Floor, atlas: NDArray[np.uint8], plan: SplitPlan, visit: int) -> EpisodeSet:
        """Return `GOALS` random goals, each with `STARTS` starts in training and one elsewhere."""
        rng = np.random.default_rng([house.seed, plan.stream, 1, visit])
        geodesic = Geodesic(floor)
        starts, shortest, goals = [], [], []
        anywhere = floor.sample(rng, GOALS + PLACES)
        for goal in anywhere[:GOALS]:
            found, metres = _starts(anywhere[GOALS:], geodesic, goal, STARTS if plan.name == "train" else 1, rng)
            if len(found):
                starts.append(found)
                shortest.append(metres)
                goals.append(geodesic.goal(goal))
        rows = np.repeat(np.arange(len(goals)), [len(found) for found in starts])
        heading = rng.uniform(0, 2 * math.pi, len(rows))
        texts = ["go to the point"] * len(rows)
        return _set(np.concatenate(starts), heading, rows, np.concatenate(shortest), goals, texts)


class ObjectNav(Task):
    """Go to any object of a category (Batra et al. 2020, "ObjectNav Revisited").

    An agent is at an object where it stands within 1 m of its box, in its room. The distance is measured to a grid of
    such places, 0.2 m apart; success is within 0.2 m of one, and no place between them is farther from all.
    """

    name, rules = "objectnav", "objectnav"
    success_distance = 0.2

    def episodes(self, house: House, floor: Floor, atlas: NDArray[np.uint8], plan: SplitPlan, visit: int) -> EpisodeSet:
        """Return episodes whose categories are drawn from those that the house has."""
        rng = np.random.default_rng([house.seed, plan.stream, 2, visit])
        geodesic = Geodesic(floor)
        known = [
            (category, points)
            for category in range(len(CATEGORIES))
            if len(points := view_points(house, floor, CATEGORIES[category]))
        ]
        count = GOALS * (STARTS if plan.name == "train" else 1)
        starts, shortest, rows = [], [], []
        for row, share in enumerate(np.bincount(rng.integers(len(known), size=count), minlength=len(known))):
            sampled = floor.sample(rng, 4 * int(share) + 16)
            metres = geodesic.distances(sampled, known[row][1])
            far = np.flatnonzero((metres >= NEAREST) & (metres <= FARTHEST))[:share]
            starts.append(sampled[far])
            shortest.append(metres[far])
            rows += [row] * len(far)
        order = rng.permutation(len(rows))
        goal = np.array(rows)[order]
        categories = np.array([category for category, _ in known])[goal]
        return _set(
            np.concatenate(starts)[order],
            rng.uniform(0, 2 * math.pi, len(order)),
            goal,
            np.concatenate(shortest)[order],
            [geodesic.goal(points) for _, points in known],
            [f"find the {CATEGORIES[category]}" for category in categories],
            categories,
        )


class R2R(Task):
    """Follow an instruction; success is within 3 m (R2R-CE). The paths are those of `navagent houses make`."""

    name, rules = "r2r", "r2r_ce"
    success_distance = 3.0

    def episodes(self, house: House, floor: Floor, atlas: NDArray[np.uint8], plan: SplitPlan, visit: int) -> EpisodeSet:
        """Return every instruction of the house's annotated paths."""
        records = Survey.of(house, atlas).paths(plan, 1)
        geodesic = Geodesic(floor)
        told = [(row, instruction) for row, record in enumerate(records) for instruction in record.instructions]
        rows = np.array([row for row, _ in told])
        start = np.array([record.points[0] for record in records])[rows]
        heading = np.array([record.heading for record in records])[rows]
        shortest = np.array([record.geodesic for record in records])[rows]
        goals = [geodesic.goal(record.points[-1]) for record in records]
        found = _set(start, heading, rows, shortest, goals, [instruction.text for _, instruction in told])
        ends = [ends_of_parts(instruction, records[row].points, geodesic) for row, instruction in told]
        parts = np.array([parts_of_words(instruction) for _, instruction in told]).reshape(-1, LONGEST)
        return replace(found, parts=parts, ends=np.array(ends).reshape(-1, MOST_PARTS))


TASKS: dict[str, Task] = {task.name: task for task in (PointNav(), ObjectNav(), R2R())}
"""Tasks by name."""


def view_points(house: House, floor: Floor, category: str) -> NDArray[np.float64]:
    """Return (K, 2) places, metres, from which an agent is at an object of a category; (0, 2) if there is none."""
    things = [thing for thing in house.objects if thing.category == category]
    return np.concatenate([np.empty((0, 2)), *(view_points_of(house, floor, thing) for thing in things)])


def view_points_of(house: House, floor: Floor, thing: Object) -> NDArray[np.float64]:
    """Return (K, 2) places, metres, from which an agent is at an object; (0, 2) if nobody can stand by it."""
    x, y, _ = thing.center
    reach = math.hypot(*thing.size[:2]) / 2 + VIEW_DISTANCE
    along = np.arange(-math.ceil(reach / VIEW_GRID), math.ceil(reach / VIEW_GRID) + 1) * VIEW_GRID
    grid = np.stack(np.meshgrid(x + along, y + along), axis=-1).reshape(-1, 2)
    near = (_gap(thing, grid) <= VIEW_DISTANCE) & _within(house.rooms[thing.room].outline, grid)
    return np.asarray(grid[near & floor.contains(grid)])


def _gap(thing: Object, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (N,) metres from points to an object's box in plan."""
    x, y = (points - np.array(thing.center[:2])).T
    sine, cosine = math.sin(thing.yaw), math.cos(thing.yaw)
    # The object's front is its +y, and headings run clockwise.
    aside, ahead = cosine * x - sine * y, sine * x + cosine * y
    out = np.abs(np.stack([aside, ahead])) - np.array(thing.size[:2])[:, None] / 2
    return np.asarray(np.hypot(*np.maximum(out, 0)))


def _within(outline: Sequence[Point], points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return (N,) whether points lie inside a polygon."""
    ring = np.array(outline)
    (ax, ay), (bx, by) = ring.T[:, :, None], np.roll(ring, -1, axis=0).T[:, :, None]
    x, y = points.T
    with np.errstate(divide="ignore", invalid="ignore"):
        crossed = ((ax > x) != (bx > x)) & (y < ay + (x - ax) / (bx - ax) * (by - ay))
    return np.asarray(crossed.sum(axis=0) % 2 == 1)


def _starts(
    places: NDArray[np.float64], geodesic: Geodesic, goal: NDArray[np.float64], count: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return up to `count` starts for a goal, some of `places`, and the metres from them."""
    tried = places[rng.permutation(len(places))[: 4 * count + 24]]
    metres = geodesic.distances(tried, goal)
    ratio = metres / np.maximum(np.hypot(*(tried - goal).T), 1e-6)
    # habitat-lab keeps a straighter pair with the probability 20 (ratio - 0.98)^2.
    winding = (ratio >= STRAIGHT) | (rng.random(len(tried)) <= 20 * (ratio - 0.98) ** 2)
    kept = np.flatnonzero((metres >= NEAREST) & (metres <= FARTHEST) & winding)[:count]
    return tried[kept], metres[kept]


def _set(
    start: NDArray[np.float64],
    heading: NDArray[np.float64],
    goal: NDArray[np.int64],
    shortest: NDArray[np.float64],
    goals: Sequence[Goals],
    texts: Sequence[str],
    category: NDArray[np.int64] | None = None,
) -> EpisodeSet:
    return EpisodeSet(
        start=start,
        heading=heading,
        goal=goal,
        shortest=shortest,
        goals=stack_goals(goals),
        category=np.full(len(goal), -1) if category is None else category,
        texts=tuple(texts),
        words=tokens(texts),
    )
