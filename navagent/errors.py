"""The exception tree: everything that is the user's to mend.

    NavAgentError
    ├── DataError          a data file is missing, damaged or not in its format
    ├── ConfigError        an option, a class path or a combination of them does not fit
    ├── RunError           a run directory cannot be used as asked
    ├── ChatError          a language model did not give a usable reply
    │   ├── ChatConnectionError  the server cannot be reached
    │   ├── ChatTimeoutError     no reply came in time
    │   ├── ContextLengthError   the request is longer than the model's context
    │   └── ChatSetupError       no request can succeed: key, address, model or quota is wrong
    └── BudgetError        the next request could exceed the budget

The command line prints such an error as one sentence and exits with 2; anything else is a defect of this
project and keeps its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any


class NavAgentError(Exception):
    """Something that the user can mend; its text says what, where, and what to do."""


class DataError(NavAgentError):
    """A data file is missing, damaged or not in its format."""


class ConfigError(NavAgentError):
    """An option, a class path or a combination of them does not fit."""


class RunError(NavAgentError):
    """A run directory cannot be used as asked."""


class ChatError(NavAgentError):
    """A language model did not give a usable reply.

    Attributes:
        calls: `navagent.types.Call`s that were answered in the decision that then broke, so that they are not lost.
    """

    calls: tuple[Any, ...] = ()


class ChatConnectionError(ChatError):
    """The server cannot be reached, retries included; no other request would reach it either."""


class ChatTimeoutError(ChatError):
    """No reply came in time; the server may bill the request all the same."""


class ContextLengthError(ChatError):
    """The request is longer than the model's context."""


class ChatSetupError(ChatError):
    """No request can succeed until the key, the address, the model's name or the quota is mended."""


class BudgetError(NavAgentError):
    """The next request could exceed the budget."""


def nearest(value: str, choices: Iterable[str]) -> str:
    """Return " Did you mean 'x'?" for the choice closest to `value`, or an empty string if none is close."""
    match = difflib.get_close_matches(value, list(choices), n=1)
    return f" Did you mean '{match[0]}'?" if match else ""


def listing(items: Iterable[object], most: int = 5) -> str:
    """Return the first `most` items separated by commas, with a count of the rest."""
    everything = [str(item) for item in items]
    rest = len(everything) - most
    return ", ".join(everything[:most]) + (f" and {rest} more" if rest > 0 else "")


def first_line(error: BaseException) -> str:
    """Return what an error says, in one line without its full stop."""
    return str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else type(error).__name__
