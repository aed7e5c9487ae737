"""Reads the sub-instructions that `navagent houses make` writes beside R2R's fields."""

from __future__ import annotations

from typing import Any

from navagent.data import data_root, load_json
from navagent.errors import DataError
from navagent.types import SubTask


def load_sub_tasks(split: str, data_dir: str | None = None) -> dict[str, tuple[SubTask, ...]]:
    """Return each episode's annotated sub-tasks by its `instr_id`.

    Args:
        split: train, val_seen or val_unseen.
        data_dir: The folder that `navagent houses make` wrote; by default $NAVAGENT_DATA, else ./data.

    Raises:
        DataError: The file is absent or damaged, or annotates no sub-instructions, as R2R's own files.
    """
    file = data_root(data_dir) / "r2r" / f"R2R_{split}.json"
    advice = "make it with `navagent houses make FOLDER`"
    paths = load_json(file, advice)
    try:
        return {
            f"{path['path_id']}_{i}": tuple(_sub_task(part) for part in parts)
            for path in paths
            for i, parts in enumerate(path["sub_instructions"])
        }
    except (KeyError, TypeError) as error:
        raise DataError(f"{file} annotates no sub-instructions ({error!r}); houses do: {advice}.") from error


def _sub_task(part: dict[str, Any]) -> SubTask:
    return SubTask(part["action"], part["landmark"], part["text"])
