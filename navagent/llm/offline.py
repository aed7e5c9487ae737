"""A deterministic stand-in for a chat model: lexical rules, no key, no network, no state that changes an answer.

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
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from typing import Any

from navagent.contracts import ChatModel
from navagent.types import Message, Reply

STOP = "stop"

WEIGHTS: Mapping[str, float] = {
    "due": 0.8,
    "anywhere": 0.5,
    "done": -0.3,
    "beside": 0.55,
    "turn": 2.7,
    "side": 1.1,
    "straight": 0.6,
    "around": 1.3,
    "climb": 3.9,
    "level": -1.0,
    "detour": -1.2,
    "ahead": 0.8,
    "dead ahead": 0.35,
    "behind": 0,
    "visited": -5.7,
    "stop": 1.7,
    "late": 0.3,
    "early": -4.5,
    "arrived": 0.65,
    "touched": 1.1,
}
FIRST_TRUST = 0.4
DONE = 0.8
MOVES, MOVES_PER_WORD = 4.6, 0.015
FEWEST_MOVES = 4
DUE, DUE_SPREAD, DUE_SPREAD_PER_MOVE, DUE_PACE = 0.3, 0.12, 0.06, 0.9
STRONG_WEIGHT, WEAK_WEIGHT = 1.5, 0.5

_SIDE = r"(?:ahead|(?:left|right) \d+)"
_NAME = r"(?:Front|Rear|Left|Right)(?: Left| Right)?"
_DIRECTION = re.compile(rf"(?:^|(?<=\s)){_NAME} \(({_SIDE}) to ({_SIDE})\): *(.*)", re.MULTILINE)
_OBJECTS = re.compile(r"^ *Objects: *(.*)$", re.MULTILINE)
_NAVIGABLE = re.compile(r"^ *Navigable: *(.*)$", re.MULTILINE)
_CANDIDATE = re.compile(rf"(\S+): ({_SIDE}), [\d.]+ m(?:, (up|down) (\d+))?(?:;|$)")
_HISTORY = re.compile(r"(?:^|(?<=\s))(\d+)\. At \S+: .*? Then (?:went|turned) .*? to \S+", re.MULTILINE)
_INSTRUCTION = re.compile(r"^\W*Instruction\W*: *(.+)$", re.MULTILINE | re.IGNORECASE)
_CLAUSE = re.compile(r"[.,;:!?]+|\b(?:and|then|until|once|when)\b")
_LEFT_BEHIND = re.compile(r"\b(?:exit|leave|leaving|out of|away from|behind|from)\b(.*)")
_OUT, _IN = re.compile(r"\b(?:exit|leav|out of)"), re.compile(r"\b(?:through|enter)")
_TURN, _BESIDE = re.compile(r"(?<!your )(?<!the )\b(left|right)\b"), re.compile(r"\b(?:your|the) (left|right)\b")
_STRAIGHT = re.compile(r"straight|forward|continue|ahead|along|past|through")
_AROUND = re.compile(r"turn around|around and|behind you|180")
_UP, _DOWN = re.compile(r"\bup|ascend|climb"), re.compile(r"\bdown|descend")

_SAME = """
    sofa: couch sectional loveseat; refrigerator: fridge; television: tv; rug: carpet; cabinet: cupboard; desk: office
    stair: stairway staircase stairwell step upstair downstair flight landing; arch: archway; bed: bedroom; stove: oven
    hallway: hall corridor foyer passage walkway; door: doorway entrance entryway entry opening; plant: planter pot potted
    bathroom: bath restroom washroom toilet sink shower; tub: bathtub; balcony: patio porch deck terrace; pillar: column
    picture: photo painting artwork; rail: railing banister bannister; chair: armchair stool seat; closet: wardrobe
    dining: dinner; counter: countertop; living: lounge; building: building; ceiling: ceiling"""
_SYNONYMS = {
    word: group.split(":")[0].strip() for group in re.split(r"[;\n]", _SAME.strip()) for word in re.findall(r"\w+", group)
}
_SILENT = frozenset(
    """a an the of to in on at by with and or is are be it its you your this that there into onto from for as up down
    through past out toward towards turn go walk head move continue proceed take make enter exit leave keep stop wait
    stand left right straight forward ahead around front back behind before after until once when then all way re will
    see will just so not do first second third next near side other one two three between across over under along scene
    depict view seen show feature different angle various including several small large room area top middle bottom end
    reach pass get face inside outside slight slightly immediately where which has have can them hard far direction
    again both each while their""".split()
)
_STRONG = frozenset("hallway stair kitchen bathroom closet refrigerator fireplace".split())
_WEAK = frozenset("wall floor white window light wooden table rug house living lead".split())


@dataclass(frozen=True, slots=True)
class _Clause:
    """A piece of the instruction: its landmarks, and what it says of turns (left < 0) and of stairs (down < 0)."""

    text: str
    position: float
    words: frozenset[str]
    turn: float
    side: float
    straight: float
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


@dataclass(frozen=True, slots=True)
class _Choice:
    """The options, best first, the reason for the first, and a sentence about the place."""

    ranking: tuple[str, ...]
    reason: str
    sentence: str


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


def _around(
    text: str, told: str
) -> tuple[tuple[_Place, ...], frozenset[str], frozenset[str], tuple[str, ...]]:
    """Return the candidates, all words, the words of near objects, and the directions' texts."""
    headers = list(_DIRECTION.finditer(text))
    ends = [header.start() for header in headers[1:]] + [len(text)]
    blocks = [text[header.end() : end] for header, end in zip(headers, ends, strict=True)]
    objects = [" ".join(_OBJECTS.findall(block)) for block in blocks]
    words = [_stems(f"{header.group(3)} {seen}") for header, seen in zip(headers, objects, strict=True)]
    lines = [(i, line) for i, block in enumerate(blocks) for line in _NAVIGABLE.findall(block)]
    listed = [(i, match) for i, line in lines for match in _CANDIDATE.findall(line)]
    mentions = {match[0]: told.count(match[0]) for _, match in listed}
    # A prompt may list all legal ids: then each candidate is mentioned, and a visited one more often than the rest.
    least = min(mentions.values(), default=0) if len(mentions) > 1 else 0
    places = tuple(
        _Place(
            name,
            angle=_degrees(side),
            slope=float(steep or 0) * (-1 if way == "down" else 1),
            words=words[i],
            beside=words[_beside(headers, i, _degrees(side))],
            visited=mentions[name] > least,
        )
        for i, (name, side, way, steep) in listed
    )
    sights = tuple(header.group(3) for header in headers)
    return places, frozenset().union(*words), _stems(" ".join(objects)), sights


