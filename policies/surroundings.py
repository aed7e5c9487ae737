"""What an agent perceives, as lines of text that a language model reads.

One block per 45-degree sector, clockwise from the front, each with its angular range, what is seen, the objects and the
navigable viewpoints in it (NavGPT, Zhou et al. 2023):

    Front (left 22 to right 22): A hallway with a white door.
      Objects: mirror: left 12, 1.8 m; sink: right 3
      Navigable: 10c252c9...: left 7, 2.31 m, up 20

Angles are degrees relative to where the agent faces, distances metres. `OfflineChat` reads the same lines.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from navagent.geometry import sector, wrap
from navagent.types import Candidate, Description, Direction, Observation, SeenObject

NAMES = ("Front", "Front Right", "Right", "Rear Right", "Rear", "Rear Left", "Left", "Front Left")

STEEP = math.radians(10)
"""Elevations below this are level ground to a reader; 10 degrees is a stair seen from a few metres."""


def surroundings(observation: Observation, description: Description) -> str:
    """Return the description with the candidates sorted into its directions, clockwise from the front."""
    return "\n".join(_block(*sight) for sight in clockwise(observation, description))


def ways_on(observation: Observation, description: Description, passed: Collection[str]) -> str:
    """Return the directions that hold candidates only; of these, the ones in `passed` are said to be."""
    blocks = []
    for name, way, candidates in clockwise(observation, description):
        if candidates:
            again = [candidate.id for candidate in candidates if candidate.id in passed]
            blocks.append(_block(name, way, candidates) + (f"\n  Passed: {'; '.join(again)}" if again else ""))
    return "\n".join(blocks) or "No way leads on from here."


def clockwise(observation: Observation, description: Description) -> list[tuple[int, Direction, list[Candidate]]]:
    """Return the directions clockwise from the front, each with its index in `NAMES` and its candidates."""
    # Sectors keep the world's boundaries, so the one that holds the front may be centred up to half a sector off.
    directions = sorted(description.directions, key=lambda way: sector(way.heading, len(NAMES)))
    moves: dict[int, list[Candidate]] = {i: [] for i in range(len(directions))}
    for candidate in observation.candidates or ():
        moves[directions.index(towards(candidate, directions))].append(candidate)
    return [(sector(way.heading, len(NAMES)), way, moves[i]) for i, way in enumerate(directions)]


def towards(candidate: Candidate, directions: Sequence[Direction]) -> Direction:
    """Return the direction that a candidate lies in."""
    return min(directions, key=lambda way: abs(wrap(candidate.heading - way.heading)))


def _block(name: int, way: Direction, candidates: list[Candidate]) -> str:
    span = f"{side(way.heading - way.width / 2)} to {side(way.heading + way.width / 2)}"
    lines = [f"{NAMES[name]} ({span}): {way.text or 'nothing described'}"]
    if way.objects:
        lines.append("  Objects: " + "; ".join(_object(seen) for seen in way.objects))
    if candidates:
        lines.append("  Navigable: " + "; ".join(_candidate(candidate) for candidate in candidates))
    return "\n".join(lines)


def _object(seen: SeenObject) -> str:
    away = "" if seen.distance is None else f", {seen.distance:.1f} m"
    return f"{seen.name}: {side(seen.heading)}{away}"


def _candidate(candidate: Candidate) -> str:
    slope = ""
    if abs(candidate.elevation) >= STEEP:
        slope = f", {'up' if candidate.elevation > 0 else 'down'} {abs(math.degrees(candidate.elevation)):.0f}"
    return f"{candidate.id}: {side(candidate.heading)}, {candidate.distance:.2f} m{slope}"


def side(heading: float) -> str:
    """Return a relative heading (radians) as "left 30", "right 5" or "ahead", in degrees."""
    degrees = round(math.degrees(wrap(heading)))
    if degrees == 0:
        return "ahead"
    return f"{'left' if degrees < 0 else 'right'} {abs(degrees)}"
