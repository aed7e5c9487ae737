"""Class paths: what may follow --policy, --env, --policy.llm and the like."""

from __future__ import annotations

import importlib
import itertools
import re
import traceback
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

import envs
import envs.houses
import eval as evaluation
import navagent
import navagent.llm
import navagent.perception
import policies
import policies.encoders
import policies.navigators
import policies.procedures
from navagent.errors import ConfigError, first_line

BUILT_IN: Mapping[str, tuple[ModuleType, ...]] = {
    "policy": (policies,),
    "fast": (policies,),
    "procedure": (policies.procedures,),
    "env": (envs,),
    "llm": (navagent.llm,),
    "describer": (navagent.perception, envs.houses),
    "navigator": (policies.navigators,),
    "encoder": (policies.encoders,),
}
"""Where the classes of ours live, by the option that takes them."""

OURS: tuple[ModuleType, ...] = (navagent, envs, evaluation, policies)
"""Our packages, imported before the current folder is opened, so that no folder `eval` there can take their place."""

_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")


def import_named(arguments: Sequence[str]) -> None:
    """Import the classes that arguments and the configuration files among them mention.

    A short name of ours (`NavGPT`, `OpenAIChat`) resolves among imported classes only, and importing all of them would
    import every client and framework that any of them needs. Plug-ins are imported here too, so that a defect in one
    is told as such.

    Raises:
        ConfigError: A configuration file cannot be used, or a plug-in breaks when it is imported.
    """
    words = {word for argument in arguments for word in re.split(r"[=\[\],]", argument)}
    words.update(word for file in _config_files(arguments) for word in _texts(_read_config(file)))
    for package in itertools.chain(*BUILT_IN.values()):
        for name in sorted(words & set(package.__all__)):
            _import_ours(package, name)
    for word in sorted(words):
        top = word.split(".")[0]
        if _DOTTED.fullmatch(word) and (Path(f"{top}.py").is_file() or Path(top, "__init__.py").is_file()):
            _import_plug_in(word.rpartition(".")[0])


def _import_ours(package: ModuleType, name: str) -> None:
    try:
        getattr(package, name)
    except ImportError as error:
        raise ConfigError(
            f"{name} needs the package {error.name}, which is not installed: `navagent doctor` says how to get it."
        ) from error


def _import_plug_in(module: str) -> None:
    try:
        importlib.import_module(module)
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and error.name == module:
            return  # the parser says so
        raise ConfigError(f"The plug-in {module} breaks when it is imported: {describe(error)}.") from error


def describe(error: BaseException) -> str:
    """Return an error with the place in the user's code where it arose."""
    text = " ".join(f"{type(error).__name__}: {error}".split())
    if isinstance(error, SyntaxError):
        return text
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{text} ({Path(frame.filename).name}, line {frame.lineno})"


def _config_files(arguments: Sequence[str]) -> Iterator[Path]:
    for argument, following in zip(arguments, [*arguments[1:], ""], strict=False):
        if argument == "--config" and following:
            yield Path(following)
        elif argument.startswith("--config="):
            yield Path(argument.removeprefix("--config="))


def _read_config(file: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"--config {file} cannot be read ({error.strerror}).") from error
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"--config {file} is no YAML: {_what_is_wrong(error)}.") from error
    if not isinstance(content, dict):
        raise ConfigError(f"--config {file} holds no options: it must map option names to values, as in configs/.")
    return content


def _what_is_wrong(error: yaml.YAMLError | ValueError) -> str:
    """Return what is wrong with a file that is no YAML, with line and column if they are known."""
    problem, mark = getattr(error, "problem", None), getattr(error, "problem_mark", None)
    return f"{problem} (line {mark.line + 1}, column {mark.column + 1})" if problem and mark else first_line(error)


def _texts(value: Any) -> Iterator[str]:
    """Yield every text in a configuration."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for entry in value.values():
            yield from _texts(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from _texts(entry)
