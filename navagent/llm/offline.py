"""A deterministic stand-in for a chat model: lexical rules, no key, no network, no memory but of stems and clauses.

It sees what a chat model sees, messages and a schema. In the messages it looks for these lines, which planners render
(`navagent` imports no planner, so the format is repeated here; angles are degrees relative to where the agent faces):

    Instruction: Walk past the sofa and turn left.
    1. At 10c252c9...: A living room. Then turned left 30 degrees to 7f3d9d0a....
    Front (left 22 to right 22): A hallway with a white door.
      Objects: mirror: left 12, 1.8 m; sink: right 3
      Navigable: 7f3d9d0a...: left 7, 2.31 m, up 20; 55aa0c3e...: right 3, 1.20 m

Without a line "Instruction:" the instruction is the text before the first direction. A candidate was visited if its id
occurs outside the "Navigable" lines. The number of moves made is that of the last history line.

The rules: the number of moves made says which clauses of the instruction are due. A candidate scores by the words that
its direction shares with them, by their turn and stair words, by keeping on and by being new; stopping scores by the
number of moves and by the last clause's words in what is near. The best score wins.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from navagent.contracts import ChatModel
from navagent.llm.form import Form
from navagent.types import Message, Reply

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
MOVES, MOVES_PER_WORD = 4.6, 0.015
FEWEST_MOVES = 4
"""Nearly all of R2R's paths have 4 to 6 moves."""
FIRST_TRUST = 0.4
"""Turn words count less at the start, where the heading is arbitrary."""
PACE, HEAD_START, SPREAD, SPREAD_PER_MOVE, DONE = 0.9, 0.3, 0.12, 0.06, 0.8
"""Where in the instruction the agent is after so many moves, how sure that is, and which share is surely done."""
STRONG_WEIGHT, WEAK_WEIGHT = 1.5, 0.5
"""Other landmarks count 1."""

_SIDE = r"(?:ahead|(?:left|right) \d+)"
_NAME = r"(?:Front|Rear|Left|Right)(?: Left| Right)?"
_DIRECTION = re.compile(rf"(?:^|(?<=\s)){_NAME} \(({_SIDE}) to ({_SIDE})\): *(.*)", re.MULTILINE)
_OBJECTS = re.compile(r"^ *Objects: *(.*)$", re.MULTILINE)
_NAVIGABLE = re.compile(r"^ *Navigable: *(.*)$", re.MULTILINE)
_CANDIDATE = re.compile(rf"(\S+): ({_SIDE}), [\d.]+ m(?:, (up|down) (\d+))?(?:;|$)")
_HISTORY = re.compile(r"(?:^|(?<=\s))(\d+)\. At [^:\n]+: .*? Then (?:went|turned) .*? to \S+", re.MULTILINE)
_INSTRUCTION = re.compile(r"^\W*Instruction\W*: *(.+)$", re.MULTILINE | re.IGNORECASE)
_CLAUSE = re.compile(r"[.,;:!?]+|\b(?:and|then|until|once|when)\b")
_LEFT_BEHIND = re.compile(r"\b(?:exit|leave|leaving|out of|away from|behind|from)\b(.*)")
_OUT, _IN = re.compile(r"\b(?:exit|leav|out of)"), re.compile(r"\b(?:through|enter)")
_TURN, _BESIDE = re.compile(r"(?<!your )(?<!the )\b(left|right)\b"), re.compile(r"\b(?:your|the) (left|right)\b")
_AROUND = re.compile(r"turn around|around and|behind you|180")
_UP, _DOWN = re.compile(r"\bup|ascend|climb"), re.compile(r"\bdown|descend")

_GROUPS = """
    arch archway, balcony patio porch deck terrace, bathroom bath restroom washroom toilet sink shower, bed bedroom,
    building, cabinet cupboard, ceiling, chair armchair stool seat, closet wardrobe, counter countertop, desk office,
    dining dinner, door doorway entrance entryway entry opening, hallway hall corridor foyer passage walkway,
    living lounge, picture photo painting artwork, pillar column, plant planter pot potted, refrigerator fridge,
    rail railing banister bannister, rug carpet, sofa couch sectional loveseat, stove oven, television tv, tub bathtub,
    stair stairway staircase stairwell step upstair downstair flight landing"""
