"""The oracle that emits primitive actions: what `ShortestPathFollower` is in Habitat.

Like habitat-sim's `GreedyGeodesicFollower` (`src/esp/nav/GreedyFollower.cpp`), which habitat-lab's class wraps, it
tries every "turn n times, then step", n up to half a circle to either side, and begins the best. Best is what costs
least per metre that it brings the agent nearer,

    (metres moved + 0.003 (n + 1)) / (distance before - distance after),

where Habitat takes the most metres nearer per step, less fixed costs for turns, collisions and nearness to
obstacles. In cluttered random houses (1,100 walks each at two densities) Habitat's rule left 3 and 8 % of walks with
an SPL below 0.95, this one none, with as many steps.

Just before an obstacle's square corner every single step overshoots it and costs much or does not come nearer at
all. Then pairs of steps are tried too (Habitat's follower gives up there). Every turn makes the step that it
prepares cheaper and those to the other side dearer, so the agent never turns to and fro, which Habitat's has to
detect.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from envs.houses.floor import FloorArrays
from envs.houses.geodesic import Geodesic, Goals, query, stack_goals
from envs.houses.jit import kernel
from envs.houses.motion import FORWARD, LEFT, RIGHT, STEP, STOP, TURN, Walk, act, check_stride, slide, turned
from navagent.errors import NavAgentError

GOAL_RADIUS = 0.75 * STEP
"""Metres from the goal at which the follower stops (habitat-sim's `GreedyGeodesicFollower`: 0.75 steps)."""

WAYPOINT_RADIUS = 0.5
"""Metres from a waypoint at which it heads for the next one (VLN-CE follows its reference paths with 0.5)."""

MOST_STEPS = 500
"""Actions in an episode, STOP included (R2R-CE)."""

_ACTION_COST = 0.003
"""Metres that an action is worth: a higher price saves actions, a lower one saves metres."""

_NEARER = 1e-6
"""Metres by which a step must come nearer to count."""

_POOR = 1.5
"""Cost per metre from which on pairs of steps are tried too."""

_STUCK = -1


# ------------------------------------------------------------------------------------------------- kernels
@kernel
def _cheapest(
    floors: FloorArrays,
    goals: Goals,
    agent: int,
    x: float,
    y: float,
    heading: float,
    before: float,
    here: float,
    spent: float,
    step: float,
    turn: float,
    keys: NDArray[np.float64],
    nodes: NDArray[np.int32],
) -> tuple[float, int]:
    """Return the least cost per metre of "turn, then step" from (x, y), and the turns, negative to the left.

    Args:
        floors: All floors.
        goals: All goals.
        agent: Row of `goals`.
        x: Metres.
        y: Metres.
        heading: Radians.
        before: Metres to the goal, from which the agent must come nearer.
        here: Metres to the goal from (x, y).
        spent: Cost so far.
        step: Metres.
        turn: Degrees.
        keys: Scratch, as in `query`.
        nodes: Scratch, as in `query`.
    """
    best, choice = np.inf, 0
    for turns in range(int(180.0 / turn) + 1):
        cost = spent + _ACTION_COST * (turns + 1)
        # No step comes nearer by more than its length.
        if (cost + step) / (before - here + step) >= best:
            break
        for signed in (-turns, turns):
            tried = turned(heading, signed * turn) if turns else heading
            new_x, new_y = slide(floors, goals.floor[agent], x, y, step * math.sin(tried), step * math.cos(tried))
            nearer = before - query(floors, goals, agent, new_x, new_y, keys, nodes)[0]
            total = (cost + math.hypot(new_x - x, new_y - y)) / nearer
            if nearer > _NEARER and total < best:
                best, choice = total, signed
            if turns == 0:
                break
    return best, choice


@kernel
def next_action(
    floors: FloorArrays,
    goals: Goals,
    agent: int,
    x: float,
    y: float,
    heading: float,
    radius: float,
    step: float,
    turn: float,
    keys: NDArray[np.float64],
    nodes: NDArray[np.int32],
) -> int:
    """Return the action that follows the shortest path to agent's goal, or -1 if there is none.

    Args:
        floors: All floors.
        goals: All goals.
        agent: Row of `goals`.
        x: Metres.
        y: Metres.
        heading: Radians.
        radius: Metres from the goal at which to stop.
        step: Metres.
        turn: Degrees.
        keys: Scratch, as in `query`.
        nodes: Scratch, as in `query`.
    """
    distance = query(floors, goals, agent, x, y, keys, nodes)[0]
    if distance < radius:
        return STOP
    if distance == np.inf:
        return _STUCK
    best, choice = _cheapest(floors, goals, agent, x, y, heading, distance, distance, 0.0, step, turn, keys, nodes)
    if best > _POOR:
        for turns in range(int(180.0 / turn) + 1):
            for signed in (-turns, turns):
                tried = turned(heading, signed * turn)
                new_x, new_y = slide(floors, goals.floor[agent], x, y, step * math.sin(tried), step * math.cos(tried))
                here = query(floors, goals, agent, new_x, new_y, keys, nodes)[0]
                spent = math.hypot(new_x - x, new_y - y) + _ACTION_COST * (turns + 1)
                cost, _ = _cheapest(
                    floors, goals, agent, new_x, new_y, tried, distance, here, spent, step, turn, keys, nodes
                )
                if cost < best:
                    best, choice = cost, signed
    if best == np.inf:
        return _STUCK
    return FORWARD if choice == 0 else LEFT if choice < 0 else RIGHT


@kernel
def _follow(
    floors: FloorArrays,
    goals: Goals,
    radii: NDArray[np.float64],
    step: float,
    turn: float,
    positions: NDArray[np.float64],
    headings: NDArray[np.float64],
    actions: NDArray[np.int64],
    collided: NDArray[np.bool_],
) -> int:
    """Go to each row of `goals` in turn, from the first rows of `positions` and `headings`.

    Returns:
        Number of actions, the last one STOP unless the agent is stuck or the arrays are full.
    """
    keys = np.empty(goals.points.shape[1] + goals.distance.shape[1])
    nodes = np.empty(len(keys), np.int32)
    target = 0
    x, y, heading = positions[0, 0], positions[0, 1], headings[0]
    for i in range(len(actions)):
        action = next_action(floors, goals, target, x, y, heading, radii[target], step, turn, keys, nodes)
        while action == STOP and target < len(radii) - 1:
            target += 1
            action = next_action(floors, goals, target, x, y, heading, radii[target], step, turn, keys, nodes)
        if action == _STUCK:
            return i
        actions[i] = action
        x, y, heading, collided[i] = act(floors, 0, x, y, heading, action, step, turn)
        positions[i + 1, 0], positions[i + 1, 1], headings[i + 1] = x, y, heading
        if action == STOP:
            return i + 1
    return len(actions)


# ------------------------------------------------------------------------------------------------ one agent
class Follower:
    """Leads an agent along shortest paths on one floor.

    Attributes:
        geodesic: Distances on the floor.
        goal_radius: Metres from the goal at which it stops.
        waypoint_radius: Metres from a waypoint at which it heads for the next one.
        step: Metres of a forward step.
        turn: Degrees of a turn.
    """

    def __init__(
        self,
        geodesic: Geodesic,
        *,
        goal_radius: float = GOAL_RADIUS,
        waypoint_radius: float = WAYPOINT_RADIUS,
        step: float = STEP,
        turn: float = TURN,
    ) -> None:
        check_stride(geodesic.floor.name, step, turn)
        self.geodesic = geodesic
        self.goal_radius, self.waypoint_radius = goal_radius, waypoint_radius
        self.step, self.turn = step, turn

    def next_action(self, position: ArrayLike, heading: float, goal: ArrayLike) -> int:
        """Return the action code to take at `position` (2 or 3,), metres, and `heading`, radians, towards `goal`."""
        floor = self.geodesic.floor
        here = floor.require(np.asarray(position, np.float64)[None])[0]
        goals = self.geodesic.goal(goal)
        keys = np.empty(goals.points.shape[1] + goals.distance.shape[1])
        nodes = np.empty(len(keys), np.int32)
        x, y = float(here[0]), float(here[1])
        action = next_action(floor.arrays, goals, 0, x, y, heading, self.goal_radius, self.step, self.turn, keys, nodes)
        if action == _STUCK:
            raise NavAgentError(self._lost(here, goal))
        return int(action)

    def walk(
        self, position: ArrayLike, heading: float, waypoints: ArrayLike, limit: int = MOST_STEPS
    ) -> tuple[NDArray[np.int64], Walk]:
        """Return the actions that lead past the waypoints to the last one, and what they do.

        Args:
            position: (2 or 3,) metres.
            heading: Radians.
            waypoints: (M, 2 or 3) metres, the goal last; a single goal is one row.
            limit: Most actions. A walk that is cut short does not end with STOP.
        """
        floor = self.geodesic.floor
        targets = floor.require(waypoints)
        if not len(targets):
            raise ValueError(f"{floor.name}: there is no waypoint to walk to.")
        goals = stack_goals([self.geodesic.goal(target) for target in targets])
        radii = np.full(len(targets), self.waypoint_radius)
        radii[-1] = self.goal_radius
        positions, headings = np.empty((limit + 1, 2)), np.empty(limit + 1)
        actions, collided = np.empty(limit, np.int64), np.zeros(limit, np.bool_)
        positions[0] = floor.require(np.asarray(position, np.float64)[None])[0]
        headings[0] = heading
        count = _follow(floor.arrays, goals, radii, self.step, self.turn, positions, headings, actions, collided)
        if count < limit and (count == 0 or actions[count - 1] != STOP):
            raise NavAgentError(self._lost(positions[count], targets[-1]))
        return actions[:count], Walk(positions[: count + 1], headings[: count + 1], collided[:count])

    def _lost(self, position: NDArray[np.float64], goal: ArrayLike) -> str:
        return (
            f"{self.geodesic.floor.name}: no action leads from position ({position[0]:.3f}, {position[1]:.3f}) towards "
            f"{np.asarray(goal).tolist()}."
        )
