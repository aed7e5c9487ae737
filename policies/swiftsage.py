"""SwiftSage: fast moves by a small policy, slow plans by a language model (Lin et al. 2023, arXiv 2305.17390).

As in the paper (and its code, yuchenlin/SwiftSage): the fast policy moves until a condition of `policies.switches`
holds. Then the slow half makes two calls at temperature 0: a plan by five questions, which sees the fast policy's
guess and what went wrong, and its grounding into typed actions, which fill a buffer. The buffer is carried out before
the fast policy is asked again.

Departures, and why:
    * The fast half is any `Policy`, where the paper tunes a Flan-T5 on its game's trajectories.
    * The code keeps most of the fast policy's valid actions by counts that its paper does not give (fewer than 10
      actions so far, fewer than 5 since the last plan, any reward in the last 5). Here the paper's four conditions
      decide alone, and each can be left out. From the code comes the rule that after two plans in a row the fast
      policy decides.
    * The conditions are read for buildings, see `policies.switches`; actions are typed for them, see
      `policies.buffer`.
    * A buffered action that cannot be carried out where its turn comes, or a move that does not get the agent away
      from its place, empties the buffer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

from navagent.contracts import ChatModel, Describer, Policy
from navagent.errors import ChatError, ConfigError
from navagent.types import Action, Decision, Episode, Message, MoveTo, Observation, Stop
from policies.buffer import Move, carry_out, moves_schema, read_moves
from policies.pictures import Pictures, Sight
from policies.planner import Planner
from policies.prompts import render
from policies.retries import ask_until_usable
from policies.situation import Choice, ReplyError, Situation
from policies.surroundings import side
from policies.switches import SWITCHES, Signs, Switch, Watch

ANSWERS = ("needed", "missing", "progress", "mistakes")
MOST_SUBGOALS = 5
"""The paper's third question asks for at most five."""

MOST_CHARACTERS = 600
"""Of each of the plan's answers, so that a talkative plan does not fill the second prompt."""


