"""A2Nav: an instruction as a chain of action-specific sub-tasks (Chen et al. 2023, arXiv 2308.07997).

As in the paper: a language model takes the instruction apart once into (action, landmark) sub-tasks of five types,
GoTo, GoPast, GoInto, GoThrough and Exit; phrases that fit none are mapped by sentence similarity; the controller runs
one navigator per sub-task in order, each says itself when it is done, and the episode stops after the last.

Departures, and why:
    * No public code was found. The prompt, the examples behind the similarity and the limits are ours.
    * The paper's five navigators are trained on image goals in Habitat. Here any `Navigator` will do: by default one
      for all types, over described views (`GraphNavigator` by rules, `ChatNavigator` by a chat model); `specialists`
      gives single types their own.
    * A sub-task that takes more than `max_moves` moves is given up for the next one. The paper bounds the episode only;
      a nav-graph's episode has about six moves, which one lost landmark would use up.
"""

from __future__ import annotations

from collections.abc import Mapping

from navagent.contracts import ChatModel, Policy
from navagent.errors import ChatError, ConfigError
from navagent.types import Action, Call, Decision, Episode, MoveTo, Observation, Stop, SubTask, SubTaskAction
from policies.decompose import Decomposer
from policies.encoders.base import Encoder
from policies.navigators.base import Navigator


class A2Nav(Policy):
    """Chen et al.'s controller.

    The instruction is taken apart on an episode's first observation: one call, and at most `max_retries` more. Moves
    cost what the navigators ask for.

    Args:
        llm: The chat model that takes instructions apart.
        navigator: Carries out the sub-tasks that no specialist takes.
        specialists: Navigators of single action types, by its name.
        encoder: Maps action phrases that name no type by similarity; without one, rules do.
        max_moves: Actions after which a sub-task is given up for the next one.
        max_steps: Decisions after which the episode ends where the agent stands.
        max_retries: How often a decomposition that cannot be used is asked for again.
        temperature: Sampling temperature of the decomposition.
    """

    def __init__(
        self,
        llm: ChatModel,
        navigator: Navigator,
        specialists: dict[SubTaskAction, Navigator] | None = None,
        encoder: Encoder | None = None,
        max_moves: int = 2,
        max_steps: int = 15,
        max_retries: int = 2,
        temperature: float = 0.0,
    ) -> None:
        if max_moves < 1 or max_steps < 1:
            raise ConfigError(f"max_moves and max_steps must be at least 1, not {max_moves} and {max_steps}.")
        self.decomposer = Decomposer(llm, encoder, max_retries, temperature)
        self.navigator = navigator
        self.specialists = dict(specialists or {})
        self.max_moves = max_moves
        self.max_steps = max_steps
        crew = self._crew()
        self.needs = frozenset[str]().union(*(navigator.needs for navigator in crew))
        self.privileged = any(navigator.privileged for navigator in crew)
        self._forget()

    def _crew(self) -> tuple[Navigator, ...]:
        return (self.navigator, *self.specialists.values())

    def _forget(self) -> None:
        self._tasks: tuple[SubTask, ...] = ()
        self._current = -1
        self._moves = 0
        self._moved_on: Observation | None = None
        self._calls: list[Call] = []
        self._problems: list[str] = []

    def reset(self, episode: Episode) -> None:
        """Forget the last episode."""
        self._forget()
        for navigator in self._crew():
            navigator.reset(episode)

    def fingerprints(self) -> Mapping[str, str]:
        """Return the navigators' data sources and the encoder's checkpoint."""
        encoder = self.decomposer.encoder
        sources = [navigator.fingerprints() for navigator in self._crew()]
        sources += [encoder.fingerprints()] if encoder is not None else []
        return {name: value for source in sources for name, value in source.items()}

    def overruled(self, observation: Observation, action: Action) -> None:
        """Let the navigator at work hear of a move that it did not decide."""
        self._moves += self._moved_on is not observation
        if self._at_work:
            self._navigator.overruled(observation, action)

    def act(self, observation: Observation) -> Decision:
        """Move as the current sub-task's navigator says, or stop after the last sub-task."""
        self._calls, self._problems = [], []
        fell_back = self._take_apart(observation.instruction) if not self._tasks else False
        notes: list[str] = []
        while self._at_work:
            chosen, fallback = self._ask_navigator(observation)
            fell_back |= fallback
            if not isinstance(chosen.action, Stop):
                notes.append(f"{self._label()}: {chosen.thought}".rstrip(": "))
                self._moves += 1
                self._moved_on = observation
                return self._decision(chosen.action, notes, fell_back)
            notes.append(f"{self._label()} ended: {chosen.thought}".rstrip(": "))
            self._next_task()
        return self._decision(Stop(), notes or ["no sub-task is left"], fell_back)

    # ------------------------------------------------------------------------------------------- sub-tasks
    @property
    def _at_work(self) -> bool:
        return 0 <= self._current < len(self._tasks)

    @property
    def _navigator(self) -> Navigator:
        return self.specialists.get(self._tasks[self._current].action, self.navigator)

    def _take_apart(self, instruction: str) -> bool:
        """Take the instruction apart, begin with the first sub-task, and return whether that was the fallback."""
        found = self.decomposer.decompose(instruction)
        self._tasks = found.tasks
        self._calls += found.calls
        self._problems += found.problems
        self._next_task()
        return found.fallback

    def _next_task(self) -> None:
        self._current += 1
        self._moves = 0
        if self._at_work:
            following = self._tasks[self._current + 1] if self._current + 1 < len(self._tasks) else None
            self._navigator.begin(self._tasks[self._current], following)

    def _ask_navigator(self, observation: Observation) -> tuple[Decision, bool]:
        """Return what the navigator decides, Stop if it is given up, and whether it fell back."""
        if self._moves >= self.max_moves:
            return Decision(Stop(), f"given up after {self._moves} moves"), False
        try:
            decided = self._navigator.act(observation)
        except ChatError as error:
            error.calls = (*self._calls, *error.calls)
            raise
        chosen = decided if isinstance(decided, Decision) else Decision(decided)
        self._calls += chosen.calls
        self._problems += chosen.problems
        legal = {candidate.id for candidate in observation.candidates or ()}
        if not isinstance(chosen.action, MoveTo) or chosen.action.candidate_id in legal:
            return chosen, chosen.fallback
        problem = f"the navigator's move to '{chosen.action.candidate_id[:80]}' is not legal here"
        self._problems.append(problem)
        return Decision(Stop(), problem), True

    def _label(self) -> str:
        task = self._tasks[self._current]
        return f"Sub-task {self._current + 1} of {len(self._tasks)}, {task.action} {task.landmark}"

    def _decision(self, action: Action, notes: list[str], fell_back: bool) -> Decision:
        return Decision(action, ". ".join(notes), tuple(self._calls), tuple(self._problems), fell_back)
