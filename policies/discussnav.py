"""DiscussNav: discuss with experts before every move (Long et al. 2023, arXiv 2309.11382; code LYX0501/DiscussNav).

As in the paper: once per instruction it is translated, cut into actions, and its landmarks are extracted (3 calls). At
every step an expert estimates which actions are done (1 call), five predictions with their thoughts are sampled in one
request at temperature 1, the thoughts for each viewpoint are fused into one (a call per viewpoint), a judge chooses
only if the predictions disagree (1 call), and after a move what was seen and thought is summarised (2 calls).

Departures, each with its reason:
    * STOP is a decision (`stop: decide`). The public code never stops: it makes 5 steps if the instruction has at most
      5 actions, else 7; `stop: budget` does so.
    * Legal moves are the neighbours, all of them. The public code hides directions that hold visited viewpoints only,
      so it cannot leave a dead end, and lists the first viewpoint of each direction.
    * Predictions that cannot be used are dropped; only if none is left all are asked for again, with the reason, at
      most 4 times as there. There one bad prediction of five discards the others; the fifth time ends the episode.
    * After three bad judgements the most frequent prediction is taken; there the run breaks.
    * Perception is the describer's, in 8 directions instead of 12 views; a direction's landmarks are found by words.
    * Analyses are kept per episode, which is one instruction; there by text, so that equal texts share one.
    * The scored path holds the start viewpoint, as the environment keeps it; there TL is too small, SPL too large.
    * The prompts are our own words, and replies are JSON objects.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from navagent.contracts import ChatModel, Describer
from navagent.errors import ConfigError, ContextLengthError
from navagent.types import Episode, Message, Observation, Reply
from policies.decision_testing import DecisionTesting, Tester
from policies.experts import ActionDecomposition, Consultation, Expert, paper_experts
from policies.planner import STOP, Choice, Planner, ReplyError, Situation, sentence
from policies.prompts import render
from policies.surroundings import towards

FEW_ACTIONS, SHORT_BUDGET, LONG_BUDGET = 5, 5, 7
"""The public code's steps: 5 for instructions of at most 5 actions, else 7 (`step_length`)."""


