"""An OpenAI-compatible chat server on loopback that answers by script, to test clients against real HTTP.

    with ChatServer([Status(429, headers=SOON), Text("hello")]) as server:
        OpenAIChat("some-model", base_url=server.url).chat(...)
        assert len(server.requests) == 2

`python -m tests.chat_server --latency 0.5 --port 0` prints its port and answers every planner prompt with the first
navigable viewpoint, for benchmarks.
"""

from __future__ import annotations

import argparse
import json
import re
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Protocol, TypeAlias, cast

SOON: Mapping[str, str] = {"retry-after-ms": "1"}
"""Headers that make the `openai` client try again at once; it takes `retry-after: 0` for no advice."""


# ----------------------------------------------------------------------------------- what is asked and answered
@dataclass(frozen=True)
class Request:
    """One recorded request.

    Attributes:
        body: The JSON body.
        headers: The headers, names in lower case.
        path: The path asked for.
    """

    body: dict[str, Any]
    headers: Mapping[str, str]
    path: str

    @property
    def messages(self) -> list[dict[str, str]]:
        """The conversation as sent."""
        return cast("list[dict[str, str]]", self.body["messages"])

    @property
    def texts(self) -> list[str]:
        """Each message's text; of one with pictures, that of its text parts."""
        contents: list[Any] = [message["content"] for message in self.messages]
        return [
            content if isinstance(content, str) else "\n".join(part.get("text", "") for part in content)
            for content in contents
        ]

    @property
    def last(self) -> str:
        """The last message's text."""
        return self.texts[-1]


@dataclass(frozen=True)
class Answer:
    """What goes over the wire.

    Attributes:
        body: The bytes sent.
        status: HTTP status.
        headers: Further headers.
        announced: Content-Length, if it is to differ from what is sent; the connection is closed afterwards.
        delay_s: Seconds before the answer.
    """

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    announced: int | None = None
    delay_s: float = 0.0


class Step(Protocol):
    """One step of a script."""

    def answer(self, request: Request) -> Answer:
        """Return the answer to a request."""


Script: TypeAlias = "Sequence[Step] | Callable[[Request], Step]"


@dataclass(frozen=True)
class Usage:
    """Tokens that the server claims to have used."""

    input_tokens: int = 100
    output_tokens: int = 20
    cached: int | None = None

    def as_json(self) -> dict[str, Any]:
        """Return OpenAI's `usage` object."""
        usage: dict[str, Any] = {
            "prompt_tokens": self.input_tokens,
            "completion_tokens": self.output_tokens,
            "total_tokens": self.input_tokens + self.output_tokens,
        }
        if self.cached is not None:
            usage["prompt_tokens_details"] = {"cached_tokens": self.cached}
        return usage


# -------------------------------------------------------------------------------------------------------- steps
@dataclass(frozen=True)
class Text:
    """A completion.

    Attributes:
        text: The first choice.
        more: The further choices of a request with `n` > 1; repeated if there are too few.
        usage: The `usage` object; None leaves it out.
        model: The model's name to return; by default the one asked for.
        most_choices: Most choices of one answer, whatever `n` says; 1 ignores `n`.
    """

    text: str
    more: tuple[str, ...] = ()
    usage: Usage | None = Usage()
    model: str | None = None
    most_choices: int = 128

    def answer(self, request: Request) -> Answer:
        """Return `n` choices."""
        count = min(request.body.get("n", 1), self.most_choices)
        texts = (self.text, *self.more)
        messages = [{"role": "assistant", "content": texts[i % len(texts)]} for i in range(count)]
        return _completion(request, messages, self.usage, self.model)


@dataclass(frozen=True)
class Refusal:
    """A model that declines: no content, a refusal text instead."""

    text: str

    def answer(self, request: Request) -> Answer:
        """Return a message with a refusal."""
        return _completion(request, [{"role": "assistant", "content": None, "refusal": self.text}])


@dataclass(frozen=True)
class ToolCalls:
    """A model that calls tools nobody offered: no content."""

    names: tuple[str, ...] = ("move",)

    def answer(self, request: Request) -> Answer:
        """Return a message with tool calls."""
        calls = [
            {"id": f"call_{i}", "type": "function", "function": {"name": name, "arguments": "{}"}}
            for i, name in enumerate(self.names)
        ]
        return _completion(request, [{"role": "assistant", "content": None, "tool_calls": calls}])


@dataclass(frozen=True)
class Status:
    """An error in OpenAI's form."""

    status: int
    message: str = "scripted error"
    code: str | None = None
    param: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def answer(self, request: Request) -> Answer:
        """Return the error."""
        error = {"message": self.message, "type": "error", "code": self.code, "param": self.param}
        return Answer(json.dumps({"error": error}).encode(), self.status, self.headers)


def ContextLength() -> Status:
    """Return OpenAI's answer to a request that is too long."""
    message = "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens."
    return Status(400, message, code="context_length_exceeded", param="messages")


@dataclass(frozen=True)
class RefuseParameter:
    """A server that answers 400 whenever a request carries a parameter, else goes on to the next step.

    Attributes:
        name: The parameter.
        then: The answer to requests without it.
        named: Whether `param` of the error names it; old servers only do so in the message.
        status: 400, or 422 as servers built on FastAPI answer.
    """

    name: str
    then: Step = Text("accepted")
    named: bool = True
    status: int = 400

    def answer(self, request: Request) -> Answer:
        """Return the refusal or the next step's answer."""
        if self.name not in request.body:
            return self.then.answer(request)
        code, param = ("unsupported_parameter", self.name) if self.named else (None, None)
        return Status(self.status, f"Unsupported parameter: '{self.name}'.", code, param).answer(request)


