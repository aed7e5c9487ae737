"""What every language model planner extends.

A planner is a policy. This class perceives, asks, checks, retries, falls back, remembers and traces; a subclass writes
the prompt and, if it wants another reply than the default JSON object, reads the reply:

    class MyPlanner(Planner):
        def prompt(self, situation: Situation) -> str:
            return f"Follow: {situation.instruction} Seen so far: {situation.history} Now: {situation.surroundings}"
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from navagent.contracts import ChatModel, Describer, Policy
from navagent.errors import ChatError, ConfigError, ContextLengthError, listing
from navagent.llm.text_tokens import estimate_tokens
from navagent.perception.no_texts import NoTexts
from navagent.types import (
    Action,
    Call,
    Decision,
    Episode,
    Image,
    Message,
    MoveTo,
    Observation,
    Reply,
    Stop,
)
from policies.asking import Procedure
from policies.map_memory import MapMemory, take_plan, with_plan
from policies.pictures import Pictures, Sight, check_sight, look
from policies.prompts import render
from policies.situation import STOP, Choice, Memory, ReplyError, Situation, sentence
from policies.surroundings import side

__all__ = ["STOP", "Choice", "Memory", "Planner", "ReplyError", "Situation", "sentence"]


class Planner(Policy):
    """A policy that asks a language model at every step.

    Legal moves are the candidates and STOP, enforced here and never by the prompt. A reply that cannot be used is sent
    back with the reason, at most `max_retries` times; then the fallback decides, and the run's summary counts it.

    Args:
        llm: The chat model.
        describer: Puts observations into words.
        max_steps: Decisions after which the episode ends where the agent stands.
        max_retries: How often a reply that cannot be used is asked for again.
        fallback: What to do when no reply was usable: stop, or go to the candidate nearest straight ahead.
        temperature: Sampling temperature.
        memory: What is remembered: a `list` of past decisions, or a `map`, too, as MapGPT's (`policies.map_memory`).
        procedure: How a reply is come to; None asks once.
        prompt_tokens: Most tokens of a request, by `navagent.llm.text_tokens`. A longer prompt loses the older half of
            its memories and the farther half of its map until it fits; if nothing is left to lose, it is not sent.
        view: What the model gets of the surroundings: the describer's `text`, pictures in its place (`image`; the
            describer is not asked then), or `both`.
        pictures: Which pictures, and how large.
    """

    system: str = ""
    """System message; none if empty."""

    samples: int = 1
    """Answers to the deciding call; `conclude` makes one choice of them."""

    def __init__(
        self,
        llm: ChatModel,
        describer: Describer,
        max_steps: int = 10,
        max_retries: int = 2,
        fallback: Literal["stop", "forward"] = "stop",
        temperature: float = 0.0,
        memory: Literal["list", "map"] = "list",
        procedure: Procedure | None = None,
        prompt_tokens: int | None = None,
        view: Sight = "text",
        pictures: Pictures | None = None,
    ) -> None:
        if max_steps < 1 or max_retries < 0:
            raise ConfigError(f"max_steps must be at least 1 and max_retries 0, not {max_steps} and {max_retries}.")
        if prompt_tokens is not None and prompt_tokens < 1:
            raise ConfigError(f"prompt_tokens must be at least 1, not {prompt_tokens}.")
        check_sight(llm, view)
        self.llm = llm
        self.describer = describer = NoTexts() if view == "image" else describer
        self.view = view
        self.pictures = pictures or Pictures()
        self.max_steps = max_steps
        self.max_retries = max_retries
        self.fallback = fallback
        self.temperature = temperature
        self.memory = memory
        self.procedure = procedure
        self.prompt_tokens = prompt_tokens
        self.needs = frozenset({"candidates"}) | describer.needs
        self.needs |= {"panorama"} if view != "text" else set()
        self.privileged = describer.privileged
        self._memories: list[Memory] = []
        self._remembered: Observation | None = None
        self._map = MapMemory() if memory == "map" else None
        self._calls: list[Call] = []
        self._problems: list[str] = []

    # ------------------------------------------------------------------------------ what a subclass writes
    @abstractmethod
    def prompt(self, situation: Situation) -> str:
        """Return the user message that asks for the next move."""

    def schema(self, situation: Situation) -> Mapping[str, Any] | None:
        """Return the JSON schema of a reply, or None for free text that `read` understands."""
        return {
            "type": "object",
            "properties": {
                "thought": {"type": "string"},
                "action": {"type": "string", "enum": list(situation.options)},
            },
            "required": ["thought", "action"],
            "additionalProperties": False,
        }

    def read(self, reply: Reply, situation: Situation) -> Choice:
        """Return what a reply decides.

        Raises:
            ReplyError: The reply cannot be used; the text tells the model why.
        """
        parsed = reply.parsed[0]
        if not isinstance(parsed, dict):
            raise ReplyError('your reply holds no JSON object of the form {"thought": "...", "action": "..."}')
        return Choice(str(parsed["action"]), str(parsed["thought"]))

    def may_stop(self, observation: Observation) -> bool:
        """Return whether `STOP` is an option here; where no way leads on it always is."""
        return True

    def conclude(self, reply: Reply, situation: Situation) -> Choice:
        """Return the choice that the deciding call's answers come to.

        Raises:
            ReplyError: None of them can be used.
        """
        return self.read_legal(reply, situation)

    def summarise(self, situation: Situation, choice: Choice) -> str:
        """Return the sentence by which the history remembers this place."""
        return sentence(situation.description.summary)

    def shorten(self, thought: str) -> str:
        """Return a thought as the history remembers it."""
        return thought

    # ---------------------------------------------------------------------------------------- what it does
    def reset(self, episode: Episode) -> None:
        """Forget the last episode."""
        self._memories = []
        self._remembered = None
        if self._map is not None:
            self._map.reset()

    def overruled(self, observation: Observation, action: Action) -> None:
        """Remember the move that was really made instead of the one decided on this observation."""
        mine = self._memories.pop() if self._remembered is observation else None
        self._remembered = None
        if isinstance(action, MoveTo):
            situation = self._look(observation)
            if self._map is not None:
                self._map.give_up()
            choice = Choice(action.candidate_id)
            # Never a subclass's sentence: that may take a call to the model, which no decision would carry.
            self._remember(situation, choice, mine.summary if mine else Planner.summarise(self, situation, choice))

    def fingerprints(self) -> Mapping[str, str]:
        """Return the describer's data sources."""
        return self.describer.fingerprints()

    def act(self, observation: Observation) -> Decision:
        """Ask until a reply is usable or the retries are used up; on a walk across the map, go on with it."""
        self._calls, self._problems = [], []
        situation = self._look(observation)
        if self._map is not None and (move := self._map.go_on(observation)) is not None:
            choice = Choice(move, f"on the way to {self._map.goal}")
            self._remember(situation, choice, Planner.summarise(self, situation, choice))
            return Decision(MoveTo(move), choice.thought)
        usable, problems = self._decide(situation)
        chosen = usable or self._fall_back(situation)
        action: Action = Stop()
        if chosen.action != STOP:
            action = MoveTo(self._first_move(chosen))
            self._remember(situation, replace(chosen, action=action.candidate_id))
        return Decision(action, chosen.thought, tuple(self._calls), tuple(problems), fallback=usable is None)

    def ask(
        self,
        purpose: str,
        messages: Sequence[Message],
        schema: Mapping[str, Any] | None = None,
        n: int = 1,
        **sampling: Any,
    ) -> Reply:
        """Call the chat model and keep the call for the trace."""
        sampling = {"temperature": self.temperature, **sampling}
        try:
            self._check_length(messages, schema)
            reply = self.llm.chat(messages, schema, n, **sampling)
        except ChatError as error:
            error.calls = tuple(self._calls)
            raise
        self._calls.append(Call(purpose, tuple(messages), reply))
        return reply

    def sampling(self) -> dict[str, Any]:
        """Return further sampling parameters of the deciding call."""
        return {}

    def complain(self, problem: str) -> None:
        """Count a reply that could not be used, with the reason."""
        self._problems.append(problem)

    def read_legal(self, reply: Reply, situation: Situation) -> Choice:
        """Return the legal action that a reply decides, with its plan.

        Raises:
            ReplyError: The reply cannot be used, or its action is not legal.
        """
        if situation.map is None:
            return self._check(self.read(reply, situation), situation)
        bare, plan = take_plan(reply)
        return replace(self._check(self.read(bare, situation), situation), plan=plan)

    def _look(self, observation: Observation) -> Situation:
        """Return all that is known here, this observation drawn on the map."""
        description = self.describer.describe(observation)
        pictures: tuple[Image, ...] = ()
        if self.view != "text":
            description, pictures = look(observation, description, self.pictures, self.view)
        if self._map is not None:
            self._map.see(observation, description)
        known = self._map.snapshot() if self._map is not None else None
        return Situation(observation, description, tuple(self._memories), known, self.may_stop(observation), pictures)

    def _first_move(self, chosen: Choice) -> str:
        """Return the move that leads to what was chosen."""
        if self._map is None:
            return chosen.action
        self._map.plan = chosen.plan or self._map.plan
        return self._map.set_out(chosen.action)

    def _messages(self, situation: Situation) -> list[Message]:
        start = [Message("system", self.system)] if self.system else []
        wish = "" if situation.map is None else "\n\n" + render("map_reply")
        return [*start, situation.message(self.prompt(situation) + wish, every_picture=True)]

    def _form(self, situation: Situation) -> Mapping[str, Any] | None:
        schema = self.schema(situation)
        return schema if situation.map is None else with_plan(schema)

    def _check_length(self, messages: Sequence[Message], schema: Mapping[str, Any] | None) -> None:
        most = self.prompt_tokens
        if most is not None and (tokens := estimate_tokens(messages, schema)) > most:
            raise ContextLengthError(f"the request has about {tokens} tokens, prompt_tokens allows {most}")

    def fit(self, situation: Situation) -> Situation:
        """Return a situation light enough for a deciding call within `prompt_tokens`, or as light as it gets."""
        if self.prompt_tokens is None:
            return situation
        most = self.prompt_tokens - (self.procedure.extra_tokens if self.procedure is not None else 0)
        while estimate_tokens(self._messages(situation), self._form(situation)) > most:
            lighter = situation.lighter()
            if lighter == situation:
                break
            situation = lighter
        return situation

    def _answer(self, messages: Sequence[Message], situation: Situation) -> Reply:
        """Return the reply, or the procedure's, to the deciding call."""
        form, sampling = self._form(situation), self.sampling()
        if self.procedure is None:
            return self.ask("decide", messages, form, self.samples, **sampling)
        return self.procedure.reply(self, messages, form, self.samples, **sampling)

    def _decide(self, situation: Situation) -> tuple[Choice | None, list[str]]:
        """Return the first usable choice, or None, with the reasons why replies were rejected."""
        situation = self.fit(situation)
        messages = self._messages(situation)
        for _ in range(1 + self.max_retries):
            try:
                reply = self._answer(messages, situation)
                return self.conclude(reply, situation), self._problems
            except ReplyError as error:
                self.complain(str(error))
                said = Message("assistant", reply.text or "(empty)")
                messages = [*messages, said, Message("user", f"That cannot be used: {error}. Try again.")]
            except ContextLengthError as error:
                self.complain(str(error))
                # Asking again only helps if the request becomes shorter: without the rejected replies, and with the
                # newer half of the memories.
                longest = messages
                situation = situation.lighter()
                messages = self._messages(situation)
                if messages == longest:
                    break
        return None, self._problems

    def _check(self, choice: Choice, situation: Situation) -> Choice:
        if choice.action not in situation.options:
            legal = listing(situation.options, most=99)
            raise ReplyError(f"'{choice.action[:80]}' is no legal action here; the legal ones are {legal}")
        return choice

    def _fall_back(self, situation: Situation) -> Choice:
        candidates = situation.observation.candidates or ()
        if self.fallback == "stop" or not candidates:
            return Choice(STOP, "fallback: no usable reply")
        ahead = min(candidates, key=lambda candidate: abs(candidate.heading))
        return Choice(ahead.id, "fallback: no usable reply")

    def _remember(self, situation: Situation, choice: Choice, summary: str | None = None) -> None:
        heading = next(c.heading for c in situation.observation.candidates or () if c.id == choice.action)
        turn, thought = side(heading), choice.thought
        walked = f"went {turn}" if turn == "ahead" else f"turned {turn} degrees"
        action = f"{walked} to {choice.action}"
        if summary is None:
            summary, thought = self.summarise(situation, choice), self.shorten(thought)
        self._memories.append(Memory(situation.observation.viewpoint, summary, action, thought))
        if self._map is not None:
            self._map.moved_to(choice.action)
        self._remembered = situation.observation
