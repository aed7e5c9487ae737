"""Running `navagent` as a user does: in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import navagent

CHECKOUT = Path(navagent.__file__).resolve().parents[1]


def environment(data: Path, **variables: str) -> dict[str, str]:
    """Return this process's environment with a data folder, without keys, as wide as a log file."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "COV_"))}
    return {**kept, "NAVAGENT_DATA": str(data), "COLUMNS": "200", **variables}


def navagent_command(*arguments: str) -> list[str]:
    """Return the command line of the installed script."""
    return [str(Path(sys.executable).with_name("navagent")), *arguments]


def run_navagent(*arguments: str, data: Path, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `navagent` to its end."""
    return subprocess.run(
        navagent_command(*arguments),
        env=environment(data, **variables),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
