"""What makes two runs the same run: the options and the code that decide its results."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

RESULT_KEYS = ("env", "policy", "episodes", "seed", "extra_metrics")
"""Options that decide results; the others may change when a run is resumed."""

_OURS = ("navagent", "envs", "policies", "eval")


def identity_of(config: Mapping[str, Any], version: str) -> dict[str, Any]:
    """Return what decides a run's results.

    Where data lies does not (fingerprints say what it is). The code of plug-ins does: a user who edits a prompt and
    repeats the command wants a new run, not yesterday's numbers.

    Args:
        config: The complete configuration.
        version: Ours.
    """
    options = {key: _without_places(config[key]) for key in RESULT_KEYS}
    modules = sorted({name.rpartition(".")[0] for name in _class_paths(options)})
    plug_ins = {name: _source_digest(name) for name in modules if name.split(".")[0] not in _OURS}
    return {**options, "code": {"navagent": version, **plug_ins}}


def default_name(identity: Mapping[str, Any]) -> str:
    """Return a readable name that the same options and code always give, so that the same command resumes."""
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:8]
    env, policy = identity["env"], identity["policy"]
    parts = [class_name(env), env.get("init_args", {}).get("split"), class_name(policy)]
    llm = policy.get("init_args", {}).get("llm")
    if isinstance(llm, dict):
        parts.append(llm.get("init_args", {}).get("model") or class_name(llm))
    words = [str(part).replace("/", "_") for part in parts if part]
    return "-".join([*words, digest])


def class_name(entry: Mapping[str, Any]) -> str:
    """Return the class of a configuration's entry, without its module."""
    return str(entry["class_path"]).rsplit(".", 1)[-1]


def _without_places(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_places(entry) for key, entry in value.items() if key != "data_dir"}
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


def _source_digest(module: str) -> str:
    """Return the sha256 of an imported module's source file, or "unknown" if it has none."""
    file = getattr(sys.modules.get(module), "__file__", None)
    return hashlib.sha256(Path(file).read_bytes()).hexdigest() if file else "unknown"
