"""Checkpoints: written whole or not at all, the last few kept."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import torch

from navagent.errors import DataError, RunError

_NAME = re.compile(r"step_(\d+)\.pt")


def save(folder: Path, steps: int, content: dict[str, Any], keep: int) -> Path:
    """Write a checkpoint after so many steps and remove all but the newest `keep`.

    Raises:
        RunError: The folder cannot be written; what was there before is still there.
    """
    file = folder / f"step_{steps:012d}.pt"
    temporary = file.with_suffix(".part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as stream:
            torch.save(content, stream)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(file)
    except (OSError, RuntimeError) as error:  # torch reports a full disk as RuntimeError
        temporary.unlink(missing_ok=True)
        raise RunError(
            f"{file} cannot be written ({error}): free some space and resume from the one before."
        ) from error
    for old in checkpoints(folder)[:-keep]:
        old.unlink(missing_ok=True)
    return file


def checkpoints(folder: Path) -> list[Path]:
    """Return a folder's checkpoints, oldest first."""
    return sorted(file for file in folder.glob("step_*.pt") if _NAME.fullmatch(file.name))


def steps_of(file: Path) -> int:
    """Return after how many steps a checkpoint was written."""
    found = _NAME.fullmatch(file.name)
    assert found is not None
    return int(found[1])


def load(file: Path, device: str = "cpu") -> dict[str, Any]:
    """Read a checkpoint.

    Raises:
        DataError: It is absent or damaged.
    """
    try:
        content: dict[str, Any] = torch.load(file, map_location=device, weights_only=False)
    except FileNotFoundError as error:
        raise DataError(f"There is no checkpoint {file}.") from error
    except Exception as error:
        raise DataError(f"{file} is no whole checkpoint ({type(error).__name__}): use the one before.") from error
    return content
