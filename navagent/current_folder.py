"""The folder that a command was started in, where users keep classes of their own."""

from __future__ import annotations

import sys
from pathlib import Path


def open_current_folder() -> None:
    """Make files of the current folder importable, behind everything else."""
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.append(folder)
