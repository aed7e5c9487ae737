"""Asking a chat model until a reply is usable."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from navagent.errors import ContextLengthError
from navagent.types import Message, Reply
from policies.situation import ReplyError

T = TypeVar("T")

Send = Callable[[str, Sequence[Message], Mapping[str, Any]], Reply]
"""Makes a call: what it is for, the messages, the reply's schema. `Planner.ask` is one."""


def ask_until_usable(
    send: Send,
    purpose: str,
    messages: Sequence[Message],
    schema: Mapping[str, Any],
    read: Callable[[Any], T],
    max_retries: int,
    complain: Callable[[str], None],
    shorter: Callable[[], Sequence[Message] | None] = lambda: None,
) -> T | None:
    """Return what the first usable reply says, or None if the retries are used up.

    Args:
        send: Makes the calls and keeps them.
        purpose: What the call is for, as the report shows it.
        messages: The request.
        schema: The reply's JSON schema.
        read: Turns parsed JSON (None if there is none) into what is asked for; raises ReplyError if it cannot.
        max_retries: How often a reply that cannot be used is asked for again.
        complain: Takes why a reply was rejected, one sentence.
        shorter: Returns a shorter request after one that was too long, or None if there is none.
    """
    for _ in range(1 + max_retries):
        try:
            reply = send(purpose, messages, schema)
            return read(reply.parsed[0])
        except ReplyError as error:
            complain(str(error))
            said = Message("assistant", reply.text or "(empty)")
            messages = [*messages, said, Message("user", f"That cannot be used: {error}. Try again.")]
        except ContextLengthError as error:
            complain(str(error))
            less = shorter()
            if less is None:
                break
            messages = less
    return None
