"""What a training tells: a CSV file, TensorBoard where it is installed, and a line on the screen."""

from __future__ import annotations

import csv
import importlib
import importlib.util
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from navagent.errors import RunError

WINDOW = 100
"""Episodes that means are taken over."""


class EpisodeWindow:
    """Means over the newest episodes."""

    def __init__(self, episodes: Iterable[Mapping[str, float]] = ()) -> None:
        self._episodes: deque[dict[str, float]] = deque(map(dict, episodes), maxlen=WINDOW)

    def add(self, episodes: Iterable[dict[str, float]]) -> None:
        """Add episodes that ended."""
        self._episodes.extend(episodes)

    def means(self) -> dict[str, float]:
        """Return the mean of every metric, none before the first episode has ended."""
        if not self._episodes:
            return {}
        names = self._episodes[0]
        return {name: sum(episode[name] for episode in self._episodes) / len(self._episodes) for name in names}

    def state(self) -> list[dict[str, float]]:
        """Return the episodes."""
        return list(self._episodes)


class Log:
    """Writes one row per update; rows from `steps` on, which a resumed training writes again, are dropped first.

    Args:
        folder: Where `progress.csv` and TensorBoard's files go.
        steps: Steps that have been done before.

    Raises:
        RunError: The file cannot be written; any method raises it.
    """

    def __init__(self, folder: Path, steps: int = 0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / "progress.csv"
        self._rows = [row for row in _rows(self._file) if int(float(row["steps"])) <= steps]
        self._names = list(self._rows[0]) if self._rows else []
        self._rewrite()
        self._board: Any = None
        if importlib.util.find_spec("tensorboard") is not None:
            self._board = importlib.import_module("torch.utils.tensorboard").SummaryWriter(
                str(folder / "tensorboard"), purge_step=steps
            )

    def write(self, row: Mapping[str, float]) -> None:
        """Write a row; a column that is new is added to all."""
        text = {name: f"{value:.10g}" for name, value in row.items()}
        self._rows.append(text)
        if set(row) <= set(self._names):
            with _writing(self._file), self._file.open("a", newline="") as stream:
                csv.DictWriter(stream, self._names, restval="").writerow(text)
        else:
            self._names += [name for name in row if name not in self._names]
            self._rewrite()
        if self._board is not None:
            for name, value in row.items():
                if name != "steps":
                    self._board.add_scalar(name, value, int(row["steps"]))

    def close(self) -> None:
        """Write what TensorBoard still holds."""
        if self._board is not None:
            self._board.close()

    def _rewrite(self) -> None:
        temporary = self._file.with_suffix(".part")
        with _writing(self._file), temporary.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, self._names, restval="")
            writer.writeheader()
            writer.writerows(self._rows)
        temporary.replace(self._file)


@contextmanager
def _writing(file: Path) -> Iterator[None]:
    """Say in one sentence what keeps a file from being written."""
    try:
        yield
    except OSError as error:
        raise RunError(
            f"{file} cannot be written ({error.strerror}): free some space, and the same command goes on from the "
            "last checkpoint."
        ) from error


def _rows(file: Path) -> list[dict[str, str]]:
    if not file.exists():
        return []
    with file.open(newline="") as stream:
        return [row for row in csv.DictReader(stream) if row.get("steps")]
