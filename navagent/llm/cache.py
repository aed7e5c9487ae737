"""Replies kept on disk, so that a replay costs nothing."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from navagent.contracts import Shared
from navagent.store import JsonStore, Store
from navagent.types import Reply


def open_replies(file: Path) -> JsonStore:
    """Open a SQLite file of replies, created with its folder; safe from many threads and processes of one machine.

    Raises:
        RunError: The file cannot be created or is no cache.
    """
    return JsonStore(file, "replies", "reply cache", "--cache")


class ReplyCache(Shared):
    """Replies by request; as safe from many threads and processes as what keeps them.

    Args:
        place: The file that `open_replies` opens, or what else keeps them.

    Raises:
        RunError: The file cannot be created or is no cache.
    """

    def __init__(self, place: Path | Store) -> None:
        self._store: Store = open_replies(place) if isinstance(place, Path) else place

    def get(self, request: dict[str, Any]) -> Reply | None:
        """Return the kept reply to a request, marked as cached and free of charge.

        Raises:
            RunError: The file is damaged.
        """
        fields = self._store.get(request)
        try:
            reply = Reply(**{**fields, "texts": tuple(fields["texts"]), "parsed": tuple(fields["parsed"])})
        except (KeyError, TypeError):
            return None  # none, or written by another version: ask again and overwrite
        return replace(reply, cached=True, cost_usd=0.0)

    def put(self, request: dict[str, Any], reply: Reply) -> None:
        """Keep a reply.

        Raises:
            RunError: The disk is full or the file cannot be written.
        """
        self._store.put(request, asdict(reply))

    def close(self) -> None:
        """Close the file."""
        self._store.close()