def _beside(headers: Sequence[re.Match[str]], i: int, angle: float) -> int:
    start, end = (_degrees(headers[i].group(k)) for k in (1, 2))
    nearer_end = (angle - start) % 360 > (end - start) % 360 / 2
    return (i + (1 if nearer_end else -1)) % len(headers)


def _degrees(side: str) -> float:
    if side == "ahead":
        return 0.0
    way, degrees = side.split()
    return float(degrees) * (-1 if way == "left" else 1)


def _clauses(instruction: str) -> tuple[_Clause, ...]:
    text = instruction.lower()
    cuts = [0, *(cut for match in _CLAUSE.finditer(text) for cut in match.span()), len(text)]
    spans = [(a, b) for a, b in zip(cuts[::2], cuts[1::2], strict=True) if text[a:b].strip()]
    return tuple(_clause(text[a:b].strip(), (a + b) / 2 / len(text)) for a, b in spans)


def _clause(text: str, position: float) -> _Clause:
    left = _LEFT_BEHIND.search(text)
    words = _stems(text) - (_stems(left.group(1)) if left else frozenset())
    if _OUT.search(text):
        words |= {"door", "hallway"}
    elif _IN.search(text):
        words |= {"door"}
    slope = 1.0 if _UP.search(text) else -1.0 if _DOWN.search(text) else 0.0
    return _Clause(
        text,
        position,
        words,
        turn=_way(_TURN, text) * (0.5 if "slight" in text else 1.0),
        side=_way(_BESIDE, text),
        straight=float(bool(_STRAIGHT.search(text))),
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
    progress = min(1.0, DUE_PACE * (scene.moves + DUE) / scene.expected)
    spread = DUE_SPREAD + DUE_SPREAD_PER_MOVE * scene.moves
    raw = [math.exp(-0.5 * ((clause.position - progress) / spread) ** 2) for clause in scene.clauses]
    return tuple(value / (sum(raw) or 1.0) for value in raw)


def _weight(words: Iterable[str]) -> float:
    return sum(STRONG_WEIGHT if word in _STRONG else WEAK_WEIGHT if word in _WEAK else 1.0 for word in words)


def _move_features(scene: _Scene, place: _Place, due: tuple[float, ...]) -> dict[str, float]:
    told = tuple(zip(due, scene.clauses, strict=True))
    anywhere = frozenset().union(*(clause.words for clause in scene.clauses))
    done = frozenset().union(*(c.words for c in scene.clauses if c.position < DONE * scene.moves / scene.expected))
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
        "straight": cosine * sum(p * clause.straight for p, clause in told),
        "around": -cosine * sum(p * clause.around for p, clause in told),
        "climb": slope * place.slope / 30,
        "level": abs(slope) * (place.slope == 0),
        "detour": abs(place.slope / 30) * (slope == 0),
        "ahead": cosine * (scene.moves > 0),
        "dead ahead": float(abs(place.angle) < 20),
        "behind": float(abs(place.angle) > 120),
        "visited": float(place.visited),
    }


