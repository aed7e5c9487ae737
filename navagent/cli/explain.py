"""jsonargparse's nested reports, each as one sentence: which option, what is wrong, what to do."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Sequence

from navagent.cli.plugins import BUILT_IN, names_of
from navagent.errors import nearest

_KEY = re.compile(r'Parser key "([^"]+)":?')
_CLASS = re.compile(r"class_path '([^']+)'")
_NOT_A_PATH = re.compile(r"Expected a path but (\S+) either")
_NOISE = re.compile(
    r"Expected a path but|Does not validate|Subtypes:|Errors:|Expected a <class 'NoneType'>|Given value"
)


def explain(message: str, flags: Sequence[str]) -> str:
    """Return a report as one sentence.

    Args:
        message: What jsonargparse reported.
        flags: All options, for the nearest match.
    """
    where = "--" + ".".join(_KEY.findall(message))
    lines = [line.strip(" -") for line in message.splitlines() if not _NOISE.search(line)]
    reasons = [reason for reason in (_KEY.sub("", line).strip(" :") for line in lines) if reason]
    reason = reasons[-1] if reasons else " ".join(message.split())
    owners = _CLASS.findall(message)
    if match := re.search(r"Option '([^']+)' is not accepted", reason):
        return _no_such_option(match.group(1), owners[-1])
    if match := re.search(r"unrecognized arguments: (\S+)", reason):
        return (
            f"There is no option {match.group(1)}.{nearest(match.group(1), flags)} `navagent eval --help` lists them."
        )
    if match := re.search(r"following arguments are required: (.+)", reason):
        owner = f"{owners[-1]} needs " if owners else "Give "
        missing = ", ".join(f"{where}.{name}".replace("--.", "--") for name in match.group(1).split(", "))
        return f"{owner}{missing.replace('--.', '--')} (or a --config that has it)."
    if re.search(r"has no attribute|No module named|dot import path|subclass of", reason):
        named = owners[-1:] or _NOT_A_PATH.findall(message)[-1:] or [reason.rsplit(" ", 1)[-1]]
        return _no_such_class(where, named[0], reason)
    return f"{where}: {reason}." if where != "--" else f"{reason}."


def _no_such_class(where: str, name: str, reason: str) -> str:
    known = [known for package in BUILT_IN for known in names_of(package)]
    return (
        f"{where} {name} cannot be used ({reason}).{nearest(name.rsplit('.', 1)[-1], known)} Name one of ours "
        f"({', '.join(known)}) or module.Class of a file in the current folder."
    )


def _no_such_option(option: str, class_path: str) -> str:
    known = _options_of(class_path)
    return (
        f"{class_path} has no option '{option}'.{nearest(option, known)} Its options are {', '.join(known) or 'none'}."
    )


def _options_of(class_path: str) -> list[str]:
    """Return a constructor's options; those that it passes on through **kwargs included."""
    module, _, name = class_path.rpartition(".")
    found: dict[str, None] = {}
    for cls in inspect.getmro(getattr(importlib.import_module(module), name)):
        constructor = vars(cls).get("__init__")
        if constructor is None:
            continue
        parameters = list(inspect.signature(constructor).parameters.values())[1:]
        found.update({p.name: None for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)})
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    return list(found)
