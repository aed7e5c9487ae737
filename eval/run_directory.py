"""A run on disk: `config.yaml`, `episodes.jsonl`, `traces/`, and at the end `summary.json`, `report.html`.

Pictures that were sent to a model lie in `images/`, each once, named by its hash; traces refer to them by it.

Killing the process at any moment loses at most the episodes in flight: results are appended line by line, everything
else is written to a temporary file first and renamed.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Any

import yaml

from eval.records import EpisodeResult
from navagent.errors import RunError
from navagent.files import append_whole
from navagent.types import Image

SUFFIXES = {"image/png": "png", "image/jpeg": "jpg"}

_SAFE = re.compile(r"[^\w.-]+")


class RunDirectory:
    """One run's folder; nothing is created or locked before `writing`.

    Args:
        path: The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stream: FileIO | None = None
        self._writers = 0

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Create the folder and keep other processes from writing to it; may be nested.

        The lock is the operating system's, so that it ends with the process however that ends.

        Raises:
            RunError: The folder cannot be created or written, or another process writes to it.
        """
        if self._writers == 0:
            with _clear_errors(self.path):
                (self.path / "traces").mkdir(parents=True, exist_ok=True)
                self._lock = (self.path / ".lock").open("a")
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                self._lock.close()
                raise RunError(
                    f"Another process is writing to {self.path}: wait for its end, or choose another --name."
                ) from error
            except OSError:  # some network file systems know no locks; a second process is then the user's to avoid
                warnings.warn(f"{self.path} lies on a file system without locks: start one process only.", stacklevel=2)
            self._drop_cut_line()
        self._writers += 1
        try:
            yield
        finally:
            self._writers -= 1
            if self._writers == 0:
                self._close()

    def _drop_cut_line(self) -> None:
        """Remove a last line that a kill cut short, so that the next one does not join it."""
        file = self.path / "episodes.jsonl"
        if file.exists():
            with _clear_errors(file):
                os.truncate(file, len(_whole_lines(file.read_bytes())))

    # ------------------------------------------------------------------------------------ what was asked
    def claim(
        self,
        config: Mapping[str, Any],
        identity: Mapping[str, Any],
        begun: bool = True,
        advice: str = "choose another --name (kept replies are not paid again), or delete that folder",
    ) -> None:
        """Make this the run of a configuration, or check that it already is.

        Args:
            config: The complete configuration, kept as `config.yaml`.
            identity: The part that decides the results; kept as `identity.json`.
            begun: Whether there is anything in the folder that another configuration would spoil.
            advice: What to do where it would.

        Raises:
            RunError: The folder holds a run with another identity; the differences are named.
        """
        file = self.path / "identity.json"
        wanted = json.loads(json.dumps(identity))
        if file.exists() and begun:
            differences = list(_differences(_load(file), wanted))
            if differences:
                raise RunError(
                    f"{self.path} holds a run with another configuration ({'; '.join(differences)}): {advice}."
                )
        elif (self.path / "episodes.jsonl").exists():
            raise RunError(f"{self.path} holds episodes but no identity.json: choose another --name.")
        self.write("config.yaml", yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True))
        self.write("identity.json", json.dumps(wanted, indent=2))

    # ---------------------------------------------------------------------------------- what has finished
    def results(self) -> list[EpisodeResult]:
        """Return the finished episodes, oldest first.

        A last line that was cut short by a kill does not count: its episode was still in flight.

        Raises:
            RunError: Another line is damaged.
        """
        file = self.path / "episodes.jsonl"
        if not file.exists():
            return []
        found: dict[str, EpisodeResult] = {}
        with _readable(file):
            whole = _whole_lines(file.read_bytes()).decode()
        # Not splitlines(): an instruction may hold other characters that count as line ends there.
        for number, line in enumerate(whole.split("\n")[:-1], start=1):
            try:
                result = EpisodeResult.from_json(line)
            except ValueError as error:
                raise RunError(f"{file}, line {number} is damaged ({error}): remove that line.") from error
            found[result.episode_id] = result
        return list(found.values())

    def forget_errors(self) -> None:
        """Remove the episodes that broke, so that they are played again."""
        kept = [result for result in self.results() if result.error is None]
        self.write("episodes.jsonl", "".join(result.to_json() + "\n" for result in kept))

    def append(self, result: EpisodeResult) -> None:
        """Add a finished episode; it is on its way to the disk when this returns.

        Raises:
            RunError: The disk is full or the file cannot be written.
        """
        file = self.path / "episodes.jsonl"
        with _clear_errors(file):
            if self._stream is None:
                self._stream = file.open("ab", buffering=0)
            if os.fstat(self._stream.fileno()).st_nlink == 0:
                raise RunError(f"{file} was deleted while the run was writing to it: the same command begins again.")
            append_whole(self._stream, (result.to_json() + "\n").encode())

    def _close(self) -> None:
        self._lock.close()
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    # ---------------------------------------------------------------------------------------- other files
    @staticmethod
    def trace_name(episode_id: str) -> str:
        """Return where an episode's trace lies, relative to the run's folder."""
        return f"traces/{_SAFE.sub('_', episode_id)}.jsonl"

    @staticmethod
    def image_name(sha256: str, media_type: str) -> str:
        """Return where a picture lies, relative to the run's folder; 256 folders, since a run may have 100,000."""
        return f"images/{sha256[:2]}/{sha256}.{SUFFIXES[media_type]}"

    def keep_image(self, sha256: str, image: Image) -> None:
        """Keep a picture unless it is kept already.

        Raises:
            RunError: The disk is full or the folder cannot be written.
        """
        file = self.path / self.image_name(sha256, image.media_type)
        if not file.exists():
            with _clear_errors(file):
                file.parent.mkdir(parents=True, exist_ok=True)
            self._write(file, image.data)

    def write(self, name: str, text: str) -> Path:
        """Write a file atomically and return its path.

        Raises:
            RunError: The disk is full or the folder cannot be written.
        """
        # Half an emoji from a model's reply cannot be encoded; it must not cost the file.
        return self._write(self.path / name, text.encode(errors="replace"))

    def _write(self, file: Path, content: bytes) -> Path:
        temporary = file.with_name(file.name + ".part")
        with _clear_errors(file):
            try:
                temporary.write_bytes(content)
                temporary.replace(file)
            finally:
                temporary.unlink(missing_ok=True)
        return file

    def load_summary(self) -> dict[str, Any]:
        """Return `summary.json`.

        Raises:
            RunError: There is none.
        """
        file = self.path / "summary.json"
        if not file.exists():
            raise RunError(f"{self.path} is no finished run (it has no summary.json): run `navagent eval` on it first.")
        summary = _load(file)
        if not isinstance(summary, dict) or not {"metrics", "ci95", "config", "usage", "errors"} <= summary.keys():
            raise RunError(f"{file} is damaged: `navagent eval` with the run's config.yaml and --name writes it anew.")
        return summary