class SwiftSage(Planner):
    """Lin et al.'s agent.

    Args:
        llm: The slow half's chat model.
        describer: Puts observations into words for the slow half.
        fast: The fast half.
        switches: Conditions under which the slow half takes over.
        patience: Steps without progress that make the agent stuck.
        most_plans: Plans in a row after which the fast policy decides whatever the conditions say.
        most_moves: Moves that one plan may put into the buffer.
        max_steps: Decisions after which the episode ends where the agent stands.
        max_retries: How often a reply that cannot be used is asked for again.
        fallback: What to do when no reply was usable and the fast policy's move is not legal either.
        temperature: Sampling temperature.
        prompt_tokens: Most tokens of the slow half's requests, as every planner's.
        view: What the slow half gets of the surroundings: `text`, pictures in its place (`image`), or `both`.
        pictures: Which pictures, and how large.
    """

    def __init__(
        self,
        llm: ChatModel,
        describer: Describer,
        fast: Policy,
        switches: tuple[Switch, ...] = get_args(Switch),
        patience: int = 5,
        most_plans: int = 2,
        most_moves: int = 5,
        max_steps: int = 15,
        max_retries: int = 2,
        fallback: Literal["stop", "forward"] = "stop",
        temperature: float = 0.0,
        prompt_tokens: int | None = None,
        view: Sight = "text",
        pictures: Pictures | None = None,
    ) -> None:
        super().__init__(
            llm,
            describer,
            max_steps,
            max_retries,
            fallback,
            temperature=temperature,
            prompt_tokens=prompt_tokens,
            view=view,
            pictures=pictures,
        )
        if min(patience, most_plans, most_moves) < 1:
            raise ConfigError(
                "patience, most_plans and most_moves must be at least 1, not "
                f"{patience}, {most_plans} and {most_moves}."
            )
        self.fast = fast
        self.switches = tuple(switches)
        self.patience = patience
        self.most_plans = most_plans
        self.most_moves = most_moves
        self.needs |= fast.needs
        self.privileged |= fast.privileged
        self._forget()

    def _forget(self) -> None:
        self._watch = Watch()
        self._buffer: list[Move] = []
        self._plans_in_a_row = 0
        self._instinct = ""
        self._wrong: list[str] = []
        self._reasons: tuple[Switch, ...] = ()

    def reset(self, episode: Episode) -> None:
        """Forget the last episode."""
        super().reset(episode)
        self.fast.reset(episode)
        self._forget()

    def fingerprints(self) -> Mapping[str, str]:
        """Return the data sources of both halves."""
        return {**self.fast.fingerprints(), **super().fingerprints()}

    # ------------------------------------------------------------------------------------------- deciding
    def act(self, observation: Observation) -> Decision:
        """Go on with the buffer, else let the fast policy decide unless a condition hands over to the slow half."""
        self._calls, self._problems, self._wrong = [], [], []
        situation = self._look(observation)
        self._watch.look(observation, situation.description)
        buffered = self._next_of_buffer(situation)
        if buffered is not None:
            return self._do(situation, buffered, "slow, from the buffer", by_fast=False)
        proposal = self._ask_fast(observation)
        signs = self._signs(proposal, observation)
        self._reasons = tuple(name for name in self.switches if SWITCHES[name][0](signs))
        if self._reasons and self._plans_in_a_row < self.most_plans:
            return self._decide_slowly(situation, proposal, signs)
        self._plans_in_a_row = 0
        if is_possible(proposal.action, observation):
            return self._do(situation, proposal.action, f"fast: {proposal.thought}", True, proposal.fallback)
        self.complain("the fast policy's action is not legal here")
        return self._give_up(situation)

    def _next_of_buffer(self, situation: Situation) -> Action | None:
        """Return the buffer's next action; empty the buffer if that cannot be carried out or the world surprised."""
        if self._buffer and (situation.observation.collided or self._watch.stayed):
            self._wrong.append("a planned move did not get the robot away from its place")
            self._buffer = []
        if not self._buffer:
            return None
        move = self._buffer.pop(0)
        action = carry_out(move, situation)
        if action is None:
            self._wrong.append(f"the planned move '{move}' could not be made here")
            self._buffer = []
        return action

    def _ask_fast(self, observation: Observation) -> Decision:
        try:
            decided = self.fast.act(observation)
        except ChatError as error:
            error.calls = (*self._calls, *error.calls)
            raise
        proposal = decided if isinstance(decided, Decision) else Decision(decided)
        self._calls += proposal.calls
        self._problems += proposal.problems
        return proposal

    def _signs(self, proposal: Decision, observation: Observation) -> Signs:
        return Signs(
            proposal.action,
            legal=is_possible(proposal.action, observation) and not proposal.fallback,
            idle_steps=self._watch.idle_steps,
            patience=self.patience,
            collided=observation.collided,
            stayed=self._watch.stayed,
            returned=self._watch.returned,
        )

    def _decide_slowly(self, situation: Situation, proposal: Decision, signs: Signs) -> Decision:
        """Plan, ground, and make the first move; without a usable plan the fast policy's move is made."""
        self._plans_in_a_row += 1
        self._watch.took_over()
        self._instinct = _told(proposal.action, situation.observation) if signs.legal else "do nothing that is possible"
        reasons = ", ".join(self._reasons)
        found = self._plan_and_ground(situation)
        if found is not None:
            plan, moves = found
            self._buffer = list(moves[1:])
            action = carry_out(moves[0], situation)
            assert action is not None  # `read_moves` takes no other first move
            thought = f"slow, because {reasons}: {plan['progress']} Moves: {', '.join(map(str, moves))}."
            return self._do(situation, action, thought, by_fast=False)
        if signs.legal:
            thought = f"fast, since no plan was usable: {proposal.thought}"
            return self._do(situation, proposal.action, thought, by_fast=True, fallback=True)
        return self._give_up(situation)

    def _give_up(self, situation: Situation) -> Decision:
        choice = self._fall_back(situation)
        action: Action = Stop() if choice.action not in _ids(situation.observation) else MoveTo(choice.action)
        return self._do(situation, action, choice.thought, by_fast=False, fallback=True)

    def _do(
        self, situation: Situation, action: Action, thought: str, by_fast: bool, fallback: bool = False
    ) -> Decision:
        """Remember an action in both halves and decide it."""
        if isinstance(action, MoveTo):
            self._remember(situation, Choice(action.candidate_id))
        if not by_fast:
            self.fast.overruled(situation.observation, action)
        self._watch.acted(action, by_fast)
        return Decision(action, thought, tuple(self._calls), tuple(self._problems), fallback)

    # ------------------------------------------------------------------------------------------ slow half
    def prompt(self, situation: Situation) -> str:
        """Return the five questions."""
        return render(
            "swiftsage_plan",
            reasons=" and ".join(SWITCHES[name][1] for name in self._reasons),
            instruction=situation.instruction,
            history=situation.history,
            viewpoint=situation.observation.viewpoint or "unknown",
            moves=str(situation.observation.step),
            most_moves=str(self.max_steps),
            surroundings=situation.surroundings,
            instinct=self._instinct,
            mistakes="; ".join(self._wrong) or "nothing that is known",
        )

    def schema(self, situation: Situation) -> Mapping[str, Any]:
        """Return the schema of a plan."""
        answers: dict[str, Any] = {name: {"type": "string"} for name in ANSWERS}
        answers["subgoals"] = {"type": "array", "items": {"type": "string"}, "maxItems": MOST_SUBGOALS}
        return {"type": "object", "properties": answers, "required": list(answers), "additionalProperties": False}

    def _plan_and_ground(self, situation: Situation) -> tuple[dict[str, str], tuple[Move, ...]] | None:
        plan = self._plan(situation)
        moves = self._ground(situation, plan) if plan is not None else None
        return (plan, moves) if plan is not None and moves is not None else None

    def _plan(self, situation: Situation) -> dict[str, str] | None:
        """Ask the five questions with as many memories as `prompt_tokens` and the model allow."""
        seen = self.fit(situation)

        def shorter() -> Sequence[Message] | None:
            nonlocal seen
            longest, seen = seen, seen.lighter()
            return None if seen == longest else self._messages(seen)

        messages, form = self._messages(seen), self.schema(seen)
        return ask_until_usable(self.ask, "plan", messages, form, _read_plan, self.max_retries, self.complain, shorter)

    def _ground(self, situation: Situation, plan: Mapping[str, str]) -> tuple[Move, ...] | None:
        """Turn a plan into moves. The history is in the plan; beside it only places not to go back to are told."""
        observation = situation.observation
        visited = {memory.viewpoint or "" for memory in situation.memories} & _ids(observation)
        text = render(
            "swiftsage_ground",
            instruction=situation.instruction,
            viewpoint=observation.viewpoint or "unknown",
            moves=str(observation.step),
            most_moves=str(self.max_steps),
            visited=", ".join(sorted(visited)) or "none",
            surroundings=situation.surroundings,
            plan="\n".join(f"- {name}: {answer}" for name, answer in plan.items()),
            most=str(self.most_moves),
        )
        return ask_until_usable(
            self.ask,
            "ground",
            [Message("user", text)],
            moves_schema(self.most_moves),
            lambda parsed: read_moves(parsed, situation, self.most_moves),
            self.max_retries,
            self.complain,
        )


