"""An instruction as an ordered list of sub-tasks: A2Nav's parser (Chen et al. 2023).

One call to a chat model per instruction. A model may name one of the five action types or use the instruction's own
words, which `policies.action_types` maps. A region that is entered and, by the next sub-tasks, left for another one was
gone through: only the whole list tells "into the hallway" of the one kind from that of the other, so this is decided
here, and only where a type was mapped, never against a type that the model named.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from navagent.contracts import ChatModel
from navagent.errors import ChatError, ConfigError
from navagent.types import Call, Message, Reply, SubTask
from policies.action_types import action_type, named
from policies.encoders.base import Encoder
from policies.prompts import render
from policies.retries import ask_until_usable
from policies.situation import ReplyError

MOST_SUB_TASKS = 30
"""R2R's longest instructions have about 15."""

_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "sub_tasks": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {name: {"type": "string"} for name in ("action", "landmark", "text")},
                "required": ["action", "landmark", "text"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["sub_tasks"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Decomposition:
    """An instruction taken apart.

    Attributes:
        tasks: The sub-tasks in order, at least one.
        calls: The calls that it took.
        problems: Why replies were rejected.
        fallback: Whether no reply was usable, so that the instruction stands as one GoTo.
    """

    tasks: tuple[SubTask, ...]
    calls: tuple[Call, ...] = ()
    problems: tuple[str, ...] = ()
    fallback: bool = False


class Decomposer:
    """Takes instructions apart.

    Args:
        llm: The chat model.
        encoder: Maps action phrases that name no type by similarity; without one, rules do.
        max_retries: How often a reply that cannot be used is asked for again.
        temperature: Sampling temperature.
    """

    def __init__(
        self, llm: ChatModel, encoder: Encoder | None = None, max_retries: int = 2, temperature: float = 0.0
    ) -> None:
        if max_retries < 0:
            raise ConfigError(f"max_retries must be at least 0, not {max_retries}.")
        self.llm = llm
        self.encoder = encoder
        self.max_retries = max_retries
        self.temperature = temperature
        self.system = render("a2nav_decompose_system")

    def decompose(self, instruction: str) -> Decomposition:
        """Return an instruction's sub-tasks; if no reply is usable, the instruction as one GoTo.

        Raises:
            ChatError: The model cannot be asked.
        """
        calls: list[Call] = []
        problems: list[str] = []

        def send(purpose: str, messages: Sequence[Message], schema: Mapping[str, Any]) -> Reply:
            try:
                reply = self.llm.chat(messages, schema, temperature=self.temperature)
            except ChatError as error:
                error.calls = tuple(calls)
                raise
            calls.append(Call(purpose, tuple(messages), reply))
            return reply

        told = " ".join(instruction.split())
        messages = [Message("system", self.system), Message("user", render("a2nav_decompose", instruction=told))]
        tasks = ask_until_usable(
            send,
            "decompose",
            messages,
            _SCHEMA,
            lambda parsed: self._read(parsed, told),
            self.max_retries,
            problems.append,
        )
        whole = (SubTask("GoTo", told, told),)
        return Decomposition(tasks or whole, tuple(calls), tuple(problems), fallback=tasks is None)

    def _read(self, parsed: Any, instruction: str) -> tuple[SubTask, ...]:
        entries = parsed.get("sub_tasks") if isinstance(parsed, dict) else None
        if not isinstance(entries, list) or not all(_is_entry(entry) for entry in entries):
            raise ReplyError(
                'your reply holds no JSON object of the form {"sub_tasks": [{"action": "...", "landmark": "...", '
                '"text": "..."}]} with texts in every field'
            )
        about = [entry for entry in entries if entry["landmark"].strip()]
        if not 1 <= len(about) <= MOST_SUB_TASKS:
            raise ReplyError(f"it has {len(about)} sub-tasks with a landmark, not 1 to {MOST_SUB_TASKS}")
        known = _words(instruction)
        for entry in about:
            if not _words(entry["landmark"]) & known:
                raise ReplyError(f"the landmark '{entry['landmark'][:80]}' does not stand in the instruction")
        mapped = [named(entry["action"]) is None for entry in about]
        return _left_again([self._sub_task(entry) for entry in about], mapped)

    def _sub_task(self, entry: Mapping[str, str]) -> SubTask:
        landmark, text = (" ".join(entry[name].split()) for name in ("landmark", "text"))
        return SubTask(action_type(entry["action"], self.encoder), landmark, text)


def _is_entry(entry: Any) -> bool:
    return isinstance(entry, dict) and all(isinstance(entry.get(name), str) for name in ("action", "landmark", "text"))


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


def _left_again(tasks: Sequence[SubTask], mapped: Sequence[bool]) -> tuple[SubTask, ...]:
    """Return the sub-tasks with GoInto made GoThrough where the way leads on into another region or out of this one."""
    through = []
    for i, task in enumerate(tasks):
        leads_on = any(later.action in ("GoInto", "GoThrough", "Exit") for later in tasks[i + 1 :])
        entered = task.action == "GoInto" and mapped[i]
        through.append(replace(task, action="GoThrough") if entered and leads_on else task)
    return tuple(through)
