"""Class paths: what may follow --policy, --env, --policy.llm and the like."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType

import envs
import eval as evaluation
import navagent
import navagent.llm
import navagent.perception
import policies

BUILT_IN: Mapping[str, ModuleType] = {
    "policy": policies,
    "env": envs,
    "llm": navagent.llm,
    "describer": navagent.perception,
}
"""Where the classes of ours live, by the option that takes them."""


OURS: tuple[ModuleType, ...] = (navagent, envs, evaluation, policies)
"""Our packages, imported before the current folder is opened, so that no folder `eval` there can take their place."""


def open_current_folder() -> None:
    """Make files of the current folder importable, behind everything else."""
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.append(folder)


def import_named(arguments: Sequence[str]) -> None:
    """Import the built-in classes that arguments mention by their short names.

    A short name (`NavGPT`, `OpenAIChat`) resolves among imported classes only, and importing all of them would import
    every client and framework that any of them needs.
    """
    words = {word for argument in arguments for word in argument.split("=")}
    for package in BUILT_IN.values():
        for name in words & set(package.__all__):
            getattr(package, name)
