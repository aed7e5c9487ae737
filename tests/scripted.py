"""A chat server's answers to any planner: it fills whatever form is asked for; tests script what matters only."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from navagent.llm.form import Form
from tests.chat_server import Request, Step, Text

Answers: TypeAlias = "Callable[[Request], Step]"

_NAVIGABLE = re.compile(r"^\s*Navigable: (\S+?):", re.MULTILINE)


def form_of(request: Request) -> Mapping[str, Any] | None:
    """Return the JSON schema that a request asks for."""
    form = request.body.get("response_format")
    return None if form is None else form["json_schema"]["schema"]


def fields_of(request: Request) -> frozenset[str]:
    """Return the properties that a request asks for; none for free text."""
    return frozenset((form_of(request) or {}).get("properties", ()))


def first_way(request: Request) -> str:
    """Return the first navigable viewpoint that a request tells of, or stop."""
    found = [way for text in request.texts for way in _NAVIGABLE.findall(text)]
    return str(found[0]) if found else "stop"


def willing(request: Request, action: str | None = None) -> Step:
    """Answer in the form that is asked for, and decide on an action: by default the first way on."""
    action = first_way(request) if action is None else action
    schema = form_of(request)
    if schema is not None:
        parsed = Form(schema, (action, "A"), "because").fill(schema)
        if "action" in fields_of(request):
            parsed["action"] = action  # also where the form forbids it
        return Text(json.dumps(parsed))
    if not any("Action Input" in text for text in request.texts):
        return Text("because")
    if action == "stop":
        return Text("Thought: because\nFinal Answer: Finished")
    return Text(f"Thought: because\nAction: move\nAction Input: {action}")
