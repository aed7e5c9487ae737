"""Many agents in several houses act at once: motion, distance, reward, the end of an episode and the next one.

All state is in arrays, so that one compiled call advances every agent and a checkpoint is a copy of the arrays.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.houses.floor import FloorArrays
from envs.houses.follower import next_action
from envs.houses.geodesic import Goals, query
from envs.houses.jit import kernel
from envs.houses.motion import STEP, STOP, TURN, act

METRICS = ("success", "spl", "oracle_success", "distance_to_goal", "path_length")
"""What an episode's end tells: the columns of `Outcome.metrics`; the last two in metres."""

Floats = NDArray[np.float64]


class Stage(NamedTuple):
    """The houses that agents are in, with their episodes; those of house h are `first[h]:first[h + 1]`.

    Attributes:
        floors: Floor index h is house h.
        goals: The goals of all houses.
        first: (H + 1,) int64.
        start: (E, 2) metres.
        heading: (E,) radians.
        goal: (E,) int64, row of `goals`.
        shortest: (E,) metres from start to goal.
        open: (H,) bool, whether new episodes may begin in the house.
    """

    floors: FloorArrays
    goals: Goals
    first: NDArray[np.int64]
    start: Floats
    heading: Floats
    goal: NDArray[np.int64]
    shortest: Floats
    open: NDArray[np.bool_]


class Agents(NamedTuple):
    """The state of N agents.

    Attributes:
        house: (N,) int64.
        episode: (N,) int64, counted from the house's first.
        position: (N, 2) metres.
        heading: (N,) radians.
        steps: (N,) int64, actions in the episode.
        distance: (N,) metres to the goal.
        nearest: (N,) metres, the least `distance` so far.
        walked: (N,) metres.
        collided: (N,) bool, whether the last action did.
        over: (N,) bool, whether the episode has ended: the next step begins another.
        begun: (N,) int64, episodes begun, which with the seed decides what the next one is.
    """

    house: NDArray[np.int64]
    episode: NDArray[np.int64]
    position: Floats
    heading: Floats
    steps: NDArray[np.int64]
    distance: Floats
    nearest: Floats
    walked: Floats
    collided: NDArray[np.bool_]
    over: NDArray[np.bool_]
    begun: NDArray[np.int64]


class Terms(NamedTuple):
    """The rules of an episode and what its steps are worth.

    Attributes:
        success_distance: Metres from the goal within which STOP succeeds.
        max_steps: Actions after which an episode is cut.
        success_reward: For a success.
        spl_reward: For a success, times its SPL.
        distance_reward: Per metre that a step comes nearer to the goal.
        slack_reward: For every step.
        collision_reward: For a step that collides.
    """

    success_distance: float
    max_steps: int
    success_reward: float
    spl_reward: float
    distance_reward: float
    slack_reward: float
    collision_reward: float


class Outcome(NamedTuple):
    """What a step brought.

    Attributes:
        reward: (N,) float64.
        terminated: (N,) bool, STOP was called.
        truncated: (N,) bool, the actions are used up.
        metrics: (N, `METRICS`) float64, of episodes that end with this step.
    """

    reward: Floats
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    metrics: Floats


def new_agents(count: int) -> Agents:
    """Return agents whose first step begins their first episode."""
    whole, real = np.zeros((4, count), np.int64), np.zeros((4, count))
    return Agents(
        house=whole[0],
        episode=whole[1],
        position=np.zeros((count, 2)),
        heading=real[0],
        steps=whole[2],
        distance=real[1],
        nearest=real[2],
        walked=real[3],
        collided=np.zeros(count, np.bool_),
        over=np.ones(count, np.bool_),
        begun=whole[3],
    )


def new_outcome(count: int) -> Outcome:
    """Return arrays for `step`."""
    ends = np.zeros((2, count), np.bool_)
    return Outcome(np.zeros(count), ends[0], ends[1], np.zeros((count, len(METRICS))))


# ------------------------------------------------------------------------------------------------- kernels
@kernel
def _draw(seed: int, agent: int, count: int, salt: int, sides: int) -> int:
    """Return a number from 0 to sides - 1 that depends on nothing but the arguments (SplitMix64)."""
    state = np.uint64(0)
    for part in (seed, agent, count, salt):  # the seed mixed like the rest: else neighbouring seeds share streams
        state = (state ^ np.uint64(part)) + np.uint64(0x9E3779B97F4A7C15)
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        state = state ^ (state >> np.uint64(31))
    drawn: int = np.int64(state % np.uint64(sides))  # numba's int() would stay unsigned
    return drawn


