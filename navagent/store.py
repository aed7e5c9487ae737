"""JSON kept on disk by key: what costs money or time is asked for once."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

from navagent.contracts import Shared
from navagent.errors import RunError

_PATIENCE_S = 30.0
"""Seconds to wait for other runs that write."""


class Store(Protocol):
    """Keeps JSON by key, also JSON."""

    def get(self, key: Any) -> Any:
        """Return the value kept under a key, or None."""

    def put(self, key: Any, value: Any) -> None:
        """Keep a value."""

    def close(self) -> None:
        """Let go of what it holds."""


class JsonStore(Shared):
    """One SQLite file; safe from many threads and processes of one machine.

    Args:
        file: Where it lies; created with its folder.
        table: The table's name.
        title: What errors call it.
        remedy: What errors say to do: another folder, or none.

    Raises:
        RunError: The file cannot be created or is none of ours.
    """

    def __init__(self, file: Path, table: str, title: str, remedy: str) -> None:
        self.file = file
        self._table = table
        self._title = title
        self._remedy = remedy
        self._lock = threading.Lock()
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._database = _open(file, table)
        except (OSError, sqlite3.Error) as error:
            raise RunError(
                f"The {title} {file} cannot be used ({error}): choose another folder with {remedy}, or {remedy} off."
            ) from error

    def get(self, key: Any) -> Any:
        """Return the value kept under a key (any JSON), or None.

        Raises:
            RunError: The file is damaged.
        """
        return self.read(digest(key))

    def put(self, key: Any, value: Any) -> None:
        """Keep a value (any JSON).

        Raises:
            RunError: The disk is full or the file cannot be written.
        """
        self.write(digest(key), value)

    def read(self, name: str) -> Any:
        """Return the value kept under a key's `digest`, as `get` does."""
        try:
            with self._lock:
                row = self._database.execute(f"SELECT * FROM {self._table} WHERE key = ?", (name,)).fetchone()
        except sqlite3.Error as error:
            raise RunError(
                f"The {self._title} {self.file} is damaged ({error}): delete it, or use {self._remedy} off."
            ) from error
        try:
            return None if row is None else json.loads(row[1])
        except ValueError:
            return None  # written by another version: made anew and overwritten

    def write(self, name: str, value: Any) -> None:
        """Keep a value under a key's `digest`, as `put` does."""
        row = (name, json.dumps(value))
        try:
            with self._lock:
                self._database.execute(f"INSERT OR REPLACE INTO {self._table} VALUES (?, ?)", row)
        except sqlite3.Error as error:
            raise RunError(
                f"The {self._title} {self.file} cannot be written ({error}): free some space, or use "
                f"{self._remedy} off."
            ) from error

    def close(self) -> None:
        """Close the file."""
        self._database.close()


def _open(file: Path, table: str) -> sqlite3.Connection:
    database = sqlite3.connect(file, check_same_thread=False, timeout=_PATIENCE_S, isolation_level=None)
    until = time.monotonic() + _PATIENCE_S
    try:
        while True:
            try:
                # Write-ahead logging lets several runs share the file; what a power cut takes is only made again.
                database.execute("PRAGMA journal_mode=WAL")
                break
            except sqlite3.OperationalError as error:
                # `timeout` does not hold for this one statement, on which runs that start together collide.
                if "locked" not in str(error) or time.monotonic() > until:
                    raise
                time.sleep(0.01)
        database.execute("PRAGMA synchronous=NORMAL")
        database.execute(f"CREATE TABLE IF NOT EXISTS {table} (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
    except sqlite3.Error:
        database.close()
        raise
    return database


def digest(key: Any) -> str:
    """Return the name under which the value of a key (any JSON) is kept."""
    return sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
