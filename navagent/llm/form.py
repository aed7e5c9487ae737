"""Filling a JSON schema by rules: what `OfflineChat` answers with."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

_TYPES: Mapping[str, tuple[type, ...]] = {
    "array": (list,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "string": (str,),
}


@dataclass(frozen=True, slots=True)
class Form:
    """Fills a JSON schema; allOf of several, multipleOf, pattern, format, not and conditions are beyond it.

    Attributes:
        root: The whole schema, where `$ref`s point into.
        ranking: Options for enums, best first; the best also fills a free string named `action`.
        reason: What fills every other string.
        known: Returns the value of a property by its name, or None; it is used where the schema's type
            allows it.
    """

    root: Mapping[str, Any]
    ranking: tuple[str, ...]
    reason: str
    known: Callable[[str], Any] = lambda name: None

    def fill(self, schema: Mapping[str, Any], name: str = "", depth: int = 0, rank: int = 0) -> Any:
        """Return a value that satisfies the schema.

        Args:
            schema: The schema, or a part of it.
            name: The property that the value is for.
            depth: How many objects and arrays hold it.
            rank: Its place in its array: the best option comes first, the second best next.
        """
        while link := next((key for key in ("$ref", "anyOf", "oneOf", "allOf") if key in schema), None):
            path = schema[link].split("/")[1:] if link == "$ref" else []
            schema = reduce(lambda node, key: node[key], path, self.root) if link == "$ref" else schema[link][0]
        kind = schema.get("type", "array" if "items" in schema else "object" if "properties" in schema else "string")
        kind = kind[0] if isinstance(kind, list) else kind
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self._option(schema["enum"], rank)
        if (value := self._known(schema, kind, name)) is not None:
            return value
        if kind == "object":
            known = schema.get("properties", {})
            # A schema may contain itself: what is optional deep down is left out, so that filling ends.
            names = dict.fromkeys([*(known if depth < 2 else ()), *schema.get("required", ())])
            return {key: self.fill(known.get(key, {}), key, depth + 1, rank) for key in names}
        if kind == "array":
            size = schema.get("minItems", min(1, schema.get("maxItems", 1)))
            return [self.fill(schema.get("items", {}), name, depth + 1, i) for i in range(size)]
        if kind == "string":
            text = self.ranking[0] if name == "action" else self.reason
            return text[: schema.get("maxLength", len(text))].ljust(schema.get("minLength", 0), ".")
        return {"boolean": False, "null": None}.get(kind, _number(schema))

    def _known(self, schema: Mapping[str, Any], kind: Any, name: str) -> Any:
        """Return what is known for a property, cut to the schema's limits; None if nothing of its type is."""
        value = self.known(name)
        if not isinstance(value, _TYPES.get(kind, ())) or isinstance(value, bool) != (kind == "boolean"):
            return None
        if isinstance(value, str):
            return value[: schema.get("maxLength")] if len(value) >= schema.get("minLength", 0) else None
        if isinstance(value, list):
            return value[: schema.get("maxItems")] if len(value) >= schema.get("minItems", 0) else None
        return value

    def _option(self, allowed: Sequence[Any], rank: int) -> Any:
        ranked = [value for option in self.ranking for value in allowed if str(value).lower() == option.lower()]
        ranked += [value for value in allowed if value not in ranked]
        return ranked[rank % len(ranked)]


def _number(schema: Mapping[str, Any]) -> float:
    """Return an allowed number, 0 if it is one."""
    low, above = schema.get("minimum", -math.inf), schema.get("exclusiveMinimum", -math.inf)
    high, below = schema.get("maximum", math.inf), schema.get("exclusiveMaximum", math.inf)
    tries: tuple[float, ...] = (0, low, high, above + 1, below - 1, (max(low, above) + min(high, below)) / 2)
    return next((value for value in tries if low <= value <= high and above < value < below), 0)
