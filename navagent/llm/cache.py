"""Replies kept on disk, so that a replay costs nothing."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from navagent.contracts import Shared
from navagent.errors import RunError
from navagent.types import Reply

_PATIENCE_S = 30.0
"""Seconds to wait for other runs that write."""


class ReplyCache(Shared):
    """One SQLite file of replies by request; safe from many threads and processes.

    Args:
        file: Where it lies; created with its folder.

    Raises:
        RunError: The file cannot be created or is no cache.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._lock = threading.Lock()
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._database = _open(file)
        except (OSError, sqlite3.Error) as error:
            raise RunError(
                f"The reply cache {file} cannot be used ({error}): choose another folder with --cache, or --cache off."
            ) from error

    def get(self, request: dict[str, Any]) -> Reply | None:
        """Return the kept reply to a request, marked as cached and free of charge.

        Raises:
            RunError: The file is damaged.
        """
        try:
            with self._lock:
                row = self._database.execute("SELECT reply FROM replies WHERE key = ?", (_key(request),)).fetchone()
        except sqlite3.Error as error:
            raise RunError(
                f"The reply cache {self.file} is damaged ({error}): delete it, or use --cache off."
            ) from error
        if row is None:
            return None
        try:
            fields = json.loads(row[0])
            reply = Reply(**{**fields, "texts": tuple(fields["texts"]), "parsed": tuple(fields["parsed"])})
        except (KeyError, TypeError, ValueError):
            return None  # written by another version: ask again and overwrite
        return replace(reply, cached=True, cost_usd=0.0)

    def put(self, request: dict[str, Any], reply: Reply) -> None:
        """Keep a reply.

        Raises:
            RunError: The disk is full or the file cannot be written.
        """
        row = (_key(request), json.dumps(asdict(reply)))
        try:
            with self._lock:
                self._database.execute("INSERT OR REPLACE INTO replies VALUES (?, ?)", row)
        except sqlite3.Error as error:
            raise RunError(
                f"The reply cache {self.file} cannot be written ({error}): free some space, or use --cache off."
            ) from error

    def close(self) -> None:
        """Close the file."""
        self._database.close()


def _open(file: Path) -> sqlite3.Connection:
    database = sqlite3.connect(file, check_same_thread=False, timeout=_PATIENCE_S, isolation_level=None)
    until = time.monotonic() + _PATIENCE_S
    try:
        while True:
            try:
                # Write-ahead logging lets several runs share the file; a reply lost in a power cut is only asked again.
                database.execute("PRAGMA journal_mode=WAL")
                break
            except sqlite3.OperationalError as error:
                # `timeout` does not hold for this one statement, on which runs that start together collide.
                if "locked" not in str(error) or time.monotonic() > until:
                    raise
                time.sleep(0.01)
        database.execute("PRAGMA synchronous=NORMAL")
        database.execute("CREATE TABLE IF NOT EXISTS replies (key TEXT PRIMARY KEY, reply TEXT NOT NULL)")
    except sqlite3.Error:
        database.close()
        raise
    return database


def _key(request: dict[str, Any]) -> str:
    return sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()
