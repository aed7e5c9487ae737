"""The chat model that the offline rules stand in for."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from navagent.contracts import ChatModel
from navagent.llm.form import Form
from navagent.llm.offline.fields import field
from navagent.llm.offline.ranking import STOP, choose
from navagent.llm.offline.scene import Scene, read_scene
from navagent.llm.offline.words import stems, weight
from navagent.types import Message, Reply


def _react(best: str, reason: str) -> str:
    end = "Final Answer: Finished" if best == STOP else f"Action: move\nAction Input: {best}"
    return f"Thought: {reason}\n{end}"


def _sentence(scene: Scene, messages: Sequence[Message]) -> str:
    """Return the sight that shares most with the instruction, else the request's first sentence."""
    if scene.sights:
        words = frozenset[str]().union(*(clause.words for clause in scene.clauses))
        return max(scene.sights, key=lambda sight: weight(words & stems(sight)))
    text = messages[-1].content.strip() if messages else ""
    text = scene.told[0] if scene.told else text
    return " ".join(re.split(r"(?<=[.!?])\s", text)[0].split()[:40]) or "Nothing is described."


class OfflineChat(ChatModel):
    """Rules that answer in a chat model's place; no argument, no key.

    Given a schema it answers with JSON, asked for "Action Input" with ReAct text, else with one sentence of what it
    read. `n` answers are `n` copies. Words are counted as tokens; replies cost nothing.
    """

    name = "offline-rules"
    identity = "offline-rules 1"
    is_language_model = False

    def chat(
        self, messages: Sequence[Message], schema: Mapping[str, Any] | None = None, n: int = 1, **sampling: Any
    ) -> Reply:
        """Answer by the rules; `sampling` changes nothing."""
        scene = read_scene(messages)
        ranking, reason = choose(scene)
        parsed: Any = None
        if schema is not None:
            parsed = Form(schema, ranking, reason, partial(field, scene)).fill(schema)
            text = json.dumps(parsed)
        elif any("Action Input" in message.content for message in messages if message.role != "assistant"):
            text = _react(ranking[0], reason)
        else:
            text = _sentence(scene, messages)
        words = sum(len(message.content.split()) for message in messages)
        return Reply((text,) * n, (parsed,) * n, self.name, words, n * len(text.split()), cost_usd=0.0)
