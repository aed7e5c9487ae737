"""Class paths: what may follow --policy, --env, --policy.llm and the like."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import envs
import eval as evaluation
import navagent.llm
import navagent.perception
import policies

BUILT_IN: tuple[ModuleType, ...] = (policies, envs, navagent.llm, navagent.perception)


def open_current_folder() -> None:
    """Make files of the current folder importable, behind everything else.

    Our packages are imported above, so not even a folder named `eval` there can take their place.
    """
    assert evaluation.__name__ == "eval"
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.append(folder)


def import_named(arguments: Sequence[str]) -> None:
    """Import the built-in classes that arguments mention by their short names.

    A short name (`NavGPT`, `OpenAIChat`) resolves among imported classes only, and importing all of them would import
    every client and framework that any of them needs.
    """
    words = {word for argument in arguments for word in argument.split("=")}
    for package in BUILT_IN:
        for name in words & set(package.__all__):
            getattr(package, name)


def names_of(package: ModuleType) -> list[str]:
    """Return a package's public class names."""
    return sorted(package.__all__)
