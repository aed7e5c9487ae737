"""Which option the offline rules find best, and why."""

from __future__ import annotations

import math
from collections.abc import Mapping

from navagent.llm.offline.scene import FEWEST_MOVES, Clause, Place, Scene
from navagent.llm.offline.words import weight

STOP = "stop"

# All numbers come from R2R train. Weights: a conditional logit over the options at 12,000 states on shortest paths and
# 13,000 off them (2,000 episodes), rounded; then one coordinate search on the sum of SR and SPL of 1,500 episodes.
# Three terms whose loss cost nothing on 1,500 others were dropped. The constants below had the best likelihood among a
# few values each; MOVES and MOVES_PER_WORD are the least squares line of a path's moves over its instruction's words.
WEIGHTS: Mapping[str, float] = {
    "due": 0.8,  # words that the direction shares with the clauses that are due
    "anywhere": 0.7,  # words shared with the whole instruction
    "done": -0.3,  # words shared with clauses that should be behind the agent
    "beside": 0.55,  # as "due", for the next nearest direction: sectors cut rooms apart
    "turn": 2.7,  # the way agrees with "turn left", "turn right"
    "side": 1.1,  # it agrees with "on your left"
    "around": 1.3,  # it agrees with "turn around"
    "climb": 3.9,  # it goes up or down as the stairs of the instruction do, per 30 degrees
    "detour": -1.2,  # it is steep, but no stairs are due
    "ahead": 0.8,  # cosine of its angle, after the first move
    "visited": -5.7,  # it was visited
    "stop": 1.7,  # for stopping, always
    "late": 1.4,  # moves made beyond those expected
    "early": -4.5,  # fewer moves made than nearly all paths have
    "arrived": 0.65,  # the last clause's words in what is around
    "touched": 1.1,  # the last clause's words in objects within reach
}
FIRST_TRUST = 0.4
"""Turn words count less at the start, where the heading is arbitrary."""
PACE, HEAD_START, SPREAD, SPREAD_PER_MOVE, DONE = 0.9, 0.3, 0.12, 0.06, 0.8
"""Where in the instruction the agent is after so many moves, how sure that is, and which share is surely done."""


def _due(scene: Scene) -> tuple[float, ...]:
    """Return each clause's share of attention: a bell over the instruction that moves on and widens with each move."""
    progress = min(1.0, PACE * (scene.moves + HEAD_START) / scene.expected)
    spread = SPREAD + SPREAD_PER_MOVE * scene.moves
    raw = [math.exp(-0.5 * ((clause.position - progress) / spread) ** 2) for clause in scene.clauses]
    return tuple(value / (sum(raw) or 1.0) for value in raw)


def clauses_behind(scene: Scene) -> tuple[Clause, ...]:
    """Return the clauses that should be behind the agent after so many moves."""
    return tuple(clause for clause in scene.clauses if clause.position < DONE * scene.moves / scene.expected)


def _move_features(scene: Scene, place: Place, due: tuple[float, ...]) -> dict[str, float]:
    told = tuple(zip(due, scene.clauses, strict=True))
    anywhere = frozenset[str]().union(*(clause.words for clause in scene.clauses))
    done = frozenset[str]().union(*(clause.words for clause in clauses_behind(scene)))
    sine, cosine = math.sin(math.radians(place.angle)), math.cos(math.radians(place.angle))
    trust = FIRST_TRUST if scene.moves == 0 else 1.0
    slope = sum(p * clause.slope for p, clause in told)
    return {
        "due": sum(p * weight(clause.words & place.words) for p, clause in told),
        "anywhere": weight(anywhere & place.words),
        "done": weight(done & place.words),
        "beside": sum(p * weight(clause.words & place.beside) for p, clause in told),
        "turn": trust * sine * sum(p * clause.turn for p, clause in told),
        "side": trust * sine * sum(p * clause.side for p, clause in told),
        "around": -cosine * sum(p * clause.around for p, clause in told),
        "climb": slope * place.slope / 30,
        "detour": abs(place.slope / 30) * (slope == 0),
        "ahead": cosine * (scene.moves > 0),
        "visited": float(place.visited),
    }


def _stop_features(scene: Scene) -> dict[str, float]:
    return {
        "stop": 1.0,
        "late": scene.moves - scene.expected,
        "early": float(scene.moves < FEWEST_MOVES),
        "arrived": weight(scene.end & scene.near),
        "touched": weight(scene.end & scene.touched),
    }


def choose(scene: Scene) -> tuple[tuple[str, ...], str]:
    """Return the options, best first, and the reason for the first."""
    if not scene.places:
        return (STOP,), "Fixed rules: no navigable place is listed, so stop."
    due = _due(scene)
    features = {place.id: _move_features(scene, place, due) for place in scene.places}
    features[STOP] = _stop_features(scene)
    scores = {option: sum(WEIGHTS[name] * value for name, value in found.items()) for option, found in features.items()}
    ranking = _with_places_elsewhere(scene, sorted(scores, key=lambda option: -scores[option]), due)
    return ranking, _reason(scene, ranking[0], due)


def _with_places_elsewhere(scene: Scene, ranking: list[str], due: tuple[float, ...]) -> tuple[str, ...]:
    """Put a map's places elsewhere before the first visited place: going back is for what is new there (not fitted)."""
    told = tuple(zip(due, scene.clauses, strict=True))
    scores = {
        name: sum(WEIGHTS["due"] * p * weight(clause.words & words) for p, clause in told) for name, words in scene.far
    }
    visited = {place.id for place in scene.places if place.visited}
    first = next((i for i, option in enumerate(ranking) if option in visited), len(ranking))
    far = sorted(scores, key=lambda name: -scores[name])
    return (*ranking[:first], *far, *ranking[first:])


def _reason(scene: Scene, best: str, due: tuple[float, ...]) -> str:
    if not scene.clauses:
        return f"Fixed rules: no instruction was found; after {scene.moves} moves this scores best."
    if best == STOP:
        shared = ", ".join(sorted(scene.end & scene.near)) or "nothing"
        return f"Fixed rules: {scene.moves} of about {scene.expected:.0f} moves made; of the end {shared} is seen here."
    place = next((place for place in scene.places if place.id == best), None)
    if place is None:
        return "Fixed rules: only visited places are near; go back to one that is new."
    clause = scene.clauses[due.index(max(due))]
    shared = ", ".join(sorted(clause.words & place.words)) or "no word"
    return f"Fixed rules: now '{clause.text}' is due; the best scored direction shares {shared} with it."
