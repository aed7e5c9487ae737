"""DiscussNav's experts: each is asked about one thing, and what it says goes into the prompt under its topic.

An expert of your own is a class with a topic, put into DiscussNav's `experts` by its class path:

    class Safety(Expert):
        topic = "Dangers"

        def advise(self, consultation: Consultation) -> str:
            return consultation.ask_text("safety", f"Which ways look dangerous? {consultation.situation.surroundings}")
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from navagent.errors import ContextLengthError
from policies.asking import Asker
from policies.prompts import render
from policies.situation import Situation
from policies.surroundings import NAMES, clockwise

TEXT: Mapping[str, Any] = {"type": "string"}
LIST: Mapping[str, Any] = {"type": "array", "items": TEXT}


@dataclass(frozen=True)
class Consultation:
    """What an expert is asked about, and how it asks a language model itself.

    Attributes:
        asker: The planner, which makes the calls.
        situation: Where the agent is.
        notes: What the experts before it said, by topic.
    """

    asker: Asker
    situation: Situation
    notes: Mapping[str, str]

    def ask(self, purpose: str, prompt: str, fields: Mapping[str, Any], **sampling: Any) -> Mapping[str, Any]:
        """Return a JSON reply's fields; empty if it cannot be used, which is counted: an expert is asked once.

        Args:
            purpose: What the call is for, as the report shows it.
            prompt: The question.
            fields: Properties of the reply's schema, all of them required.
            **sampling: As for `ChatModel.chat`.
        """
        schema = {
            "type": "object",
            "properties": dict(fields),
            "required": list(fields),
            "additionalProperties": False,
        }
        try:
            parsed = self.asker.ask(purpose, [self.situation.message(prompt)], schema, **sampling).parsed[0]
        except ContextLengthError as error:
            self.asker.complain(f"{purpose}: {error}")
            return {}
        if isinstance(parsed, dict):
            return parsed
        self.asker.complain(f"{purpose}: the reply holds no JSON object with {', '.join(fields)}")
        return {}

    def ask_text(self, purpose: str, prompt: str, field: str = "note", **sampling: Any) -> str:
        """Return the one text that is asked for, on one line; nothing if the reply cannot be used."""
        return line(self.ask(purpose, prompt, {field: TEXT}, **sampling).get(field))


def line(value: Any) -> str:
    """Return a text from a reply on one line; nothing if it is none."""
    return " ".join(value.split()) if isinstance(value, str) else ""


def lines(value: Any) -> tuple[str, ...]:
    """Return the texts of a list from a reply; what is no text is left out."""
    return tuple(text for text in map(line, value) if text) if isinstance(value, list) else ()


class Expert(ABC):
    """One adviser.

    Attributes:
        topic: The heading of what it says; experts after it find it in `Consultation.notes` by that.
        once: Whether it is asked once per instruction instead of at every step.
    """

    topic: ClassVar[str]
    once: ClassVar[bool] = False

    @abstractmethod
    def advise(self, consultation: Consultation) -> str:
        """Return what to tell the planner; nothing is left out of the prompt."""


class Translation(Expert):
    """Translates the instruction into English; says nothing if it is English already."""

    topic = "Translation"
    once = True

    def advise(self, consultation: Consultation) -> str:
        """Ask once."""
        instruction = line(consultation.situation.instruction)
        prompt = render("discussnav_translate", instruction=instruction)
        said = consultation.ask_text("translate", prompt, "translation")
        return "" if said.casefold() == instruction.casefold() else said


class ActionDecomposition(Expert):
    """Cuts the instruction into its actions, one numbered line each; the whole instruction if that fails."""

    topic = "Actions"
    once = True

    def advise(self, consultation: Consultation) -> str:
        """Ask once."""
        instruction = consultation.notes.get(Translation.topic) or line(consultation.situation.instruction)
        prompt = render("discussnav_actions", instruction=instruction)
        actions = lines(consultation.ask("decompose actions", prompt, {"actions": LIST}).get("actions"))
        return "\n".join(f"{number}. {action}" for number, action in enumerate(actions or (instruction,), start=1))


class LandmarkExtraction(Expert):
    """Lists the landmarks of the actions."""

    topic = "Landmarks"
    once = True

    def advise(self, consultation: Consultation) -> str:
        """Ask once."""
        instruction = line(consultation.situation.instruction)
        actions = " ".join(consultation.notes.get(ActionDecomposition.topic, instruction).split())
        prompt = render("discussnav_landmarks", instruction=instruction, actions=actions)
        found = lines(consultation.ask("extract landmarks", prompt, {"landmarks": LIST}).get("landmarks"))
        return ", ".join(dict.fromkeys(found))


class LandmarkPerception(Expert):
    """Says in which directions with a way on the landmarks are seen, by their last words in the direction's text."""

    topic = "Landmarks in sight"

    def advise(self, consultation: Consultation) -> str:
        """Compare words; no call."""
        landmarks = [text.strip() for text in consultation.notes.get(LandmarkExtraction.topic, "").split(",")]
        situation = consultation.situation
        found = []
        for name, way, candidates in clockwise(situation.observation, situation.description):
            seen = _words(" ".join([way.text, *(thing.name for thing in way.objects)]))
            here = [landmark for landmark in landmarks if _words(landmark)[-1:] and _words(landmark)[-1] in seen]
            if candidates and here:
                found.append(f"{NAMES[name]}: {', '.join(here)}")
        return "; ".join(found)


class CompletionEstimation(Expert):
    """Estimates which actions are done."""

    topic = "Executed actions"

    def advise(self, consultation: Consultation) -> str:
        """Ask once."""
        notes = consultation.notes
        prompt = render(
            "discussnav_completion",
            instruction=line(consultation.situation.instruction),
            actions=notes.get(ActionDecomposition.topic, "not known"),
            landmarks=notes.get(LandmarkExtraction.topic) or "none",
            history=consultation.situation.past,
        )
        said = consultation.ask("estimate completion", prompt, {"thought": TEXT, "done": LIST})
        return "; ".join(lines(said.get("done"))) or ("none" if said else "not known")


def paper_experts() -> list[Expert]:
    """Return the experts that the paper consults before a prediction."""
    return [Translation(), ActionDecomposition(), LandmarkExtraction(), LandmarkPerception(), CompletionEstimation()]


def _words(text: str) -> list[str]:
    """Return a text's words, singular as far as a final s tells."""
    return [word.removesuffix("s") for word in re.findall(r"[a-z]+", text.lower())]
