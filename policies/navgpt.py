"""NavGPT: explicit reasoning over text descriptions (Zhou et al. 2023, arXiv 2305.16986; code GengzeZhou/NavGPT).

As in the paper: eight 45-degree sectors relative to the agent's heading, objects within 3 m, navigable viewpoints with
angle and distance, a history of one sentence per visited viewpoint with the thought that led on, only the newest
observation in full, thought before action, temperature 0, at most 10 decisions, and a spent budget ends the episode
where the agent stands.

Departures from the public code, each for a defect there:
    * Legal moves are the neighbours; `agent.py` tests an id against all viewpoints of the scan, so the agent teleports.
    * Sectors are taken modulo 8; `agent.py` loses neighbours at 337.5 degrees or more.
    * A reply that cannot be parsed is asked for again within the step; there it costs one of the 10 decisions.
    * The prompts are our own words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from navagent.contracts import ChatModel, Describer
from navagent.errors import ContextLengthError
from navagent.llm.json_text import without_thinking
from navagent.types import Reply
from policies.planner import STOP, Choice, Planner, ReplyError, Situation, sentence
from policies.prompts import render

HISTORY_CHARACTERS = 7000
"""The public code keeps the last 7,000 characters of its scratchpad (`agent.py`, `MAX_SCRATCHPAD_LENGTH`), the newest
observation included; here they are the history's alone, so that the newest observation is never cut."""

_FINISHED = re.compile(r"Final\s+Answer\s*:", re.IGNORECASE)
_MOVE = re.compile(r"Action\s+Input\s*:\s*[\"'`]?([^\s\"'`]+)", re.IGNORECASE)
_THOUGHT = re.compile(r"\s*(?:Thought\s*:)?(.*?)(?=Action\s*:|Action\s+Input\s*:|Final\s+Answer\s*:|$)", re.I | re.S)


class NavGPT(Planner):
    """Zhou et al.'s zero-shot navigator.

    Args:
        llm: The chat model.
        describer: Puts observations into words; `NavGPTTexts` holds the authors' own.
        style: How the model replies: `react` text as in the paper, or a `json` object.
        history: How a visited place is remembered: by its summary (`template`), or by a sentence that the model
            writes for the instruction at hand (`llm`, one more call per move).
        **planner: Options of every planner, as `fallback` and `memory`.
    """

    def __init__(
        self,
        llm: ChatModel,
        describer: Describer,
        style: Literal["react", "json"] = "react",
        history: Literal["template", "llm"] = "template",
        **planner: Any,
    ) -> None:
        super().__init__(llm, describer, **planner)
        self.style = style
        self.history = history
        self.system = render("navgpt_system", reply_format=render(f"navgpt_{style}"))

    def prompt(self, situation: Situation) -> str:
        """Return instruction, history and the newest observation."""
        return render(
            "navgpt_step",
            instruction=situation.instruction,
            history=situation.with_map(_newest(situation.past, HISTORY_CHARACTERS)),
            viewpoint=situation.observation.viewpoint or "unknown",
            moves=str(situation.observation.step),
            most_moves=str(self.max_steps),
            surroundings=situation.surroundings,
        )

    def schema(self, situation: Situation) -> Mapping[str, Any] | None:
        """Return the default schema in `json` style, None in `react` style."""
        return super().schema(situation) if self.style == "json" else None

    def sampling(self) -> dict[str, Any]:
        """Cut `react` text before the model invents the next observation, as the public code's agent library does."""
        return {"stop": ["\nObservation:"]} if self.style == "react" else {}

    def read(self, reply: Reply, situation: Situation) -> Choice:
        """Read the JSON object, or the first action of a ReAct text."""
        return super().read(reply, situation) if self.style == "json" else _read_react(reply.text)

    def summarise(self, situation: Situation, choice: Choice) -> str:
        """Return the place's summary, or the sentence that the model writes of it."""
        if self.history == "template":
            return super().summarise(situation, choice)
        text = render(
            "navgpt_summarise",
            instruction=situation.instruction,
            thought=choice.thought,
            surroundings=situation.surroundings,
        )
        try:
            said = sentence(self.ask("summarise", [situation.message(text)]).text)
        except ContextLengthError:
            said = ""
        return said or super().summarise(situation, choice)


def _read_react(text: str) -> Choice:
    text = without_thinking(text)
    move, finished = _MOVE.search(text), _FINISHED.search(text)
    thought = _THOUGHT.match(text)
    reason = " ".join(thought.group(1).split()) if thought else ""
    # A model that goes on past its first action talks about a future it has not seen: the first one counts.
    if finished and (move is None or finished.start() < move.start()):
        return Choice(STOP, reason)
    if move is None:
        raise ReplyError("your reply has neither a line 'Action Input: <viewpoint id>' nor 'Final Answer: Finished'")
    return Choice(move.group(1).strip(".,;"), reason)


def _newest(history: str, characters: int) -> str:
    """Return the last whole lines that fit into `characters`."""
    if len(history) <= characters:
        return history
    kept = history[-characters:]
    return "(earlier steps left out)\n" + kept[kept.find("\n") + 1 :]