def _whole_lines(content: bytes) -> bytes:
    return content[: content.rfind(b"\n") + 1]


def existing_run(path: Path) -> RunDirectory:
    """Open a run that must exist.

    Raises:
        RunError: The folder is no run.
    """
    if not (path / "episodes.jsonl").exists():
        raise RunError(f"{path} is no run: it has no episodes.jsonl (`navagent eval` prints where its run is).")
    return RunDirectory(path)


def _load(file: Path) -> Any:
    with _readable(file):
        return json.loads(file.read_text())


@contextmanager
def _readable(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RunError(f"{file} cannot be read ({error.strerror}): check its permissions.") from error
    except ValueError as error:
        raise RunError(f"{file} is damaged ({error}): restore it, or choose another --name.") from error


@contextmanager
def _clear_errors(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RunError(
            f"{file} cannot be written ({error.strerror}): free some space or choose another folder with --runs-dir. "
            "Finished episodes are kept; the same command goes on."
        ) from error


def _differences(old: Any, new: Any, where: str = "") -> Iterator[str]:
    """Yield 'key: old value there, new value asked for' for each leaf that differs."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}):
            yield from _differences(old.get(key), new.get(key), f"{where}.{key}" if where else str(key))
    elif old != new:
        yield f"{where} is {old!r} there and {new!r} here"