_SYNONYMS = {word: group.split()[0] for group in _GROUPS.split(",") for word in group.split()}
_SILENT = frozenset(
    """a an the of to in on at by with and or is are be it its you your this that there into onto from for as up down
    through past out toward towards turn go walk head move continue proceed take make enter exit leave keep stop wait
    stand left right straight forward ahead around front back behind before after until once when then all way re will
    see will just so not do first second third next near side other one two three between across over under along scene
    depict view seen show feature different angle various including several small large room area top middle bottom end
    reach pass get face inside outside slight slightly immediately where which has have can them hard far direction
    again both each while their""".split()  # noqa: SIM905
)
# On train, a shared room name tells the true direction from others far better than what every room has.
_STRONG = frozenset({"bathroom", "closet", "fireplace", "hallway", "kitchen", "refrigerator", "stair"})
_WEAK = frozenset("floor house lead light living rug table wall white window wooden".split())  # noqa: SIM905


@dataclass(frozen=True, slots=True)
class _Clause:
    """A piece of the instruction: its landmarks, and what it says of turns (left < 0) and of stairs (down < 0)."""

    text: str
    position: float
    words: frozenset[str]
    turn: float
    side: float
    around: float
    slope: float


@dataclass(frozen=True, slots=True)
class _Place:
    """A candidate: angle (left < 0) and slope in degrees, words of its direction and of the next nearest."""

    id: str
    angle: float
    slope: float
    words: frozenset[str]
    beside: frozenset[str]
    visited: bool


@dataclass(frozen=True, slots=True)
class _Scene:
    """Everything that the rules read."""

    instruction: str = ""
    clauses: tuple[_Clause, ...] = ()
    moves: int = 0
    places: tuple[_Place, ...] = ()
    near: frozenset[str] = frozenset()
    touched: frozenset[str] = frozenset()
    sights: tuple[str, ...] = ()

    @property
    def expected(self) -> float:
        """How many moves an instruction of this length takes."""
        return MOVES + MOVES_PER_WORD * len(self.instruction.split())

    @property
    def end(self) -> frozenset[str]:
        """The landmarks where to stop: the last clause's, or the one's before it if that names none."""
        return next((clause.words for clause in reversed(self.clauses) if clause.words), frozenset())


# ------------------------------------------------------------------------------------------------- reading
def _read(messages: Sequence[Message]) -> _Scene:
    """Read the newest message that shows directions; a request to try again shows none."""
    texts = [m.content for m in messages if m.role == "user" and _DIRECTION.search(m.content)]
    instruction = _instruction(messages)
    if not texts:
        return _Scene(instruction, _clauses(instruction))
    places, near, touched, sights = _around(texts[-1], _NAVIGABLE.sub("", "\n".join(texts)))
    lines = [int(number) for number in _HISTORY.findall(texts[-1])]
    moves = max([*lines, len(texts) - 1, sum(place.visited for place in places)])
    return _Scene(instruction, _clauses(instruction), moves, places, near, touched, sights)


def _instruction(messages: Sequence[Message]) -> str:
    told = [m.content for role in ("user", "system") for m in reversed(messages) if m.role == role]
    for text in told:
        if match := _INSTRUCTION.search(text):
            return match.group(1)
    for text in told:
        if first := _DIRECTION.search(text):
            return " ".join(_HISTORY.sub(" ", text[: first.start()]).split())
    return ""