def is_possible(action: Action, observation: Observation) -> bool:
    """Return whether an action can be done where there are candidates: it is Stop, or a move to one of them."""
    return isinstance(action, Stop) or (isinstance(action, MoveTo) and action.candidate_id in _ids(observation))


def _ids(observation: Observation) -> set[str]:
    return {candidate.id for candidate in observation.candidates or ()}


def _told(action: Action, observation: Observation) -> str:
    """Return an action in words; a viewpoint by its direction, so that its id does not read as one visited."""
    for candidate in observation.candidates or ():
        if isinstance(action, MoveTo) and candidate.id == action.candidate_id:
            return f"take the way at {side(candidate.heading)}, {candidate.distance:.1f} m"
    return "stop"


def _read_plan(parsed: Any) -> dict[str, str]:
    """Return a plan's answers, each as one line.

    Raises:
        ReplyError: One is missing.
    """
    subgoals = parsed.get("subgoals") if isinstance(parsed, dict) else None
    if not isinstance(subgoals, list) or not all(isinstance(parsed.get(name), str) for name in ANSWERS):
        raise ReplyError(
            'your reply holds no JSON object of the form {"needed": "...", "missing": "...", "subgoals": ["..."], '
            '"progress": "...", "mistakes": "..."}'
        )
    told = "; ".join(str(goal) for goal in subgoals[:MOST_SUBGOALS])
    answers = {**{name: parsed[name] for name in ANSWERS}, "subgoals": told}
    return {name: " ".join(text.split())[:MOST_CHARACTERS] for name, text in answers.items()}
