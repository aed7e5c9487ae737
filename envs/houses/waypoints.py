"""Houses as a vector environment of waypoint actions: look all around, choose a direction, go 1.5 m."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.houses.geodesic import query
from envs.houses.jit import kernel
from envs.houses.lockstep import Agents, Floats, Outcome, Stage, Terms, act_once, begin, scratch, settle
from envs.houses.motion import FORWARD, LEFT, RIGHT, STEP, STOP, TURN, act, turned
from envs.houses.vector import HouseVectorEnv
from envs.recording import Walks
from navagent.types import Pose
from navagent.waypoint_actions import HEADINGS, HFOV, STEPS, VIEWS
from navagent.waypoint_actions import turns as plain_turns

LONGEST_MOVE = HEADINGS // 2 + STEPS
"""Primitive actions that a waypoint action is made of, at most."""

_TURN_COST = 1e-3
"""Metres that a turn is worth to the oracle: it decides between ways that are as good."""

turns = kernel(plain_turns)


class HouseWaypointVectorEnv(HouseVectorEnv):
    """Agents in houses that decide by `navagent.waypoint_actions`.

    Everything else is `HouseVectorEnv`'s: rules, rewards and metrics are of the primitive actions that a waypoint
    action is made of, which count towards `max_steps`; a step's reward is their sum. Pictures show all around by
    default.

    The oracle chooses the waypoint action that ends nearest to the goal (geodesic), and STOPs within `oracle_radius`.

    Args:
        task: As of `HouseVectorEnv`, and so are all others.
        num_envs: Agents.
        views: Pictures side by side.
        hfov: Horizontal angle of view of each, radians.
        oracle_radius: Metres from the goal within which the oracle says STOP; by default what a waypoint action walks.
        **options: Others.

    Raises:
        ConfigError: An option is out of its range.
    """

    _action_count = 1 + HEADINGS

    def __init__(
        self,
        task: str,
        num_envs: int = 1,
        views: int = VIEWS,
        hfov: float = HFOV,
        oracle_radius: float = STEP * STEPS,
        **options: Any,
    ) -> None:
        super().__init__(task, num_envs, views=views, hfov=hfov, oracle_radius=oracle_radius, **options)
        self._trail = np.zeros((num_envs, LONGEST_MOVE, 4))
        self._lengths = np.zeros(num_envs, np.int64)

    def oracle_actions(self) -> NDArray[np.int64]:
        """Return the waypoint action of each agent that brings it nearest to its goal, (num_envs,), -1 when over."""
        costs = self.oracle_costs()
        return np.where(np.isinf(costs).all(axis=1), -1, costs.argmin(axis=1))

    def oracle_costs(self) -> NDArray[np.float64]:
        """Return how many metres from its goal each agent would be after each waypoint action, (num_envs, actions).

        A turn counts as a millimetre. STOP costs nothing within `oracle_radius`, where all else is infinite, and is
        infinite elsewhere. All are where the episode is over.
        """
        costs = np.empty((self.num_envs, 1 + HEADINGS))
        weigh(self._pool.stage, self._agents, self._oracle_radius, costs)
        return costs

    def _advance(self, actions: NDArray[np.int64]) -> None:
        stage, agents, actions, terms, seed, shuffle, outcome = self._stepping(actions)
        move(stage, agents, actions, terms, seed, shuffle, outcome, self._trail, self._lengths)

    def _note(self, walks: Walks, agent: int) -> None:
        for x, y, heading, distance in self._trail[agent, : self._lengths[agent]].tolist():
            walks.add(agent, Pose((x, y, 0.0), heading), distance)


# ------------------------------------------------------------------------------------------------- kernels
@kernel
def move(
    stage: Stage,
    agents: Agents,
    actions: NDArray[np.int64],
    terms: Terms,
    seed: int,
    shuffle: bool,
    outcome: Outcome,
    trail: Floats,
    lengths: NDArray[np.int64],
) -> None:
    """Let every agent do one waypoint action (`navagent.waypoint_actions`), as `step` does primitive ones.

    Args:
        stage: The houses.
        agents: Changed.
        actions: (N,) 0 to `HEADINGS`.
        terms: Rules and rewards.
        seed: Of the episodes' order.
        shuffle: As in `step`.
        outcome: Written.
        trail: (N, `LONGEST_MOVE`, 4) written: x and y in metres, heading, and metres to the goal after every action
            other than STOP, or where the episode begins.
        lengths: (N,) written, rows of `trail`.
    """
    keys, nodes = scratch(stage)
    for i in range(len(actions)):
        settle(agents, i, outcome)
        lengths[i] = 0
        if agents.over[i]:
            begin(stage, agents, i, seed, shuffle)
            _note(agents, i, trail, lengths)
            continue
        if actions[i] == STOP:
            act_once(stage, agents, i, STOP, terms, outcome, keys, nodes)
            continue
        turning = turns(actions[i])
        for count in range(abs(turning) + STEPS):
            primitive = FORWARD if count >= abs(turning) else RIGHT if turning > 0 else LEFT
            act_once(stage, agents, i, primitive, terms, outcome, keys, nodes)
            _note(agents, i, trail, lengths)
            if agents.over[i]:
                break


@kernel
def _note(agents: Agents, agent: int, trail: Floats, lengths: NDArray[np.int64]) -> None:
    """Write where an agent is."""
    row = trail[agent, lengths[agent]]
    row[0], row[1] = agents.position[agent, 0], agents.position[agent, 1]
    row[2], row[3] = agents.heading[agent], agents.distance[agent]
    lengths[agent] += 1


@kernel
def weigh(stage: Stage, agents: Agents, radius: float, costs: Floats) -> None:
    """Write how far from its goal each agent is after each waypoint action.

    Args:
        stage: The houses.
        agents: The agents.
        radius: Metres from the goal within which STOP is right, and nothing else.
        costs: (N, 1 + `HEADINGS`) metres, written; infinite for what is wrong and where the episode is over.
    """
    keys, nodes = scratch(stage)
    costs[:] = np.inf
    for agent in range(len(costs)):
        if agents.over[agent]:
            continue
        if agents.distance[agent] < radius:
            costs[agent, STOP] = 0.0
            continue
        house = agents.house[agent]
        goal = stage.goal[stage.first[house] + agents.episode[agent]]
        for action in range(1, HEADINGS + 1):
            turning = turns(action)
            x, y = agents.position[agent, 0], agents.position[agent, 1]
            heading = turned(agents.heading[agent], turning * TURN)
            for _ in range(STEPS):
                x, y, heading, _ = act(stage.floors, house, x, y, heading, FORWARD, STEP, TURN)
            left = query(stage.floors, stage.goals, goal, x, y, keys, nodes)[0]
            costs[agent, action] = left + _TURN_COST * abs(turning)
