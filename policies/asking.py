"""How a planner comes to its reply: at once, or by a procedure of several calls that is put in as an option."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from navagent.types import Message, Reply


class Asker(Protocol):
    """A planner, as far as those see it whom it lets call its chat model."""

    def ask(
        self,
        purpose: str,
        messages: Sequence[Message],
        schema: Mapping[str, Any] | None = None,
        n: int = 1,
        **sampling: Any,
    ) -> Reply:
        """Call the chat model and keep the call for the trace.

        Raises:
            ContextLengthError: The request is too long for the model or for the planner's `prompt_tokens`.
        """

    def complain(self, problem: str) -> None:
        """Count a reply that could not be used, with the reason."""


class Procedure(ABC):
    """Answers in place of one call to the chat model.

    Attributes:
        extra_tokens: Most tokens by which it makes a request longer; a planner with a limit leaves them free.
    """

    extra_tokens: int = 0

    @abstractmethod
    def reply(
        self,
        asker: Asker,
        messages: Sequence[Message],
        schema: Mapping[str, Any] | None,
        n: int = 1,
        **sampling: Any,
    ) -> Reply:
        """Return the answers that a planner will read.

        Args:
            asker: Makes the calls.
            messages: What the planner would have sent.
            schema: The form of its reply, or None for free text.
            n: Number of answers.
            **sampling: What the planner would have sent beside it.
        """