def _stop_features(scene: _Scene) -> dict[str, float]:
    last = scene.clauses[-1].words if scene.clauses else frozenset()
    return {
        "stop": 1.0,
        "late": scene.moves - scene.expected,
        "early": float(scene.moves < FEWEST_MOVES),
        "arrived": _weight(last & scene.near),
        "touched": _weight(last & scene.touched),
    }


def _total(features: Mapping[str, float]) -> float:
    return sum(WEIGHTS[name] * value for name, value in features.items())


def _choose(messages: Sequence[Message]) -> _Choice:
    scene = _read(messages)
    if not scene.places:
        return _Choice((STOP,), "Fixed rules: no navigable place is listed, so stop.", _sentence(messages, scene))
    due = _due(scene)
    scores = {place.id: _total(_move_features(scene, place, due)) for place in scene.places}
    scores[STOP] = _total(_stop_features(scene))
    ranking = tuple(sorted(scores, key=lambda option: -scores[option]))
    return _Choice(ranking, _reason(scene, ranking[0], due), _sentence(messages, scene))


# ----------------------------------------------------------------------------------------------- answering
def _reason(scene: _Scene, best: str, due: tuple[float, ...]) -> str:
    moves = f"{scene.moves} move{'' if scene.moves == 1 else 's'}"
    if not scene.clauses:
        return f"Fixed rules: no instruction was found; after {moves} this option scores best."
    if best == STOP:
        shared = ", ".join(sorted(scene.clauses[-1].words & scene.near)) or "nothing"
        return f"Fixed rules: {moves} made, {scene.expected:.1f} expected; of the instruction's end {shared} is here."
    place = next(place for place in scene.places if place.id == best)
    clause = scene.clauses[due.index(max(due))]
    shared = ", ".join(sorted(clause.words & place.words)) or "no word"
    return f"Fixed rules: after {moves} '{clause.text}' is due; the best scored direction shares {shared} with it."


def _sentence(messages: Sequence[Message], scene: _Scene) -> str:
    """Return the sight that shares most with the instruction, else the request's first sentence."""
    words = frozenset().union(*(clause.words for clause in scene.clauses))
    if scene.sights:
        return max(scene.sights, key=lambda sight: _weight(words & _stems(sight)))
    text = messages[-1].content.strip() if messages else ""
    return " ".join(re.split(r"(?<=[.!?])\s", text)[0].split()[:40]) or "Nothing is described."


def _react(choice: _Choice) -> str:
    if choice.ranking[0] == STOP:
        return f"Thought: {choice.reason}\nFinal Answer: Finished"
    return f"Thought: {choice.reason}\nAction: move\nAction Input: {choice.ranking[0]}"


