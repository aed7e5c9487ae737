"""Takes an instruction apart into sub-tasks, by the words that tell a way: out of, past, through, into, to.

Every such word with the name after it makes a sub-task; the words before it, back to the last sub-task, are its action
in the instruction's own words, which the planner maps to a type. Words that only place a thing ("the chair by the
window") make none. What is left without a name ("turn left", "stop") belongs to the sub-task that it leads to.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from navagent.llm.offline.words import names

_WAY = r"""
    out\ of|away\ from|back\ into|up\ to|on\ to|towards?|next\ to|in\ front\ of|close\ to|
    leaving|leave|exiting|exit|entering|enter|inside|into|onto|in(?!\ front)|past|passing|pass|by|beside|near|before|
    through|thru|across|crossing|cross|along|down|up|follow|around|between|under|over|
    facing|face|reach|approach|find|behind|at|on|to"""
_CUE = re.compile(rf"\b(?:{_WAY})\b(?=\s+[a-z])", re.VERBOSE | re.IGNORECASE)
"""Words after which the name of a landmark may come."""

_PLACES = frozenset(
    ("next to", "in front of", "close to", "by", "beside", "near", "before", "in", "inside", "at", "on", "behind")
).union(("between", "under", "over", "around", "facing", "face", "across", "up", "down", "along", "to"))
"""Cues that place a thing rather than lead on, where they follow a landmark with no verb between."""

_SENTENCE = re.compile(r"[^.;!?]+")
_CLAUSE = re.compile(r",|\b(?:and|then|until|once|when|after|while|as)\b", re.IGNORECASE)
_ARTICLES = re.compile(r"^(?:(?:the|a|an|your|another|this|that|both|all|of)\b\s*)+", re.IGNORECASE)
_NAME_ENDS = re.compile(
    r"\s(?:that|which|who|with|where|there|is|are|on|in|at|by|near|next|beside|to|from|into|through|past|for|"
    r"straight|again|ahead|until|before|behind|so|you|your|it|toward|towards|down|up|across|along|out|and|leading|"
    r"between|just|directly|immediately|all|around|over|under|off|inside|about|if|opposite|facing|while|going|headed)\b",
    re.IGNORECASE,
)
_NO_LANDMARK = re.compile(
    r"^(?:(?:left|right|front|first|second|third|straight|side|other|way|it|them|there|here|you|that|this|ahead|"
    r"end|stop|turn|wait|walk|go|once|top|bottom|little|bit|few|steps|feet|direction|forward|be|continue|take|make|"
    r"keep|then|head|slightly|slight|sharp|hard|immediate|immediately|far|all|its|in|on|to|the|of)\b\s*)+$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Found:
    """A cue with its landmark: where both lie in the sentence."""

    start: int
    end: int
    cue: str
    landmark: str


@lru_cache(maxsize=1_000)
def sub_tasks(instruction: str) -> tuple[tuple[str, str, str], ...]:
    """Return (action in the instruction's own words, landmark, piece of the instruction) in order."""
    tasks: list[tuple[str, str, str]] = []
    waiting = ""
    for sentence in _SENTENCE.findall(instruction):
        begin, found = 0, _landmarks(sentence)
        for this, following in zip(found, [*found[1:], None], strict=False):
            action = " ".join([*_CLAUSE.split(sentence[begin : this.start])[-1].lower().split(), this.cue])
            clause_end = _CLAUSE.search(sentence, this.end)
            # What still belongs to the landmark ("on your left") goes with it.
            end = clause_end.start() if clause_end else len(sentence)
            end = this.end if following is not None and following.start < end else end
            text = " ".join(f"{waiting} {sentence[begin:end]}".split())
            tasks.append((action, this.landmark, text.strip(" ,")))
            begin, waiting = end, ""
        waiting = f"{waiting} {sentence[begin:]}".strip(" ,")
    if tasks and waiting:
        action, name, text = tasks[-1]
        tasks[-1] = (action, name, f"{text} {waiting}")
    return tuple(tasks) or _one_task(instruction)


def _one_task(instruction: str) -> tuple[tuple[str, str, str], ...]:
    """Return an instruction that tells no way as one sub-task, about the last thing that it names, if it names any."""
    text = " ".join(instruction.split())
    return (("go to", (names(text) or [text])[-1], text),) if text else ()


def _landmarks(sentence: str) -> list[_Found]:
    """Return the cues of a sentence that have a landmark and lead on to it."""
    kept: list[_Found] = []
    position = 0
    while cue := _CUE.search(sentence, position):
        position = cue.end()
        clause_end = _CLAUSE.search(sentence, cue.end())
        rest = sentence[cue.end() : clause_end.start() if clause_end else len(sentence)]
        name = _name(rest)
        if not name:
            continue
        between = sentence[kept[-1].end : cue.start()] if kept else sentence[: cue.start()]
        said = " ".join(cue.group().lower().split())
        if kept and said in _PLACES and not between.strip():
            continue
        end = cue.end() + rest.index(name) + len(name)
        kept.append(_Found(cue.start(), end, said, name))
        position = end
    return kept


def _name(rest: str) -> str:
    """Return the landmark at the beginning of a text, without article; empty if there is none."""
    text = _ARTICLES.sub("", rest.strip())
    cut = _NAME_ENDS.search(f" {text}", 1)
    name = text[: cut.start() - 1].strip() if cut else text.strip()
    return "" if not name or _NO_LANDMARK.match(name) else name
