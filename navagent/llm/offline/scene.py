"""What the offline rules read in the messages that a planner sends.

They look for these lines, which planners render (`navagent` imports no planner, so the format is repeated here; angles
are degrees relative to where the agent faces):

    Instruction: Walk past the sofa and turn left.
    1. At 10c252c9...: A living room. Then turned left 30 degrees to 7f3d9d0a....
    Front (left 22 to right 22): A hallway with a white door.
      Objects: mirror: left 12, 1.8 m; sink: right 3
      Navigable: 7f3d9d0a...: left 7, 2.31 m, up 20; 55aa0c3e...: right 3, 1.20 m
    Way so far: 0, 2, 5
    5 leads to 2 = 10c252c9..., 6 = 7f3d9d0a...
    9 = 0ab34c5d..., from 2, 7.1 m to walk: A hallway with a white door.
    Thought: The sofa is behind me.

"Way so far" and the two lines after it are a map's, the last for a place that was seen but not visited; "Thought:" and
"Seen:" hold what is to be summarised. Without a line "Instruction:" the instruction is the text before the first
direction. A candidate was visited if the map says so; without a map, if its id occurs outside the "Navigable" lines.
The number of moves made is that of the last history line, or the 3 of "after 3 of at most 10 moves" if that is larger.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from navagent.llm.offline.words import stems
from navagent.types import Message

MOVES, MOVES_PER_WORD = 4.6, 0.015
"""Least squares line of a path's moves over its instruction's words, on R2R train."""
FEWEST_MOVES = 4
"""Nearly all of R2R's paths have 4 to 6 moves."""

_SIDE = r"(?:ahead|(?:left|right) \d+)"
_NAME = r"(?:Front|Rear|Left|Right)(?: Left| Right)?"
_DIRECTION = re.compile(rf"(?:^|(?<=\s)){_NAME} \(({_SIDE}) to ({_SIDE})\): *(.*)", re.MULTILINE)
_OBJECTS = re.compile(r"^ *Objects: *(.*)$", re.MULTILINE)
_NAVIGABLE = re.compile(r"^ *Navigable: *(.*)$", re.MULTILINE)
_CANDIDATE = re.compile(rf"(\S+): ({_SIDE}), [\d.]+ m(?:, (up|down) (\d+))?(?:;|$)")
_HISTORY = re.compile(r"(?:^|(?<=\s))(\d+)\. At [^:\n]+: .*? Then (?:went|turned) .*? to \S+", re.MULTILINE)
_MOVES = re.compile(r"after (\d+) of at most \d+ moves")
_INSTRUCTION = re.compile(r"^\W*Instruction\W*: *(.+)$", re.MULTILINE | re.IGNORECASE)
_MAP = re.compile(r"^(?:Map: |Way so far: |\d+ leads to |Plan so far: ).*$", re.MULTILINE)
_WAY_SO_FAR = re.compile(r"^Way so far: (.+)$", re.MULTILINE)
_NUMBERED = re.compile(r"(\d+) = ([^\s,]+)")
_FAR = re.compile(r"^\d+ = (\S+), from \d+, [\d.]+ m to walk: (.*)$", re.MULTILINE)
_TOLD = re.compile(r"^(?:Seen|Thought(?: \d+)?): *(.+)$", re.MULTILINE)
_CLAUSE = re.compile(r"[.,;:!?]+|\b(?:and|then|until|once|when)\b")
_LEFT_BEHIND = re.compile(r"\b(?:exit|leave|leaving|out of|away from|behind|from)\b(.*)")
_OUT, _IN = re.compile(r"\b(?:exit|leav|out of)"), re.compile(r"\b(?:through|enter)")
_TURN, _BESIDE = re.compile(r"(?<!your )(?<!the )\b(left|right)\b"), re.compile(r"\b(?:your|the) (left|right)\b")
_AROUND = re.compile(r"turn around|around and|behind you|180")
_UP, _DOWN = re.compile(r"\bup|ascend|climb"), re.compile(r"\bdown|descend")


@dataclass(frozen=True, slots=True)
class Clause:
    """A piece of the instruction: its landmarks, and what it says of turns (left < 0) and of stairs (down < 0)."""

    text: str
    position: float
    words: frozenset[str]
    turn: float
    side: float
    around: float
    slope: float


