"""Any server that speaks OpenAI's chat completions: OpenAI, vLLM, Ollama, `transformers serve`, ..."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import openai
from openai.types.chat import ChatCompletion, ChatCompletionMessage

from navagent.contracts import ChatModel
from navagent.errors import ChatConnectionError, ChatError, ChatSetupError, ChatTimeoutError, ContextLengthError
from navagent.images import data_url
from navagent.llm.json_text import find_json
from navagent.types import Message, Reply

# What a server may refuse. Each is dropped once, on its first refusal, and the refusal remembered.
_OPTIONAL = ("response_format", "temperature", "top_p", "seed", "stop", "n", "max_completion_tokens", "max_tokens")
_CONTEXT = re.compile(
    r"context.{0,20}(length|window|size)|too many tokens|prompt is too long|maximum.{0,20}tokens", re.I
)
_PICTURES = re.compile(r"image_url|image input|images? (is|are) not|multimodal|at most 0 image|vision", re.I)
_ADDRESS = re.compile(r"https?://[^\s@]+")
_BAD_BODIES = 3
"""Attempts at a reply whose body is not a chat completion; the client's own retries cover status codes only."""


class OpenAIChat(ChatModel):
    """A chat model behind an OpenAI-compatible server.

    The `openai` client retries 408, 409, 429, 5xx and broken connections with exponential back-off and honours
    Retry-After. Parameters that a server refuses (reasoning models take no temperature, old servers no
    `max_completion_tokens` or JSON schema) are dropped on their first refusal and not sent again.

    Args:
        model: The model's name as the server knows it.
        base_url: The server's address, as `http://localhost:8000/v1`; by default OpenAI's or $OPENAI_BASE_URL.
        api_key_env: Name of the environment variable that holds the key. The key itself never enters a configuration.
        max_tokens: Most tokens of one reply, reasoning included. Reasoning models return empty text below about 2,000.
        timeout_s: Seconds to wait for a reply before trying again.
        max_retries: How often the client tries again.

    Raises:
        ChatSetupError: The key is missing.
    """

    sees_images = True
    """For the server to refuse: what a model can see is not in its name."""

    def __init__(
        self,
        model: str,
        base_url: str | None = None,
        api_key_env: str = "OPENAI_API_KEY",
        max_tokens: int = 4096,
        timeout_s: float = 120.0,
        max_retries: int = 6,
    ) -> None:
        address = base_url or os.environ.get("OPENAI_BASE_URL")
        if not api_key_env.isidentifier():
            raise ChatSetupError(
                "api_key_env takes the *name* of an environment variable that holds the key, not the key."
            )
        if address is not None and not _ADDRESS.fullmatch(address):
            raise ChatSetupError(
                "base_url takes an address as http://localhost:8000/v1, without user name and password."
            )
        if max_tokens < 1:
            raise ChatSetupError(f"max_tokens must be at least 1, not {max_tokens}.")
        self._key = os.environ.get(api_key_env, "").strip()
        if not self._key and address is None:
            raise ChatSetupError(
                f"OpenAIChat needs an API key: set the environment variable {api_key_env}, give the address of a "
                "server that needs none (--policy.llm.base_url http://localhost:8000/v1), or use OfflineChat."
            )
        if not (self._key.isascii() and self._key.isprintable()):
            raise ChatSetupError(
                f"The environment variable {api_key_env} is no API key: it holds a line break, a typographic quote or "
                "another character that no key has."
            )
        self.name = model
        self.identity = f"{model} at {address or 'openai'}, max_tokens={max_tokens}"
        self.most_output_tokens = max_tokens
        self._client = openai.OpenAI(
            api_key=self._key or "none", base_url=address, timeout=timeout_s, max_retries=max_retries
        )
        self._refused: set[str] = set()
        self._lock = threading.Lock()

    def chat(
        self,
        messages: Sequence[Message],
        schema: Mapping[str, Any] | None = None,
        n: int = 1,
        **sampling: Any,
    ) -> Reply:
        """Answer; a refusal to answer comes back as its text, with nothing parsed."""
        started = time.monotonic()
        request: dict[str, Any] = {
            "model": self.name,
            "messages": [{"role": message.role, "content": _content(message)} for message in messages],
            "max_completion_tokens": sampling.pop("max_tokens", self.most_output_tokens),
            **sampling,
        }
        if n > 1:
            request["n"] = n
        if schema is not None:
            form = {"name": "reply", "schema": dict(schema), "strict": True}
            request["response_format"] = {"type": "json_schema", "json_schema": form}
        completions = [self._complete(request)]
        # A server without `n` answers with fewer choices than asked for; the rest are further requests.
        while sum(len(completion.choices) for completion in completions) < n:
            completions.append(self._complete({**request, "n": 1}))
        return _reply(completions, n, schema, time.monotonic() - started)

    def _complete(self, request: dict[str, Any]) -> ChatCompletion:
        """Send one request, without what the server is known to refuse."""
        with self._lock:
            refused = set(self._refused)
        while True:
            accepted = _accepted(request, refused)
            try:
                completion = self._send(accepted)
            except openai.OpenAIError as error:
                name = _refused_parameter(error, accepted)
                if name is None:
                    # The client's own text may hold the key.
                    raise self._translate(error, _with_pictures(request)) from None
                refused.add(name)
            else:
                with self._lock:  # only now is it certain that these were the reason
                    self._refused |= refused
                return completion

    def _send(self, request: dict[str, Any]) -> ChatCompletion:
        for _ in range(_BAD_BODIES):
            try:
                completion = self._client.chat.completions.create(**request)
            except ValueError:  # the body is no JSON: cut short, or a proxy's page
                continue
            if isinstance(completion, ChatCompletion) and completion.choices:
                return completion
        raise ChatError(f"{self.name}: the server sent {_BAD_BODIES} times a body that is no chat completion.")

    def _translate(self, error: openai.OpenAIError, pictures: bool = False) -> ChatError:
        """Return one of our errors, with the key struck from its text.

        Args:
            error: The client's error.
            pictures: Whether the request carried some, so that they may be what the server refused.
        """
        text = " ".join(str(error).split())
        if self._key:
            text = text.replace(self._key, "[key]")
        text = f"{self.name}: {text}"
        code = getattr(error, "code", None)
        if isinstance(error, openai.APITimeoutError):
            return ChatTimeoutError(f"{self.name}: no reply within the time limit, retries included.")
        if isinstance(error, openai.APIConnectionError):
            return ChatConnectionError(
                f"{self.name}: no connection to {self._client.base_url} that lasted for a reply."
            )
        if code == "context_length_exceeded" or (isinstance(error, openai.BadRequestError) and _CONTEXT.search(text)):
            return ContextLengthError(text)
        if pictures and isinstance(error, (openai.BadRequestError, openai.UnprocessableEntityError)):
            if _PICTURES.search(text):
                return ChatSetupError(f"{text} (does this model see pictures? `--policy.view text` sends none).")
            return ChatError(text)
        hopeless = (openai.AuthenticationError, openai.PermissionDeniedError, openai.NotFoundError)
        if isinstance(error, hopeless) or code == "insufficient_quota":
            return ChatSetupError(f"{text} (check the key, the model's name, the address and the account's quota).")
        return ChatError(text)