def _around(text: str, told: str) -> tuple[tuple[_Place, ...], frozenset[str], frozenset[str], tuple[str, ...]]:
    """Return the candidates, all words, the words of near objects, and the directions' texts."""
    headers = list(_DIRECTION.finditer(text))
    ends = [header.start() for header in headers[1:]] + [len(text)]
    blocks = [text[header.end() : end] for header, end in zip(headers, ends, strict=True)]
    objects = [" ".join(_OBJECTS.findall(block)) for block in blocks]
    words = [_stems(f"{header.group(3)} {seen}") for header, seen in zip(headers, objects, strict=True)]
    lines = [(i, line) for i, block in enumerate(blocks) for line in _NAVIGABLE.findall(block)]
    listed = [(i, match) for i, line in lines for match in _CANDIDATE.findall(line)]
    tokens = Counter(token.strip("\"'`.,;:!?()[]") for token in told.split())
    mentions = {name: tokens[name] for _, (name, *_) in listed}
    # A prompt may list all legal ids: then each candidate is mentioned, and a visited one more often than the rest.
    least = min(mentions.values(), default=0) if len(mentions) > 1 else 0
    places = []
    for i, (name, side, way, steep) in listed:
        angle, slope = _degrees(side), float(steep or 0) * (-1 if way == "down" else 1)
        beside = words[_beside(headers, i, angle)]
        places.append(_Place(name, angle, slope, words[i], beside, visited=mentions[name] > least))
    sights = tuple(header.group(3) for header in headers)
    return tuple(places), frozenset[str]().union(*words), _stems(" ".join(objects)), sights


def _beside(headers: Sequence[re.Match[str]], i: int, angle: float) -> int:
    start, end = (_degrees(headers[i].group(k)) for k in (1, 2))
    nearer_end = (angle - start) % 360 > (end - start) % 360 / 2
    return (i + (1 if nearer_end else -1)) % len(headers)


def _degrees(side: str) -> float:
    way, _, degrees = side.partition(" ")
    return float(degrees or 0) * (-1 if way == "left" else 1)


@lru_cache(maxsize=1_000)
def _clauses(instruction: str) -> tuple[_Clause, ...]:
    text = instruction.lower()
    cuts = [0, *(cut for match in _CLAUSE.finditer(text) for cut in match.span()), len(text)]
    spans = [(a, b) for a, b in zip(cuts[::2], cuts[1::2], strict=True) if text[a:b].strip()]
    return tuple(_clause(text[a:b].strip(), (a + b) / 2 / len(text)) for a, b in spans)


