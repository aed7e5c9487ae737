"""Candidates for any continuous environment: places to walk to, found in depth pictures all around the agent.

`Waypoints` makes an environment of primitive actions look like a nav-graph, so that planners run on it. Rules,
trajectory and metrics stay the inner environment's: every turn and every step that a `MoveTo` is made of counts towards
its limit and its path. VLN-CE's waypoint agents do the same with a learned predictor (Krantz et al. 2021, arXiv
2110.02207; Hong et al. 2022, arXiv 2203.02764).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from envs.continuous import ContinuousEnv
from envs.free_space import FARTHEST, propose, survey
from navagent.contracts import Env
from navagent.errors import ConfigError, listing
from navagent.geometry import direction, wrap
from navagent.types import (
    Action,
    Candidate,
    Episode,
    Forward,
    MoveTo,
    Observation,
    Position,
    Stop,
    Trajectory,
    TurnLeft,
    TurnRight,
    View,
)

STEP, TURN = 0.25, math.radians(15)
"""Metres of a forward step and radians of a turn (R2R-CE)."""

ARRIVED = 0.13
"""Metres from the target at which the agent has arrived: just over half a step, nearer no step leads."""

SAME_PLACE = 0.5
"""Metres: a proposal so near to an earlier one is the same place and keeps its id (ETPNav, An et al. 2023, arXiv
2304.03047, localises waypoints in its map with 0.5 m)."""

NEAR_GOAL = 1.5
"""Metres from the goal, half of R2R-CE's success distance, at which the oracle is content."""

_STUCK = 0.05
"""Metres: a step that brings the agent less nearer than this ends the move; it slides along something."""


@dataclass(frozen=True)
class _Proposal:
    """A candidate and where it lies."""

    candidate: Candidate
    position: Position