@dataclass(frozen=True)
class Slow:
    """Another step's answer, late."""

    delay_s: float
    then: Step = Text("late")

    def answer(self, request: Request) -> Answer:
        """Return the answer with a delay."""
        late = self.then.answer(request)
        return Answer(late.body, late.status, late.headers, late.announced, self.delay_s)


@dataclass(frozen=True)
class CutBody:
    """A completion cut off in the middle of its JSON.

    Attributes:
        honest_length: Whether Content-Length is what is sent, as behind a proxy that buffers, or what was meant.
    """

    honest_length: bool

    def answer(self, request: Request) -> Answer:
        """Return the first half of a completion."""
        whole = Text("a reply that nobody will read to its end").answer(request).body
        return Answer(whole[: len(whole) // 2], announced=None if self.honest_length else len(whole))


@dataclass(frozen=True)
class Body:
    """Any bytes with status 200."""

    body: bytes
    content_type: str = "application/json"

    def answer(self, request: Request) -> Answer:
        """Return the bytes."""
        return Answer(self.body, headers={"content-type": self.content_type})


def NotJson() -> Body:
    """Return a proxy's page with status 200."""
    return Body(b"<html><body>Please sign in to the network.</body></html>", "text/html")


def _completion(
    request: Request, messages: list[dict[str, Any]], usage: Usage | None = Usage(), model: str | None = None
) -> Answer:
    body: dict[str, Any] = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": model or request.body["model"],
        "choices": [{"index": i, "finish_reason": "stop", "message": said} for i, said in enumerate(messages)],
    }
    if usage is not None:
        body["usage"] = usage.as_json()
    return Answer(json.dumps(body).encode())


# ------------------------------------------------------------------------------------------------------- server
class ChatServer:
    """The server, running from `with` to the end of its block.

    Args:
        script: Steps, one per request, the last one for ever; or a function from request to step.
        latency_s: Seconds before every answer.
        port: 0 takes a free one.
        record: Whether to keep the requests.
        keep_alive: Whether connections stay open between requests. By default they do not, so that a client that
            nobody closes leaves no socket behind.
    """

    def __init__(
        self, script: Script, latency_s: float = 0.0, port: int = 0, record: bool = True, keep_alive: bool = False
    ) -> None:
        self.requests: list[Request] = []
        self.keep_alive = keep_alive
        self._script = script
        self._latency_s = latency_s
        self._record = record
        self._lock = threading.Lock()
        self._served = 0
        self._closing = threading.Event()
        self._http = _Http(("127.0.0.1", port), self)
        self.port = int(self._http.server_address[1])
        self.url = f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> ChatServer:
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """The bodies of all requests so far."""
        return [request.body for request in self.requests]

    def respond(self, request: Request) -> Answer:
        """Record a request, take the next step of the script and wait as long as it says."""
        with self._lock:
            number = self._served
            self._served += 1
            if self._record:
                self.requests.append(request)
        step = self._script(request) if callable(self._script) else self._script[min(number, len(self._script) - 1)]
        answer = step.answer(request)
        self._closing.wait(self._latency_s + answer.delay_s)
        return answer


class _Http(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = False  # so that closing waits for them and no socket outlives a test

    def __init__(self, address: tuple[str, int], owner: ChatServer) -> None:
        self.owner = owner
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        with self._open_lock:
            for connection in self._open:  # kept alive by clients: wake the threads that wait for more
                connection.shutdown(socket.SHUT_RD)
        super().server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and body leave in one packet

    def do_POST(self) -> None:
        owner = cast(_Http, self.server).owner
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = owner.respond(Request(body, headers, self.path))
        self.send_response(answer.status)
        for name, value in {"content-type": "application/json", **answer.headers}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(answer.body) if answer.announced is None else answer.announced))
        if not owner.keep_alive or answer.announced is not None:
            self.send_header("connection", "close")
        self.end_headers()
        try:
            self.wfile.write(answer.body)
            self.wfile.flush()
        except OSError:  # the client gave up waiting
            self.close_connection = True

    def finish(self) -> None:
        try:
            super().finish()
        except OSError:  # the client gave up waiting
            self.rfile.close()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        return


# ----------------------------------------------------------------------------------------------- for benchmarks
_NAVIGABLE = re.compile(r"^\s*Navigable: (\S+?):", re.MULTILINE)


def first_viewpoint(request: Request) -> Step:
    """Answer a planner's prompt with the first viewpoint on a "Navigable:" line, as JSON if a form is asked for."""
    found = _NAVIGABLE.search(request.last)
    if "response_format" in request.body:
        return Text(json.dumps({"thought": "The first way on.", "action": found.group(1) if found else "stop"}))
    if found is None:
        return Text("Thought: There is no way on.\nFinal Answer: Finished")
    return Text(f"Thought: The first way on.\nAction: move\nAction Input: {found.group(1)}")


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--latency", type=float, default=0.5, help="seconds before every answer")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    options = parser.parse_args()
    with ChatServer(first_viewpoint, options.latency, options.port, record=False, keep_alive=True) as server:
        print(server.port, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