def _clause(text: str, position: float) -> _Clause:
    left = _LEFT_BEHIND.search(text)
    words = _stems(text) - (_stems(left.group(1)) if left else frozenset())
    # What one sees of a way out, and of a way in.
    words |= {"door", "hallway"} if _OUT.search(text) else {"door"} if _IN.search(text) else set()
    slope = 1.0 if _UP.search(text) else -1.0 if _DOWN.search(text) else 0.0
    return _Clause(
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


def _stems(text: str) -> frozenset[str]:
    return frozenset(stem for word in re.findall(r"[a-z]+", text.lower()) if (stem := _stem(word)))


@lru_cache(maxsize=20_000)
def _stem(word: str) -> str:
    if word in _SILENT or len(word) < 2:
        return ""
    if word not in _SYNONYMS:
        word = re.sub(r"(?<=\w{3})(?:ing|(?<=[sxh])es|(?<!s)s|ed)$", "", word)
    word = _SYNONYMS.get(word, word)
    return "" if word in _SILENT else word


# ------------------------------------------------------------------------------------------------ deciding
def _due(scene: _Scene) -> tuple[float, ...]:
    """Return each clause's share of attention: a bell over the instruction that moves on and widens with each move."""
    progress = min(1.0, PACE * (scene.moves + HEAD_START) / scene.expected)
    spread = SPREAD + SPREAD_PER_MOVE * scene.moves
    raw = [math.exp(-0.5 * ((clause.position - progress) / spread) ** 2) for clause in scene.clauses]
    return tuple(value / (sum(raw) or 1.0) for value in raw)


def _weight(words: Iterable[str]) -> float:
    return sum(STRONG_WEIGHT if word in _STRONG else WEAK_WEIGHT if word in _WEAK else 1.0 for word in words)


def _move_features(scene: _Scene, place: _Place, due: tuple[float, ...]) -> dict[str, float]:
    told = tuple(zip(due, scene.clauses, strict=True))
    anywhere = frozenset[str]().union(*(clause.words for clause in scene.clauses))
    done = frozenset[str]().union(*(c.words for c in scene.clauses if c.position < DONE * scene.moves / scene.expected))
    sine, cosine = math.sin(math.radians(place.angle)), math.cos(math.radians(place.angle))
    trust = FIRST_TRUST if scene.moves == 0 else 1.0
    slope = sum(p * clause.slope for p, clause in told)
    return {
        "due": sum(p * _weight(clause.words & place.words) for p, clause in told),
        "anywhere": _weight(anywhere & place.words),
        "done": _weight(done & place.words),
        "beside": sum(p * _weight(clause.words & place.beside) for p, clause in told),
        "turn": trust * sine * sum(p * clause.turn for p, clause in told),
        "side": trust * sine * sum(p * clause.side for p, clause in told),
        "around": -cosine * sum(p * clause.around for p, clause in told),
        "climb": slope * place.slope / 30,
        "detour": abs(place.slope / 30) * (slope == 0),
        "ahead": cosine * (scene.moves > 0),
        "visited": float(place.visited),
    }


def _stop_features(scene: _Scene) -> dict[str, float]:
    return {
        "stop": 1.0,
        "late": scene.moves - scene.expected,
        "early": float(scene.moves < FEWEST_MOVES),
        "arrived": _weight(scene.end & scene.near),
        "touched": _weight(scene.end & scene.touched),
    }


def _choose(scene: _Scene) -> tuple[tuple[str, ...], str]:
    """Return the options, best first, and the reason for the first."""
    if not scene.places:
        return (STOP,), "Fixed rules: no navigable place is listed, so stop."
    due = _due(scene)
    features = {place.id: _move_features(scene, place, due) for place in scene.places}
    features[STOP] = _stop_features(scene)
    scores = {option: sum(WEIGHTS[name] * value for name, value in found.items()) for option, found in features.items()}
    ranking = tuple(sorted(scores, key=lambda option: -scores[option]))
    return ranking, _reason(scene, ranking[0], due)


# ----------------------------------------------------------------------------------------------- answering
def _reason(scene: _Scene, best: str, due: tuple[float, ...]) -> str:
    if not scene.clauses:
        return f"Fixed rules: no instruction was found; after {scene.moves} moves this scores best."
    if best == STOP:
        shared = ", ".join(sorted(scene.end & scene.near)) or "nothing"
        return f"Fixed rules: {scene.moves} of about {scene.expected:.0f} moves made; of the end {shared} is seen here."
    place = next(place for place in scene.places if place.id == best)
    clause = scene.clauses[due.index(max(due))]
    shared = ", ".join(sorted(clause.words & place.words)) or "no word"
    return f"Fixed rules: now '{clause.text}' is due; the best scored direction shares {shared} with it."


def _react(best: str, reason: str) -> str:
    end = "Final Answer: Finished" if best == STOP else f"Action: move\nAction Input: {best}"
    return f"Thought: {reason}\n{end}"


def _sentence(scene: _Scene, messages: Sequence[Message]) -> str:
    """Return the sight that shares most with the instruction, else the request's first sentence."""
    if scene.sights:
        words = frozenset[str]().union(*(clause.words for clause in scene.clauses))
        return max(scene.sights, key=lambda sight: _weight(words & _stems(sight)))
    text = messages[-1].content.strip() if messages else ""
    return " ".join(re.split(r"(?<=[.!?])\s", text)[0].split()[:40]) or "Nothing is described."


class OfflineChat(ChatModel):
    """Rules that answer in a chat model's place; no argument, no key.

    Given a schema it answers with JSON, asked for "Action Input" with ReAct text, else with one sentence of what it
    read. `n` answers are `n` copies. Words are counted as tokens; replies cost nothing.
    """

    name = "offline-rules"
    identity = "offline-rules 1"
    is_language_model = False

    def chat(
        self, messages: Sequence[Message], schema: Mapping[str, Any] | None = None, n: int = 1, **sampling: Any
    ) -> Reply:
        """Answer by the rules; `sampling` changes nothing."""
        scene = _read(messages)
        ranking, reason = _choose(scene)
        parsed: Any = None
        if schema is not None:
            parsed = Form(schema, ranking, reason).fill(schema)
            text = json.dumps(parsed)
        elif any("Action Input" in message.content for message in messages if message.role != "assistant"):
            text = _react(ranking[0], reason)
        else:
            text = _sentence(scene, messages)
        words = sum(len(message.content.split()) for message in messages)
        return Reply((text,) * n, (parsed,) * n, self.name, words, n * len(text.split()), cost_usd=0.0)