class Waypoints(Env):
    """Wraps a continuous environment: observations hold candidates, and `MoveTo` walks there by primitive actions.

    Candidates come from free space in depth pictures (`envs.free_space`). An environment that gives `panorama` is asked
    for it, which takes no action. Otherwise the agent looks around by turning on the spot before every decision, with
    R2R-CE's 90 degrees 18 turns that count like all others (and leave it facing 270 degrees to the right).

    A `MoveTo` turns to the target and steps forward, turning again whenever the target is more than half a turn off.
    It ends at the target, or where a step no longer brings the agent nearer; `collided` says whether it touched
    anything on the way. A place keeps its id for the episode. `Observation.step` counts decisions, the trajectory
    primitive actions.

    The oracle goes to a candidate from which the goal is nearer, by the shortest way through it, else to one where it
    has not been; near the goal it stops where none leads nearer. It looks one move ahead, so it is what candidates
    allow a good policy, not the shortest path.

    Args:
        env: The environment; it must give `pose`, and `panorama` or `depth`.
        separation_degrees: Least angle between two candidates.
        camera_height: Metres above the agent's feet (R2R-CE's by default, as the next two).
        agent_height: Metres; what is higher does not block.
        agent_radius: Metres.
    """

    _seen: Observation

    def __init__(
        self,
        env: Env,
        separation_degrees: float = 30.0,
        camera_height: float = 1.25,
        agent_height: float = 1.5,
        agent_radius: float = 0.1,
    ) -> None:
        if "pose" not in env.gives or not env.gives & {"panorama", "depth"} or "candidates" in env.gives:
            raise ConfigError(
                "Waypoints needs a continuous environment that gives pose, and panorama or depth; "
                f"{type(env).__name__} gives {', '.join(sorted(env.gives)) or 'nothing optional'}."
            )
        if not 3 <= separation_degrees <= 180:
            raise ConfigError(f"separation_degrees must be from 3 to 180, not {separation_degrees}.")
        if not (0 < camera_height <= agent_height and 0 < agent_radius < FARTHEST):
            raise ConfigError(
                "camera_height must be above 0 and at most agent_height, and agent_radius above 0 and below "
                f"{FARTHEST} m, not {camera_height}, {agent_height} and {agent_radius}."
            )
        self._env = env
        self._separation = math.radians(separation_degrees)
        self._camera_height, self._height, self._radius = camera_height, agent_height, agent_radius
        self.episodes, self.rules, self.fingerprints = env.episodes, env.rules, env.fingerprints
        self.gives = env.gives | {"candidates", "panorama"}
        if not isinstance(env, ContinuousEnv):
            self.gives -= {"oracle_action"}

    def reset(self, episode: Episode) -> Observation:
        """Put the agent where the episode begins, and look around."""
        self._moves = 0
        self._visited: set[str] = set()
        self._known: list[tuple[str, Position]] = []
        return self._look(self._env.reset(episode), collided=False)

    def step(self, action: Action) -> Observation:
        """Walk to a candidate, or stop.

        Raises:
            ValueError: The action is no move to a candidate and no stop, or the episode is over.
        """
        if isinstance(action, Stop) or self._seen.done:
            stopped = self._env.step(Stop())  # raises if the episode is over
            self._seen = replace(stopped, step=self._moves + 1, candidates=())
            return self._seen
        chosen = next(
            (p for p in self._proposals if isinstance(action, MoveTo) and p.candidate.id == action.candidate_id), None
        )
        if chosen is None:
            legal = listing((p.candidate.id for p in self._proposals), most=99) if self._proposals else "none"
            raise ValueError(f"{action} is illegal here: Stop, or MoveTo one of {legal}")
        self._moves += 1
        self._visited.add(chosen.candidate.id)
        return self._look(*self._walk(chosen.position))

    def trajectory(self) -> Trajectory:
        """Return the inner environment's trajectory: one pose per primitive action."""
        return self._env.trajectory()

    def panorama(self, sensors: Sequence[str] = ("rgb", "depth")) -> tuple[View, ...]:
        """Return the inner environment's panorama, or the pictures taken while turning on the spot."""
        return self._env.panorama(sensors) if "panorama" in self._env.gives else self._views

    def oracle_action(self) -> Action:
        """Return the move after which the goal is nearest, or Stop where no candidate leads nearer.

        Raises:
            ValueError: The split has no goals.
        """
        assert isinstance(self._env, ContinuousEnv), "oracle_action is not among what this environment gives"
        assert self._seen.pose is not None
        here = self._env.distance_to_goal(self._seen.pose.position)
        ways = {p.candidate: self._env.distance_to_goal(p.position) for p in self._proposals}
        open_ways = [c for c, left in ways.items() if left < here - ARRIVED]
        if not open_ways and here > NEAR_GOAL:
            open_ways = [c for c in ways if c.id not in self._visited]
        if not open_ways:
            return Stop()
        return MoveTo(min(open_ways, key=lambda c: c.distance + ways[c]).id)

    def close(self) -> None:
        """Free what the inner environment holds."""
        self._env.close()

    # ------------------------------------------------------------------------------------------- walking
    def _walk(self, target: Position) -> tuple[Observation, bool]:
        """Go to a place; return the last observation and whether anything was touched."""
        seen, collided, turned = self._seen, False, 0.0
        bearing, distance = _towards(seen, target)
        while distance > ARRIVED and not seen.done:
            # Never to and fro: an agent that turns by more than R2R-CE's 15 degrees may find no heading near enough.
            if abs(bearing) > TURN / 2 + 1e-9 and turned * bearing >= 0:
                turned = bearing
                seen = self._env.step(TurnRight() if bearing > 0 else TurnLeft())
                bearing, distance = _towards(seen, target)
                continue
            before, turned = distance, 0.0
            seen = self._env.step(Forward())
            collided = collided or seen.collided
            bearing, distance = _towards(seen, target)
            if before - distance < _STUCK or (distance <= STEP and abs(bearing) > math.pi / 4):
                break  # stuck, or past the target by less than a step: turning back gains nothing
        return seen, collided

    # ------------------------------------------------------------------------------------------- looking
    def _look(self, seen: Observation, collided: bool) -> Observation:
        """Return what the agent decides on: the inner observation with candidates."""
        if not seen.done:
            if "panorama" in self._env.gives:
                self._views = seen.panorama or self._env.panorama(("depth",))
            else:
                seen, self._views = self._turn_around(seen)
        self._proposals = () if seen.done else self._propose(seen)
        candidates = tuple(proposal.candidate for proposal in self._proposals)
        self._seen = replace(seen, step=self._moves, candidates=candidates, collided=collided)
        return self._seen

    def _turn_around(self, seen: Observation) -> tuple[Observation, tuple[View, ...]]:
        """Turn right until the pictures cover the circle; return the last observation and the pictures."""
        if seen.hfov is None or seen.hfov < TURN:
            raise ConfigError(
                f"{type(self._env).__name__} must say the angle of view of its depth pictures (Observation.hfov), at "
                f"least {math.degrees(TURN):.0f} degrees."
            )
        turns = int(seen.hfov / TURN + 1e-6)
        taken = [seen]
        for _ in range(math.ceil(2 * math.pi / (turns * TURN) - 1e-6) - 1):
            for _ in range(turns):
                seen = self._env.step(TurnRight())
                if seen.done:
                    return seen, ()
            taken.append(seen)
        return seen, tuple(_view(picture, seen) for picture in taken)

    def _propose(self, seen: Observation) -> tuple[_Proposal, ...]:
        around = survey(self._views, self._camera_height, self._height, FARTHEST + STEP + 2 * self._radius)
        assert seen.pose is not None
        x, y, z = seen.pose.position
        here = next((name for name, at in self._known if math.dist(at, seen.pose.position) <= ARRIVED), None)
        taken = {here}
        proposals = []
        for heading, distance in propose(around, self._radius, self._separation):
            absolute = seen.pose.heading + heading
            position = (x + distance * math.sin(absolute), y + distance * math.cos(absolute), z)
            name = self._name(position, taken)
            taken.add(name)
            proposals.append(_Proposal(Candidate(name, heading, 0.0, distance), position))
        return tuple(proposals)

    def _name(self, position: Position, taken: set[str | None]) -> str:
        """Return the id of the nearest known place within `SAME_PLACE` that is not taken, or a new one."""
        near = [(math.dist(at, position), name) for name, at in self._known if name not in taken]
        off, name = min(near, default=(math.inf, ""))
        if off > SAME_PLACE:
            name = f"p{len(self._known) + 1}"
            self._known.append((name, position))
        return name


def _towards(seen: Observation, target: Position) -> tuple[float, float]:
    """Return relative heading (radians) and horizontal distance (metres) of a place."""
    assert seen.pose is not None
    x, y, _ = seen.pose.position
    heading, _, distance = direction((x, y, 0.0), (target[0], target[1], 0.0))
    return wrap(heading - seen.pose.heading), distance


def _view(picture: Observation, now: Observation) -> View:
    """Return a picture taken before the agent turned on, as seen from how it faces now."""
    assert picture.pose is not None
    assert now.pose is not None
    heading = wrap(picture.pose.heading - now.pose.heading)
    index = 12 + round(heading / math.radians(30)) % 12
    return View(index, heading, picture.pose.elevation, picture.rgb, picture.depth, picture.hfov)