@dataclass(frozen=True, slots=True)
class _Form:
    """Fills a JSON schema. `pattern`, `format`, `not` and conditional keywords are beyond it."""

    root: Mapping[str, Any]
    choice: _Choice

    def fill(self, schema: Any, name: str = "", depth: int = 0) -> Any:
        """Return a value that satisfies the schema; `name` is the property's."""
        if not isinstance(schema, Mapping):
            return self.choice.reason
        schema = self._resolve(schema)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self._options(schema["enum"])[0]
        kind = schema.get("type") or next((kind for key, kind in _KINDS.items() if key in schema), "string")
        kind = kind[0] if isinstance(kind, list) else kind
        if kind == "object":
            return self._object(schema, depth)
        if kind == "array":
            return self._array(schema, name, depth)
        if kind == "string":
            text = self.choice.ranking[0] if name == "action" else self.choice.reason
            return text[: schema.get("maxLength", len(text))].ljust(schema.get("minLength", 0), ".")
        return {"boolean": False, "null": None}[kind] if kind in ("boolean", "null") else _number(schema, kind)

    def _resolve(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """Follow references and take the first branch of unions."""
        while key := next((key for key in ("$ref", "anyOf", "oneOf", "allOf") if key in schema), None):
            rest = {name: value for name, value in schema.items() if name != key}
            if key == "$ref":
                parts = [part for part in schema[key].removeprefix("#").split("/") if part]
                schema = {**rest, **reduce(lambda node, part: node[part], parts, self.root)}
            else:
                branches = schema[key] if key == "allOf" else schema[key][:1]
                schema = reduce(_merge, branches, rest)
        return schema

    def _options(self, allowed: Sequence[Any]) -> list[Any]:
        """Return the allowed values, the ranked ones first."""
        ranked = [value for option in self.choice.ranking for value in allowed if str(value).lower() == option.lower()]
        return [*ranked, *(value for value in allowed if value not in ranked)]

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        properties, required = schema.get("properties", {}), schema.get("required", ())
        # Schemas may contain themselves; what is optional deep down is left out so that filling ends.
        names = dict.fromkeys([*(properties if depth < 2 else ()), *required])
        return {name: self.fill(properties.get(name), name, depth + 1) for name in names}

    def _array(self, schema: Mapping[str, Any], name: str, depth: int) -> list[Any]:
        first = [self.fill(item, name, depth + 1) for item in schema.get("prefixItems", ())]
        items, least = schema.get("items", {}), schema.get("minItems", 1 if depth < 2 else 0)
        missing = max(0, min(least, schema.get("maxItems", least)) - len(first))
        if missing and isinstance(items, Mapping) and "enum" in (item := self._resolve(items)):
            options = self._options(item["enum"])
            return [*first, *(options[i % len(options)] for i in range(missing))]
        return [*first, *(self.fill(items, name, depth + 1) for _ in range(missing))]


_KINDS = {"properties": "object", "required": "object", "items": "array", "prefixItems": "array", "minimum": "number"}


def _merge(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Return both schemas' demands, as far as objects are concerned."""
    merged = {**one, **other}
    if "properties" in one and "properties" in other:
        merged["properties"] = {**one["properties"], **other["properties"]}
    if "required" in one and "required" in other:
        merged["required"] = [*one["required"], *other["required"]]
    return merged


def _number(schema: Mapping[str, Any], kind: str) -> float:
    """Return the allowed number nearest above the least; 0 where nothing says otherwise."""
    step = schema.get("multipleOf", 1)
    low, high = schema.get("minimum", schema.get("exclusiveMinimum")), schema.get("maximum", schema.get("exclusiveMaximum"))
    if low is None:
        low = 0 if high is None or high > 0 else step * (math.floor(high / step) - 1)
    value = step * math.ceil(low / step)
    if value == schema.get("exclusiveMinimum"):
        value += step
    if high is not None and value >= high and kind == "number" and "multipleOf" not in schema:
        return (low + high) / 2
    return int(value) if kind == "integer" else value


class OfflineChat(ChatModel):
    """Rules that answer in a chat model's place; no argument, no key.

    Given a schema it answers with JSON, asked for "Action Input" with ReAct text, else with one sentence of what it
    read. `n` answers are `n` copies. Words are counted as tokens; replies cost nothing.
    """

    name = "offline-rules"
    identity = "offline-rules 1"
    is_language_model = False

    def chat(
        self,
        messages: Sequence[Message],
        schema: Mapping[str, Any] | None = None,
        n: int = 1,
        **sampling: Any,
    ) -> Reply:
        """Answer by the rules; `sampling` changes nothing."""
        choice = _choose(messages)
        parsed: Any = None
        if schema is not None:
            parsed = _Form(schema, choice).fill(schema)
            text = json.dumps(parsed)
        elif any("Action Input" in message.content for message in messages if message.role != "assistant"):
            text = _react(choice)
        else:
            text = choice.sentence
        words = sum(len(message.content.split()) for message in messages)
        return Reply((text,) * n, (parsed,) * n, self.name, words, n * len(text.split()), cost_usd=0.0)
