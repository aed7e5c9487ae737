"""What makes two runs the same run: the options and the code that decide its results."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from navagent.cli.plugins import OURS

RESULT_KEYS = ("env", "policy", "episodes", "seed", "extra_metrics")
"""Options that decide results; the others may change when a run is resumed."""

PLACES = frozenset({"data_dir", "scenes_dir", "python"})
"""Constructor arguments that say where something lies, not what it is."""

CODE = ("*.py", "*.txt", "*.yaml")
"""What of our packages can change a result: code, prompts, tables."""


def identity_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what decides a run's results.

    Where data lies does not (fingerprints say what it is). Code does, ours and that of plug-ins with what they import
    from their folder: whoever edits a prompt and repeats the command wants a new run, not yesterday's numbers.
    """
    options = {key: _without_places(config[key]) for key in RESULT_KEYS}
    return {**options, "code": {"navagent": _digest(_our_files()), **_plug_ins(options)}}


def _our_files() -> list[Path]:
    folders = [Path(str(package.__file__)).parent for package in OURS]
    return [file for folder in folders for pattern in CODE for file in sorted(folder.rglob(pattern))]


def _plug_ins(options: Mapping[str, Any]) -> dict[str, str]:
    """Return a digest for each module that a class path names, over it and all imported from its folder."""
    ours = {package.__name__ for package in OURS}
    names = sorted({name.rpartition(".")[0] for name in _class_paths(options)})
    found = {}
    for name in names:
        file = getattr(sys.modules.get(name), "__file__", None)
        if name.split(".")[0] not in ours and file is not None:
            beside = {Path(str(module.__file__)) for module in list(sys.modules.values()) if _is_beside(module, file)}
            found[name] = _digest(sorted(beside))
    return found


def _is_beside(module: Any, file: str) -> bool:
    other = getattr(module, "__file__", None)
    return isinstance(other, str) and Path(other).parent == Path(file).parent


def _digest(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def default_name(identity: Mapping[str, Any]) -> str:
    """Return a readable name that the same options and code always give, so that the same command resumes."""
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:8]
    env, policy = identity["env"], identity["policy"]
    parts = [*dataset_words(env), class_name(policy)]
    llm = policy.get("init_args", {}).get("llm")
    if isinstance(llm, dict):
        parts.append(llm.get("init_args", {}).get("model") or class_name(llm))
    words = [str(part).replace("/", "_") for part in parts if part]
    return "-".join([*words, digest])[-120:]


def dataset_words(env: Mapping[str, Any]) -> list[str]:
    """Return the environment's class, those that it wraps, and the split."""
    options = env.get("init_args", {})
    inner = options.get("env")
    further = dataset_words(inner) if isinstance(inner, Mapping) else [options["split"]] if options.get("split") else []
    return [class_name(env), *map(str, further)]


def class_name(entry: Mapping[str, Any]) -> str:
    """Return the class of a configuration's entry, without its module."""
    return str(entry["class_path"]).rsplit(".", 1)[-1]


def _without_places(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_places(entry) for key, entry in value.items() if key not in PLACES}
    return value


def _class_paths(value: Any) -> Iterator[str]:
    """Yield every class path in a configuration, and the dotted names of extra metrics."""
    if isinstance(value, dict):
        if "class_path" in value:
            yield str(value["class_path"])
        for entry in value.values():
            yield from _class_paths(entry)
    elif isinstance(value, list):
        yield from (entry for entry in value if isinstance(entry, str) and "." in entry)