class DiscussNav(Planner):
    """Long et al.'s zero-shot navigator.

    Args:
        llm: The chat model of the agent and of all experts.
        describer: Puts observations into words.
        experts: Whom to consult before predictions, in this order; by default the paper's (`policies.experts`).
        tester: How one of several predictions is chosen; by default the paper's decision testing expert.
        samples: Predictions per step.
        stop: Whether the agent decides to stop (`decide`), or makes a fixed number of moves (`budget`).
        history: How a step is remembered: by what the model writes of it (`llm`), or as it is (`template`).
        max_steps: Decisions after which the episode ends where the agent stands.
        max_retries: How often predictions are asked for again if none can be used.
        temperature: Sampling temperature of all calls but the judge's.
        **planner: Further options of every planner, as `fallback` and `memory`.
    """

    def __init__(
        self,
        llm: ChatModel,
        describer: Describer,
        experts: list[Expert] | None = None,
        tester: Tester | None = None,
        samples: int = 5,
        stop: Literal["decide", "budget"] = "decide",
        history: Literal["llm", "template"] = "llm",
        max_steps: int = 10,
        max_retries: int = 4,
        temperature: float = 1.0,
        **planner: Any,
    ) -> None:
        super().__init__(llm, describer, max_steps, max_retries, temperature=temperature, **planner)
        if samples < 1:
            raise ConfigError(f"samples must be at least 1, not {samples}.")
        self.experts = paper_experts() if experts is None else experts
        topics = [expert.topic for expert in self.experts]
        if len(set(topics)) < len(topics):
            raise ConfigError(f"Two of the experts share a topic: {', '.join(topics)}. Remove one.")
        self.tester = DecisionTesting() if tester is None else tester
        self.samples = samples
        self.stop = stop
        self.history = history
        self.system = render("discussnav_system")
        self._analysis: dict[str, str] = {}
        self._notes: Mapping[str, str] = {}

    def reset(self, episode: Episode) -> None:
        """Forget the last episode and the analysis of its instruction."""
        super().reset(episode)
        self._analysis = {}

    def may_stop(self, observation: Observation) -> bool:
        """Return whether the agent decides itself when to stop."""
        return self.stop == "decide"

    def prompt(self, situation: Situation) -> str:
        """Return instruction, the experts' notes, history and the directions with a way on."""
        return render(
            "discussnav_step",
            instruction=situation.instruction,
            notes="\n".join(f"{topic}:{_indented(note)}" for topic, note in self._notes.items() if note),
            history=situation.history,
            viewpoint=situation.observation.viewpoint or "unknown",
            moves=str(situation.observation.step),
            most_moves=str(self._budget() if self.stop == "budget" else self.max_steps),
            surroundings=situation.ways_on,
            options="an id above" if STOP not in situation.options else "an id above, or stop",
        )

    def conclude(self, reply: Reply, situation: Situation) -> Choice:
        """Group the predictions by action and let the tester choose."""
        groups: dict[str, list[Choice]] = {}
        problems: list[ReplyError] = []
        for text, parsed in zip(reply.texts, reply.parsed, strict=True):
            try:
                choice = self.read_legal(replace(reply, texts=(text,), parsed=(parsed,)), situation)
                groups.setdefault(choice.action, []).append(choice)
            except ReplyError as error:
                problems.append(error)
        if not groups:
            raise problems[0]
        for problem in problems:
            self.complain(f"a prediction was dropped: {problem}")
        return self.tester.choose(groups, Consultation(self, situation, self._notes))

    def summarise(self, situation: Situation, choice: Choice) -> str:
        """Return a sentence of what was seen towards the viewpoint moved to."""
        if self.history == "template":
            return super().summarise(situation, choice)
        candidate = next(c for c in situation.observation.candidates or () if c.id == choice.action)
        way = towards(candidate, situation.description.directions)
        objects = ", ".join(seen.name for seen in way.objects)
        said = self._summary("summarise observation", "discussnav_seen", seen=way.text, objects=objects or "none")
        return said or super().summarise(situation, choice)

    def shorten(self, thought: str) -> str:
        """Return a thought in one sentence."""
        if self.history == "template":
            return thought
        return self._summary("summarise thought", "discussnav_thought", thought=thought) or thought

    def _decide(self, situation: Situation) -> tuple[Choice | None, list[str]]:
        if self.stop == "budget" and situation.observation.step >= self._budget():
            return Choice(STOP, f"the budget of {self._budget()} moves is used up"), self._problems
        situation = self.fit(situation)
        self._notes = self._consult(situation)
        return super()._decide(situation)

    def _consult(self, situation: Situation) -> dict[str, str]:
        """Return every expert's note by topic, in the experts' order."""
        notes: dict[str, str] = {}
        for expert in self.experts:
            if expert.once and expert.topic in self._analysis:
                notes[expert.topic] = self._analysis[expert.topic]
                continue
            notes[expert.topic] = expert.advise(Consultation(self, situation, notes))
            if expert.once:
                self._analysis[expert.topic] = notes[expert.topic]
        return notes

    def _budget(self) -> int:
        actions = len(self._analysis.get(ActionDecomposition.topic, "").splitlines())
        return SHORT_BUDGET if actions <= FEW_ACTIONS else LONG_BUDGET

    def _summary(self, purpose: str, prompt: str, **values: str) -> str:
        try:
            return sentence(self.ask(purpose, [Message("user", render(prompt, **values))]).text)
        except ContextLengthError as error:
            self.complain(f"{purpose}: {error}")
            return ""


def _indented(note: str) -> str:
    return " " + note if "\n" not in note else "\n  " + note.replace("\n", "\n  ")