def _content(message: Message) -> str | list[dict[str, Any]]:
    """Return a message's content as the API takes it: a string, or parts where there are pictures."""
    if not message.images:
        return message.content
    parts: list[dict[str, Any]] = [{"type": "text", "text": message.content}]
    for image in message.images:
        if image.label:
            parts.append({"type": "text", "text": image.label})
        parts.append({"type": "image_url", "image_url": {"url": data_url(image), "detail": image.detail}})
    return parts


def _with_pictures(request: Mapping[str, Any]) -> bool:
    return any(isinstance(message["content"], list) for message in request["messages"])


def _accepted(request: Mapping[str, Any], refused: Collection[str]) -> dict[str, Any]:
    accepted = {name: value for name, value in request.items() if name not in refused}
    # Servers older than `max_completion_tokens` know the limit as `max_tokens`.
    if "max_completion_tokens" in refused and "max_tokens" not in refused:
        accepted["max_tokens"] = request["max_completion_tokens"]
    return accepted


def _refused_parameter(error: openai.OpenAIError, sent: Mapping[str, Any]) -> str | None:
    """Return the optional parameter that a 400 complains of, or None if it complains of something else."""
    if not isinstance(error, (openai.BadRequestError, openai.UnprocessableEntityError)):
        return None
    named = str(getattr(error, "param", None) or "")
    if named in _OPTIONAL and named in sent:
        return named
    text = str(error)
    if _CONTEXT.search(text) or getattr(error, "code", None) == "context_length_exceeded":
        return None
    return next((name for name in _OPTIONAL if name in sent and re.search(rf"\b{name}\b", text)), None)


def _text(message: ChatCompletionMessage | None) -> str:
    """Return what a message says; the client does not check what a server sends, so any field may be absent."""
    if message is None:
        return ""
    content: Any = message.content
    if isinstance(content, list):  # parts: text, reasoning, pictures
        content = "".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    text = str(content or message.refusal or "")
    return text.encode(errors="replace").decode()  # half an emoji can neither be written nor sent back


def _reply(completions: list[ChatCompletion], n: int, schema: Mapping[str, Any] | None, latency_s: float) -> Reply:
    choices = [choice for completion in completions for choice in completion.choices][:n]
    texts = tuple(_text(choice.message) for choice in choices)
    required = schema.get("required", ()) if schema is not None else ()
    usages = [completion.usage for completion in completions if completion.usage is not None]
    details = [usage.prompt_tokens_details for usage in usages if usage.prompt_tokens_details is not None]
    return Reply(
        texts=texts,
        parsed=tuple(find_json(text, required) if schema is not None else None for text in texts),
        model=completions[0].model or "",
        input_tokens=sum(usage.prompt_tokens or 0 for usage in usages),
        output_tokens=sum(usage.completion_tokens or 0 for usage in usages),
        latency_s=latency_s,
        cached_input_tokens=sum(detail.cached_tokens or 0 for detail in details),
    )
