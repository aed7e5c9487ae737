"""SwiftSage's typed actions and how each is carried out where the robot stands when its turn comes (Lin et al. 2023).

The paper grounds a plan into the text game's own actions. In a building only the first move's viewpoints are known when
the plan is made, so later ones are typed by what the robot will see: approach a landmark, turn to a side, stop.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from navagent.geometry import wrap
from navagent.llm.offline.words import stems
from navagent.types import Action, Candidate, MoveTo, Stop
from policies.situation import ReplyError, Situation

MoveKind: TypeAlias = Literal["go", "approach", "turn", "stop"]

SIDES: Mapping[str, float] = {"ahead": 0.0, "right": math.pi / 2, "back": math.pi, "left": -math.pi / 2}
"""Relative headings in radians of what a turn names."""

TURN_WITHIN = math.radians(60)
"""A turn takes the candidate nearest that side, if one lies this near: the sectors of four sides, with overlap."""

SEEN_WITHIN = math.radians(45)
"""A landmark is approached by the candidate nearest its direction, if one lies this near: one sector."""


@dataclass(frozen=True, slots=True)
class Move:
    """One typed action.

    Attributes:
        kind: What to do.
        target: A viewpoint's id, a landmark, a side, or nothing.
    """

    kind: MoveKind
    target: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.target}".strip()


def moves_schema(most: int) -> Mapping[str, Any]:
    """Return the JSON schema of a list of one to `most` moves."""
    return {
        "type": "object",
        "properties": {
            "moves": {
                "type": "array",
                "minItems": 1,
                "maxItems": most,
                "items": {
                    "type": "object",
                    "properties": {
                        "move": {"type": "string", "enum": list(get_args(MoveKind))},
                        "target": {"type": "string"},
                    },
                    "required": ["move", "target"],
                    "additionalProperties": False,
                },
            }
        },
        "required": ["moves"],
        "additionalProperties": False,
    }


def read_moves(parsed: Any, situation: Situation, most: int) -> tuple[Move, ...]:
    """Return the moves of a reply, the first of which can be made here and now.

    What follows a stop is dropped.

    Raises:
        ReplyError: It is no such list, or the first move cannot be made.
    """
    entries = parsed.get("moves") if isinstance(parsed, dict) else None
    if not isinstance(entries, list) or not entries or not all(_is_entry(entry) for entry in entries):
        raise ReplyError('your reply holds no JSON object of the form {"moves": [{"move": "...", "target": "..."}]}')
    moves = [Move(entry["move"], str(entry["target"]).strip()) for entry in entries[:most]]
    stops = [i for i, move in enumerate(moves) if move.kind == "stop"]
    moves = moves[: stops[0] + 1] if stops else moves
    if carry_out(moves[0], situation) is None:
        ways = ", ".join(candidate.id for candidate in situation.observation.candidates or ()) or "none"
        raise ReplyError(f"the first move, '{str(moves[0])[:80]}', cannot be made here; the viewpoints are {ways}")
    return tuple(moves)


def _is_entry(entry: Any) -> bool:
    return isinstance(entry, dict) and entry.get("move") in get_args(MoveKind) and isinstance(entry.get("target"), str)


def carry_out(move: Move, situation: Situation) -> Action | None:
    """Return the legal action that a move means where the robot stands, or None if it cannot be made here."""
    if move.kind == "stop":
        return Stop()
    candidates = situation.observation.candidates or ()
    if move.kind == "go":
        return next((MoveTo(candidate.id) for candidate in candidates if candidate.id == move.target), None)
    if move.kind == "turn":
        side = SIDES.get(move.target.lower())
        return None if side is None else _toward(candidates, side, TURN_WITHIN)
    sought = stems(move.target)
    shares = [
        (len(sought & stems(" ".join([way.text, *(thing.name for thing in way.objects)]))), -abs(way.heading), way)
        for way in situation.description.directions
    ]
    shared, _, best = max(shares, key=lambda share: share[:2], default=(0, 0.0, None))
    return _toward(candidates, best.heading, SEEN_WITHIN) if best is not None and shared else None


def _toward(candidates: tuple[Candidate, ...], heading: float, within: float) -> Action | None:
    near = [(abs(wrap(candidate.heading - heading)), candidate.id) for candidate in candidates]
    off, name = min(near, default=(math.inf, ""))
    return MoveTo(name) if off <= within else None
