"""A navigator that asks a chat model for every move of a sub-task, and whether it is complete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from navagent.contracts import ChatModel, Describer
from navagent.types import Episode, Reply, SubTask
from policies.navigators.base import Navigator
from policies.pictures import Pictures, Sight
from policies.planner import STOP, Choice, Planner, ReplyError, Situation
from policies.prompts import render

VISITED_TOLD = 10
"""Ids of visited viewpoints that a prompt tells at most, so that it does not grow with the episode."""


class ChatNavigator(Planner, Navigator):
    """Carries out a sub-task by asking at every step.

    A prompt tells the moves of the sub-task at hand, and of earlier ones only which viewpoints they visited. A reply
    that calls the sub-task complete ends it, whatever else it says.

    Args:
        llm: The chat model.
        describer: Puts observations into words.
        max_retries: How often a reply that cannot be used is asked for again.
        fallback: What to do when no reply was usable: call the sub-task complete, or go straight ahead.
        temperature: Sampling temperature.
        prompt_tokens: Most tokens of a request, as every planner's.
        view: What the model gets of the surroundings, as every planner's.
        pictures: Which pictures, and how large.
    """

    def __init__(
        self,
        llm: ChatModel,
        describer: Describer,
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
            max_retries=max_retries,
            fallback=fallback,
            temperature=temperature,
            prompt_tokens=prompt_tokens,
            view=view,
            pictures=pictures,
        )
        self.system = render("chat_navigator_system")
        self._task = SubTask("GoTo", "")
        self._following: SubTask | None = None
        self._visited: list[str] = []

    def reset(self, episode: Episode) -> None:
        """Forget the last episode."""
        super().reset(episode)
        self._visited = []

    def begin(self, task: SubTask, following: SubTask | None) -> None:
        """Take up a sub-task; of the moves before it only the places are kept."""
        self._task, self._following = task, following
        self._visited += [memory.viewpoint for memory in self._memories if memory.viewpoint]
        self._memories = []

    def prompt(self, situation: Situation) -> str:
        """Return the sub-task, its moves so far and the newest observation."""
        following = self._following
        return render(
            "chat_navigator_step",
            text=self._task.text or self._task.landmark,
            action=self._task.action,
            landmark=self._task.landmark,
            following=f"{following.action}, landmark: {following.landmark}" if following else "the episode ends",
            visited=", ".join(self._visited[-VISITED_TOLD:]) or "none",
            history=situation.history,
            viewpoint=situation.observation.viewpoint or "unknown",
            surroundings=situation.surroundings,
        )

    def schema(self, situation: Situation) -> Mapping[str, Any]:
        """Return the schema of a reply; its moves are the candidates."""
        ids = [option for option in situation.options if option != STOP] or [STOP]
        return {
            "type": "object",
            "properties": {
                "thought": {"type": "string"},
                "complete": {"type": "boolean"},
                "action": {"type": "string", "enum": ids},
            },
            "required": ["thought", "complete", "action"],
            "additionalProperties": False,
        }

    def read(self, reply: Reply, situation: Situation) -> Choice:
        """Read the reply.

        Raises:
            ReplyError: It is no such object.
        """
        parsed = reply.parsed[0]
        if not isinstance(parsed, dict) or not isinstance(parsed.get("complete"), bool):
            raise ReplyError(
                'your reply holds no JSON object of the form {"thought": "...", "complete": true or false, '
                '"action": "..."}'
            )
        action = STOP if parsed["complete"] else str(parsed.get("action"))
        return Choice(action, str(parsed.get("thought", "")))
