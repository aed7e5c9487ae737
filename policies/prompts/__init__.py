"""Prompt texts, one file each, with $names that must all be given."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from string import Template


def render(name: str, **values: str) -> str:
    """Return the prompt `{name}.txt` with its $names filled in.

    Raises:
        KeyError: The text has a $name that `values` lacks.
    """
    return _template(name).substitute(values)


@cache
def _template(name: str) -> Template:
    return Template(Path(__file__).with_name(f"{name}.txt").read_text().strip())
