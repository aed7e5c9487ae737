"""jsonargparse's nested reports, each as one sentence: which option, what is wrong, what to do."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Sequence

from navagent.cli.plugins import BUILT_IN, OURS
from navagent.errors import nearest

_KEY = re.compile(r'Parser key "([^"]+)":?')
_CLASS = re.compile(r"class_path '([^']+)'")
_NOT_A_CLASS = (
    re.compile(r"import path string: (\S+)"),
    re.compile(r"Import path (\S+) does not correspond to a subclass"),
    re.compile(r"Problem with given class_path '([^']+)':\s+(?:module|No module)"),
    re.compile(r"expects a function or a callable class: .*Got value: (\S+)"),
)
_PLAIN = (
    (re.compile(r"Expected a <class 'list'>\. Got value: (.*)"), r"takes a list: write '[\1]'"),
    (re.compile(r"Expected a <class '(\w+)'>\. Got value: (.*)"), r"expected \1, not '\2'"),
    (re.compile(r"Expected a typing\.Literal\[(.*)\]\. Got value: (.*)"), r"must be one of \1, not '\2'"),
    (re.compile(r"Not of type \w+: .*?does not conform to restriction v(.*)"), r"must be \1"),
    (re.compile(r"Not of type \w+: invalid literal for int\(\) with base 10: (.*)"), r"must be a whole number, not \1"),
    (re.compile(r"Not of type \w+: could not convert string to float: (.*)"), r"must be a number, not \1"),
)
_NOISE = re.compile(
    r"Expected a path but|Does not validate|Subtypes:|Errors:|Expected a <class 'NoneType'>|Given value"
)


def explain(message: str, flags: Sequence[str], command: str = "navagent eval") -> str:
    """Return a report as one sentence.

    Args:
        message: What jsonargparse reported.
        flags: All options, for the nearest match.
        command: Whose options they are.
    """
    keys = _KEY.findall(message)
    # Options of ours are written with dashes, constructor arguments as they stand in the constructor.
    where = "--" + (".".join(keys) if len(keys) > 1 else "".join(keys).replace("_", "-"))
    lines = [line.strip(" -") for line in message.splitlines() if not _NOISE.search(line)]
    reasons = [reason for reason in (_KEY.sub("", line).strip(" :") for line in lines) if reason]
    reason = reasons[-1] if reasons else " ".join(message.split())
    owners = _CLASS.findall(message)
    if (match := re.search(r"Option '([^']+)' is not accepted", reason)) and not owners:
        hint = nearest(f"--{match.group(1)}", flags)
        return f"There is no option {match.group(1)}.{hint} `{command} --help` lists them."
    if match:
        return _no_such_option(match.group(1), owners[-1])
    if match := re.search(r"unrecognized arguments: (\S+)", reason):
        return f"There is no option {match.group(1)}.{nearest(match.group(1), flags)} `{command} --help` lists them."
    if match := re.search(r"following arguments are required: (.+)", reason):
        missing = [f"{where}.{name}" if keys else f"--{name}" for name in match.group(1).split(", ")]
        return f"{f'{owners[-1]} needs' if owners else 'Give'} {', '.join(missing)} (or a --config that has it)."
    for pattern in _NOT_A_CLASS:
        if named := pattern.findall(message):
            return _no_such_class(where, keys[-1], named[-1].rstrip("."), reason)
    for pattern, plain in _PLAIN:
        reason = pattern.sub(plain, reason)
    return f"{where}: {reason.rstrip('.')}." if keys else f"{reason.rstrip('.')}."


def _no_such_class(where: str, kind: str, name: str, reason: str) -> str:
    known = sorted(name for package in BUILT_IN.get(kind, ()) for name in package.__all__)
    ours = f"one of ours ({', '.join(known)}) or " if known else ""
    detail = "" if "dot import path" in reason else f" ({reason.split('. Got')[0].split(': ')[-1].rstrip('.')})"
    hint = nearest(name.rsplit(".", 1)[-1], known)
    top = name.split(".")[0]
    if "." in name and top in {package.__name__ for package in OURS}:
        hint += f" A file of yours named {top} is hidden by our package of that name: rename it."
    return f"{where} {name} cannot be used{detail}.{hint} Name {ours}module.name of a file in the current folder."


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