@kernel
def _choose(stage: Stage, agents: Agents, agent: int, seed: int, shuffle: bool) -> tuple[int, int]:
    """Return house and episode that an agent begins."""
    count = agents.begun[agent]
    if not shuffle:
        flat = (agent + count * len(agents.house)) % stage.first[-1]
        house = int(np.searchsorted(stage.first, flat, side="right")) - 1
        return house, int(flat - stage.first[house])
    chosen = _draw(seed, agent, count, 0, stage.open.sum())
    house = 0
    while chosen or not stage.open[house]:
        chosen -= stage.open[house]
        house += 1
    return house, _draw(seed, agent, count, 1, stage.first[house + 1] - stage.first[house])


@kernel
def begin(stage: Stage, agents: Agents, agent: int, seed: int, shuffle: bool) -> None:
    """Put an agent where its next episode begins."""
    house, episode = _choose(stage, agents, agent, seed, shuffle)
    row = stage.first[house] + episode
    agents.house[agent], agents.episode[agent] = house, episode
    agents.position[agent, 0], agents.position[agent, 1] = stage.start[row, 0], stage.start[row, 1]
    agents.heading[agent] = stage.heading[row]
    agents.distance[agent] = agents.nearest[agent] = stage.shortest[row]
    agents.steps[agent], agents.walked[agent], agents.collided[agent], agents.over[agent] = 0, 0.0, False, False
    agents.begun[agent] += 1


@kernel
def _move(stage: Stage, agents: Agents, agent: int, action: int, keys: Floats, nodes: NDArray[np.int32]) -> None:
    """Let an agent act, STOP included, and measure its distance."""
    house, x, y = agents.house[agent], agents.position[agent, 0], agents.position[agent, 1]
    new_x, new_y, heading, collided = act(stage.floors, house, x, y, agents.heading[agent], action, STEP, TURN)
    agents.steps[agent] += 1
    agents.heading[agent], agents.collided[agent] = heading, collided
    if new_x != x or new_y != y:
        agents.position[agent, 0], agents.position[agent, 1] = new_x, new_y
        agents.walked[agent] += math.hypot(new_x - x, new_y - y)
        goal = stage.goal[stage.first[house] + agents.episode[agent]]
        agents.distance[agent] = query(stage.floors, stage.goals, goal, new_x, new_y, keys, nodes)[0]
        agents.nearest[agent] = min(agents.nearest[agent], agents.distance[agent])


@kernel
def scratch(stage: Stage) -> tuple[Floats, NDArray[np.int32]]:
    """Return what `query` needs."""
    keys = np.empty(stage.goals.points.shape[1] + stage.goals.distance.shape[1])
    return keys, np.empty(len(keys), np.int32)


@kernel
def settle(agents: Agents, agent: int, outcome: Outcome) -> None:
    """Forget what an agent's last step brought."""
    outcome.reward[agent] = 0.0
    outcome.terminated[agent] = outcome.truncated[agent] = False


@kernel
def act_once(
    stage: Stage,
    agents: Agents,
    agent: int,
    action: int,
    terms: Terms,
    outcome: Outcome,
    keys: Floats,
    nodes: NDArray[np.int32],
) -> None:
    """Let an agent whose episode runs do one primitive action, and add what it is worth to its reward."""
    before = agents.distance[agent]
    _move(stage, agents, agent, action, keys, nodes)
    stopped = action == STOP
    outcome.terminated[agent] = stopped
    outcome.truncated[agent] = not stopped and agents.steps[agent] >= terms.max_steps
    agents.over[agent] = stopped or outcome.truncated[agent]
    reward = terms.slack_reward + terms.distance_reward * (before - agents.distance[agent])
    if agents.collided[agent]:
        reward += terms.collision_reward
    if agents.over[agent]:
        shortest = stage.shortest[stage.first[agents.house[agent]] + agents.episode[agent]]
        success = 1.0 if stopped and agents.distance[agent] < terms.success_distance else 0.0
        spl = success * shortest / max(shortest, agents.walked[agent])
        reward += terms.success_reward * success + terms.spl_reward * spl
        metrics = outcome.metrics[agent]
        metrics[0], metrics[1] = success, spl
        metrics[2] = 1.0 if agents.nearest[agent] < terms.success_distance else 0.0
        metrics[3], metrics[4] = agents.distance[agent], agents.walked[agent]
    outcome.reward[agent] += reward


