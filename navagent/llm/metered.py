"""The one wrapper round every chat model: disk cache, accounting, budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from navagent.contracts import ChatModel
from navagent.errors import ChatTimeoutError
from navagent.llm.cache import ReplyCache
from navagent.llm.image_tokens import image_tokens
from navagent.llm.ledger import Books
from navagent.types import Message, Reply


class Metered(ChatModel):
    """A chat model with cache and ledger.

    A stand-in that is no language model passes through uncached and unpaid; a local model is cached, and costs nothing.

    Args:
        inner: The model that answers.
        ledger: Where calls are booked; holds the budget.
        cache: Kept replies, or None.
    """

    def __init__(self, inner: ChatModel, ledger: Books, cache: ReplyCache | None = None) -> None:
        self.inner = inner
        self.name = inner.name
        self.identity = inner.identity
        self.most_output_tokens = inner.most_output_tokens
        self.is_language_model = inner.is_language_model
        self.sees_images = inner.sees_images
        self.is_free = inner.is_free
        self._ledger = ledger
        self._cache = cache

    def chat(
        self,
        messages: Sequence[Message],
        schema: Mapping[str, Any] | None = None,
        n: int = 1,
        **sampling: Any,
    ) -> Reply:
        """Answer from the cache, else from the model within the budget.

        Raises:
            BudgetError: The call could exceed the budget.
            ConfigError: There is a budget but no price for the model.
            ChatError: As the model raises it.
        """
        if not self.is_language_model:
            return self.inner.chat(messages, schema, n, **sampling)
        request = {
            "model": self.identity,
            "messages": [message.as_json() for message in messages],
            "schema": schema,
            "n": n,
            "sampling": sampling,
        }
        if self._cache is not None and (kept := self._cache.get(request)) is not None:
            return kept
        if self.is_free:
            reply = replace(self.inner.chat(messages, schema, n, **sampling), cost_usd=0.0)
            if self._cache is not None:
                self._cache.put(request, reply)
            return reply
        return self._pay(request, messages, schema, n, **sampling)

    def _pay(
        self,
        request: dict[str, Any],
        messages: Sequence[Message],
        schema: Mapping[str, Any] | None,
        n: int,
        **sampling: Any,
    ) -> Reply:
        """Ask within the budget, keep the reply and book it."""
        most_output = n * int(sampling.get("max_tokens") or self.most_output_tokens)
        # A server without `n` is asked n times and bills the prompt each time.
        input_tokens = n * estimate_input_tokens(messages, schema, self.name)
        reserved = self._ledger.reserve(self.name, input_tokens, most_output)
        try:
            reply = self.inner.chat(messages, schema, n, **sampling)
        except ChatTimeoutError:
            self._ledger.settle(self.name, None, reserved)
            raise
        except BaseException:
            self._ledger.cancel(reserved)
            raise
        try:
            if self._cache is not None:
                self._cache.put(request, reply)  # first: a reply that was paid for must not be lost to a full disk
        finally:
            cost = self._ledger.settle(self.name, reply, reserved)
        return replace(reply, cost_usd=cost)


def estimate_input_tokens(
    messages: Sequence[Message], schema: Mapping[str, Any] | None, model: str | None = None
) -> int:
    """Return a generous estimate of a request's tokens: one per two bytes, and pictures by OpenAI's rules.

    English text takes about four bytes per token; viewpoint ids, the densest text that planners send, about 1.7 but
    are a small part of a prompt. 16 tokens per message cover the chat template. What is billed in the end is the
    server's own count.
    """
    images = [image for message in messages for image in message.images]
    words = [message.content for message in messages] + [image.label for image in images]
    length = sum(len(text.encode()) for text in words) + len(str(schema or ""))
    return length // 2 + 16 * len(messages) + sum(image_tokens(image, model) for image in images)