@dataclass(frozen=True, slots=True)
class Place:
    """A candidate: angle (left < 0) and slope in degrees, words of its direction and of the next nearest."""

    id: str
    angle: float
    slope: float
    words: frozenset[str]
    beside: frozenset[str]
    visited: bool


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that the rules read; `far` holds ids and words of places elsewhere on a map."""

    instruction: str = ""
    clauses: tuple[Clause, ...] = ()
    moves: int = 0
    places: tuple[Place, ...] = ()
    near: frozenset[str] = frozenset()
    touched: frozenset[str] = frozenset()
    sights: tuple[str, ...] = ()
    far: tuple[tuple[str, frozenset[str]], ...] = ()
    told: tuple[str, ...] = ()

    @property
    def expected(self) -> float:
        """How many moves an instruction of this length takes."""
        return MOVES + MOVES_PER_WORD * len(self.instruction.split())

    @property
    def end(self) -> frozenset[str]:
        """The landmarks where to stop: the last clause's, or the one's before it if that names none."""
        return next((clause.words for clause in reversed(self.clauses) if clause.words), frozenset())


def read_scene(messages: Sequence[Message]) -> Scene:
    """Read the newest message that shows directions; a request to try again shows none."""
    texts = [m.content for m in messages if m.role == "user" and _DIRECTION.search(m.content)]
    instruction = _instruction(messages)
    if not texts:
        quoted = _TOLD.findall(messages[-1].content) if messages else []
        return Scene(instruction, _clauses(instruction), told=tuple(quoted))
    told = "\n".join(texts)
    for listing in (_NAVIGABLE, _MAP, _FAR):
        told = listing.sub("", told)
    places, near, touched, sights = _around(texts[-1], told)
    far = tuple((name, stems(seen)) for name, seen in _FAR.findall(texts[-1]))
    lines = [int(number) for pattern in (_HISTORY, _MOVES) for number in pattern.findall(texts[-1])]
    moves = max([*lines, len(texts) - 1, sum(place.visited for place in places)])
    return Scene(instruction, _clauses(instruction), moves, places, near, touched, sights, far)


def _instruction(messages: Sequence[Message]) -> str:
    told = [m.content for role in ("user", "system") for m in reversed(messages) if m.role == role]
    for text in told:
        if match := _INSTRUCTION.search(text):
            return match.group(1)
    for text in told:
        if first := _DIRECTION.search(text):
            return " ".join(_HISTORY.sub(" ", text[: first.start()]).split())
    return ""


def _around(text: str, told: str) -> tuple[tuple[Place, ...], frozenset[str], frozenset[str], tuple[str, ...]]:
    """Return the candidates, all words, the words of near objects, and the directions' texts."""
    headers = list(_DIRECTION.finditer(text))
    ends = [header.start() for header in headers[1:]] + [len(text)]
    blocks = [text[header.end() : end] for header, end in zip(headers, ends, strict=True)]
    objects = [" ".join(_OBJECTS.findall(block)) for block in blocks]
    words = [stems(f"{header.group(3)} {seen}") for header, seen in zip(headers, objects, strict=True)]
    lines = [(i, line) for i, block in enumerate(blocks) for line in _NAVIGABLE.findall(block)]
    listed = [(i, match) for i, line in lines for match in _CANDIDATE.findall(line)]
    tokens = Counter(token.strip("\"'`.,;:!?()[]") for token in told.split())
    mentions = {name: tokens[name] for _, (name, *_) in listed}
    # A prompt may list all legal ids: then each candidate is mentioned, and a visited one more often than the rest.
    least = min(mentions.values(), default=0) if len(mentions) > 1 else 0
    on_map, places = _visited(text), []
    for i, (name, side, way, steep) in listed:
        angle, slope = _degrees(side), float(steep or 0) * (-1 if way == "down" else 1)
        beside = words[_beside(headers, i, angle)]
        visited = mentions[name] > least if on_map is None else name in on_map
        places.append(Place(name, angle, slope, words[i], beside, visited))
    sights = tuple(header.group(3) for header in headers)
    return tuple(places), frozenset[str]().union(*words), stems(" ".join(objects)), sights


def _visited(text: str) -> frozenset[str] | None:
    """Return which places around the agent a map says were visited; None without a map."""
    way = _WAY_SO_FAR.search(text)
    if way is None:
        return None
    numbers = set(way.group(1).split(", "))
    listed = [pair for line in _MAP.findall(text) for pair in _NUMBERED.findall(line)]
    return frozenset(name for number, name in listed if number in numbers)


def _beside(headers: Sequence[re.Match[str]], i: int, angle: float) -> int:
    start, end = (_degrees(headers[i].group(k)) for k in (1, 2))
    nearer_end = (angle - start) % 360 > (end - start) % 360 / 2
    return (i + (1 if nearer_end else -1)) % len(headers)


def _degrees(side: str) -> float:
    way, _, degrees = side.partition(" ")
    return float(degrees or 0) * (-1 if way == "left" else 1)


@lru_cache(maxsize=1_000)
def _clauses(instruction: str) -> tuple[Clause, ...]:
    text = instruction.lower()
    cuts = [0, *(cut for match in _CLAUSE.finditer(text) for cut in match.span()), len(text)]
    spans = [(a, b) for a, b in zip(cuts[::2], cuts[1::2], strict=True) if text[a:b].strip()]
    return tuple(read_clause(text[a:b].strip(), (a + b) / 2 / len(text)) for a, b in spans)


def read_clause(text: str, position: float) -> Clause:
    """Return what a piece of an instruction says (lower case); `position` is where it stands in the whole, 0 to 1."""
    left = _LEFT_BEHIND.search(text)
    words = stems(text) - (stems(left.group(1)) if left else frozenset())
    # What one sees of a way out, and of a way in.
    words |= {"door", "hallway"} if _OUT.search(text) else {"door"} if _IN.search(text) else set()
    slope = 1.0 if _UP.search(text) else -1.0 if _DOWN.search(text) else 0.0
    return Clause(
        text,
        position,
        words,
        turn=_way(_TURN, text) * (0.5 if "slight" in text else 1.0),
        side=_way(_BESIDE, text),
        around=float(bool(_AROUND.search(text))),
        slope=slope if ("stair" in text or "step" in text) else 0.0,
    )


def _way(pattern: re.Pattern[str], text: str) -> float:
    match = pattern.search(text)
    return 0.0 if match is None else -1.0 if match.group(1) == "left" else 1.0