@kernel
def step(
    stage: Stage,
    agents: Agents,
    actions: NDArray[np.int64],
    terms: Terms,
    seed: int,
    shuffle: bool,
    outcome: Outcome,
) -> None:
    """Let every agent act once; one whose episode is over begins its next one instead, for no reward.

    Args:
        stage: The houses.
        agents: Changed.
        actions: (N,) action codes.
        terms: Rules and rewards.
        seed: Of the episodes' order.
        shuffle: Draw episodes at random; else agent i plays episodes i, i + N, i + 2 N ... of all houses, again and
            again.
        outcome: Written.
    """
    keys, nodes = scratch(stage)
    for i in range(len(actions)):
        settle(agents, i, outcome)
        if agents.over[i]:
            begin(stage, agents, i, seed, shuffle)
        else:
            act_once(stage, agents, i, actions[i], terms, outcome, keys, nodes)


@kernel
def sense(
    stage: Stage, agents: Agents, gps: NDArray[np.float32], compass: NDArray[np.float32], goal: NDArray[np.float32]
) -> None:
    """Write what habitat-lab's pose sensors give to all agents.

    Args:
        stage: The houses.
        agents: The agents.
        gps: (N, 2) written, as by `sense_one`.
        compass: (N, 1) written.
        goal: (N, 2) written.
    """
    for i in range(len(gps)):
        row = stage.first[agents.house[i]] + agents.episode[i]
        point = stage.goals.points[stage.goal[row], 0]
        start, position = stage.start[row], agents.position[i]
        sense_one(start, stage.heading[row], position, agents.heading[i], point, gps[i], compass[i], goal[i])


@kernel
def sense_one(
    start: Floats,
    start_heading: float,
    position: Floats,
    heading: float,
    point: Floats,
    gps: NDArray[np.float32],
    compass: NDArray[np.float32],
    goal: NDArray[np.float32],
) -> None:
    """Write what habitat-lab's pose sensors give, angles positive to the left.

    Args:
        start: (2,) metres.
        start_heading: Radians.
        position: (2,) metres.
        heading: Radians.
        point: (2,) metres, the goal.
        gps: (2,) written: metres ahead and to the right of the start, in the frame of the first pose.
        compass: (1,) written: radians turned since the start, in [-pi, pi).
        goal: (2,) written: metres to the goal as the crow flies, and radians from straight ahead, in [-pi, pi).
    """
    x, y = position[0] - start[0], position[1] - start[1]
    sine, cosine = math.sin(start_heading), math.cos(start_heading)
    gps[0], gps[1] = x * sine + y * cosine, x * cosine - y * sine
    compass[0] = _wrapped(start_heading - heading)
    x, y = point[0] - position[0], point[1] - position[1]
    goal[0] = math.sqrt(x * x + y * y)
    goal[1] = _wrapped(heading - math.atan2(x, y))


@kernel
def _wrapped(angle: float) -> float:
    """Return an angle in [-pi, pi)."""
    return (angle + math.pi) % (2 * math.pi) - math.pi


@kernel
def advise(stage: Stage, agents: Agents, radius: float, actions: NDArray[np.int64]) -> None:
    """Write what the oracle follower would do in every agent's place, -1 where an episode is over or nothing helps.

    Args:
        stage: The houses.
        agents: The agents.
        radius: Metres from the goal within which it stops.
        actions: (N,), written.
    """
    keys, nodes = scratch(stage)
    for agent in range(len(actions)):
        actions[agent] = -1
        if not agents.over[agent]:
            goal = stage.goal[stage.first[agents.house[agent]] + agents.episode[agent]]
            x, y = agents.position[agent, 0], agents.position[agent, 1]
            actions[agent] = next_action(
                stage.floors, stage.goals, goal, x, y, agents.heading[agent], radius, STEP, TURN, keys, nodes
            )
