"""OpenAIChat against a real server on loopback: every fault that servers are known for."""

from __future__ import annotations

import base64
import json
import socket
import traceback
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from navagent.errors import ChatConnectionError, ChatError, ChatSetupError, ContextLengthError
from navagent.images import encode
from navagent.llm import OpenAIChat
from navagent.types import Message
from tests.chat_server import (
    SOON,
    Body,
    ChatServer,
    ContextLength,
    CutBody,
    NotJson,
    Refusal,
    RefuseParameter,
    Request,
    Slow,
    Status,
    Step,
    Text,
    ToolCalls,
    Usage,
)

MODEL = "some-model"
KEY = "sk-recognisable-5f3a9"
ASKED = (Message("system", "You steer a robot."), Message("user", "Where to?"))
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"thought": {"type": "string"}, "action": {"type": "string"}},
    "required": ["thought", "action"],
    "additionalProperties": False,
}
GOOD = {"thought": "The hall.", "action": "left"}


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def connect(server: ChatServer, max_retries: int = 2, timeout_s: float = 10.0, max_tokens: int = 4096) -> OpenAIChat:
    return OpenAIChat(MODEL, server.url, max_tokens=max_tokens, timeout_s=timeout_s, max_retries=max_retries)


# --------------------------------------------------------------------------------------------- what is sent
def test_messages_are_sent_in_order_with_their_roles() -> None:
    with ChatServer([Text("left")]) as server:
        connect(server).chat(ASKED)
    assert server.requests[0].messages == [
        {"role": "system", "content": "You steer a robot."},
        {"role": "user", "content": "Where to?"},
    ]


def test_request_names_the_model_at_the_usual_path() -> None:
    with ChatServer([Text("left")]) as server:
        connect(server).chat(ASKED)
    assert (server.requests[0].path, server.bodies[0]["model"]) == ("/v1/chat/completions", MODEL)


@pytest.mark.parametrize(
    ("name", "value"), [("temperature", 0.0), ("top_p", 0.5), ("seed", 7), ("stop", ["\nObservation:"])]
)
def test_sampling_parameters_are_passed_on(name: str, value: Any) -> None:
    with ChatServer([Text("left")]) as server:
        connect(server).chat(ASKED, **{name: value})
    assert server.bodies[0][name] == value


def test_token_limit_is_sent_with_every_request() -> None:
    with ChatServer([Text("left")]) as server:
        connect(server, max_tokens=77).chat(ASKED)
    assert server.bodies[0]["max_completion_tokens"] == 77


def test_token_limit_of_a_call_overrides_the_default() -> None:
    with ChatServer([Text("left")]) as server:
        connect(server, max_tokens=77).chat(ASKED, max_tokens=5)
    assert server.bodies[0]["max_completion_tokens"] == 5


def test_plain_requests_carry_neither_n_nor_response_format() -> None:
    with ChatServer([Text("left")]) as server:
        connect(server).chat(ASKED)
    assert not {"n", "response_format"} & server.bodies[0].keys()


def test_schema_is_sent_as_a_strict_json_schema() -> None:
    with ChatServer([Text(json.dumps(GOOD))]) as server:
        connect(server).chat(ASKED, SCHEMA)
    form = server.bodies[0]["response_format"]
    assert (form["type"], form["json_schema"]["strict"], form["json_schema"]["schema"]) == ("json_schema", True, SCHEMA)


def test_key_travels_as_bearer_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with ChatServer([Text("left")]) as server:
        connect(server).chat(ASKED)
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_address_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with ChatServer([Text("left")]) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        assert OpenAIChat(MODEL, max_retries=0).chat(ASKED).text == "left"


# ----------------------------------------------------------------------------------------- what is answered
def test_reply_holds_text_model_and_usage() -> None:
    with ChatServer([Text("left", usage=Usage(321, 45))]) as server:
        reply = connect(server).chat(ASKED)
    assert (reply.texts, reply.parsed, reply.model) == (("left",), (None,), MODEL)
    assert (reply.input_tokens, reply.output_tokens, reply.cached_input_tokens) == (321, 45, 0)


def test_model_is_the_one_that_the_server_names() -> None:
    with ChatServer([Text("left", model=f"{MODEL}-2024-08-06")]) as server:
        assert connect(server).chat(ASKED).model == f"{MODEL}-2024-08-06"


def test_cached_input_tokens_are_reported() -> None:
    with ChatServer([Text("left", usage=Usage(321, 45, cached=256))]) as server:
        assert connect(server).chat(ASKED).cached_input_tokens == 256


def test_server_without_usage_counts_no_tokens() -> None:
    with ChatServer([Text("left", usage=None)]) as server:
        reply = connect(server).chat(ASKED)
    assert (reply.text, reply.input_tokens, reply.output_tokens) == ("left", 0, 0)


def test_cost_is_left_to_the_ledger() -> None:
    with ChatServer([Text("left")]) as server:
        assert connect(server).chat(ASKED).cost_usd is None


def test_latency_is_measured() -> None:
    with ChatServer([Slow(0.05, Text("left"))]) as server:
        assert connect(server).chat(ASKED).latency_s >= 0.05


def test_refusal_comes_back_as_text_without_data() -> None:
    with ChatServer([Refusal("I can't help with that.")]) as server:
        reply = connect(server).chat(ASKED, SCHEMA)
    assert (reply.texts, reply.parsed) == (("I can't help with that.",), (None,))


def test_tool_calls_come_back_as_empty_text() -> None:
    with ChatServer([ToolCalls(("move", "look"))]) as server:
        reply = connect(server).chat(ASKED, SCHEMA)
    assert (reply.texts, reply.parsed) == (("",), (None,))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(json.dumps(GOOD), id="clean"),
        pytest.param(f"```json\n{json.dumps(GOOD, indent=2)}\n```", id="code fence"),
        pytest.param(f"Sure, here you are: {json.dumps(GOOD)} Anything else?", id="chatter"),
        pytest.param(f'<think>{{"thought": "no", "action": "right"}} no.</think>{json.dumps(GOOD)}', id="think block"),
        pytest.param(f'Either {{"thought": "no", "action": "right"}} or {json.dumps(GOOD)}', id="twice"),
        pytest.param(f'{json.dumps(GOOD)} <think>or {{"thought": "no", "action": "up"}}?</think>', id="think after"),
        pytest.param(f"{json.dumps({'name': 'move', 'arguments': GOOD})}", id="tool call as text"),
        pytest.param(f'{json.dumps(GOOD)} {{"confidence": 0.9}}', id="second object without the required keys"),
    ],
)
def test_json_is_parsed_from(text: str) -> None:
    with ChatServer([Text(text)]) as server:
        assert connect(server).chat(ASKED, SCHEMA).parsed == (GOOD,)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(json.dumps(GOOD)[:-5], id="truncated"),
        pytest.param("", id="empty"),
        pytest.param("I go left.", id="prose"),
        pytest.param('{"thought": "The hall."}', id="required key missing"),
        pytest.param('["left"]', id="array"),
        pytest.param("<think>left, of course", id="unclosed think block"),
    ],
)
def test_nothing_is_parsed_from(text: str) -> None:
    with ChatServer([Text(text)]) as server:
        reply = connect(server).chat(ASKED, SCHEMA)
    assert (reply.texts, reply.parsed) == ((text,), (None,))


def test_json_is_not_parsed_unless_asked_for() -> None:
    with ChatServer([Text(json.dumps(GOOD))]) as server:
        assert connect(server).chat(ASKED).parsed == (None,)


# -------------------------------------------------------------------------------------------- several answers
def test_n_answers_come_from_one_request() -> None:
    with ChatServer([Text("a", ("b", "c"))]) as server:
        assert connect(server).chat(ASKED, n=3).texts == ("a", "b", "c")
    assert [body["n"] for body in server.bodies] == [3]


def test_server_that_ignores_n_is_asked_again_until_there_are_n_answers() -> None:
    steps = [Text(text, most_choices=1, usage=Usage(100, 10, cached=5)) for text in "abc"]
    with ChatServer(steps) as server:
        reply = connect(server).chat(ASKED, n=3)
    assert reply.texts == ("a", "b", "c")
    assert (reply.input_tokens, reply.output_tokens, reply.cached_input_tokens) == (300, 30, 15)


def test_server_that_gives_too_few_choices_is_asked_for_the_rest() -> None:
    with ChatServer([Text("a", ("b",), most_choices=2), Text("c")]) as server:
        assert connect(server).chat(ASKED, n=3).texts == ("a", "b", "c")
    assert [body["n"] for body in server.bodies] == [3, 1]


def test_server_that_refuses_n_is_asked_n_times() -> None:
    with ChatServer([RefuseParameter("n", then=Text("a"))]) as server:
        assert connect(server).chat(ASKED, n=3).texts == ("a", "a", "a")
    assert ["n" in body for body in server.bodies] == [True, False, False, False]


def test_every_one_of_n_answers_is_parsed_by_itself() -> None:
    with ChatServer([Text(json.dumps(GOOD), ("no data",))]) as server:
        assert connect(server).chat(ASKED, SCHEMA, n=2).parsed == (GOOD, None)


# ------------------------------------------------------------------------------------------ refused parameters
@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("temperature", {"temperature": 0.0}),
        ("top_p", {"top_p": 0.9}),
        ("seed", {"seed": 1}),
        ("stop", {"stop": ["x"]}),
        ("response_format", {"schema": SCHEMA}),
        ("n", {"n": 2}),
    ],
)
@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize("named", [True, False], ids=["param field", "message only"])
def test_refused_parameter_is_dropped_and_never_sent_again(
    name: str, asked: dict[str, Any], status: int, named: bool
) -> None:
    with ChatServer([RefuseParameter(name, Text("fine"), named, status)]) as server:
        chat = connect(server)
        assert chat.chat(ASKED, **asked).text == "fine"
        chat.chat(ASKED, **asked)
    sent = [name in body for body in server.bodies]
    assert sent[0] is True
    assert not any(sent[1:])


def test_several_refused_parameters_are_dropped_one_after_the_other() -> None:
    picky = RefuseParameter("temperature", RefuseParameter("stop", RefuseParameter("response_format", Text("fine"))))
    with ChatServer([picky]) as server:
        assert connect(server).chat(ASKED, SCHEMA, temperature=0.0, stop=["x"]).text == "fine"
    assert len(server.requests) == 4


def test_schema_is_still_read_where_the_server_refuses_response_format() -> None:
    with ChatServer([RefuseParameter("response_format", Text(json.dumps(GOOD)))]) as server:
        assert connect(server).chat(ASKED, SCHEMA).parsed == (GOOD,)


@pytest.mark.parametrize("named", [True, False], ids=["param field", "message only"])
def test_old_server_gets_max_tokens_instead(named: bool) -> None:
    with ChatServer([RefuseParameter("max_completion_tokens", named=named)]) as server:
        chat = connect(server, max_tokens=77)
        chat.chat(ASKED)
        chat.chat(ASKED)
    limits = [(body.get("max_completion_tokens"), body.get("max_tokens")) for body in server.bodies]
    assert limits == [(77, None), (None, 77), (None, 77)]


def test_server_that_takes_no_limit_at_all_gets_none() -> None:
    with ChatServer([RefuseParameter("max_completion_tokens", RefuseParameter("max_tokens", Text("fine")))]) as server:
        assert connect(server).chat(ASKED).text == "fine"
    assert not {"max_completion_tokens", "max_tokens"} & server.bodies[-1].keys()


def test_refusal_met_by_many_threads_at_once_is_survived_by_all() -> None:
    with ChatServer([RefuseParameter("temperature", Text("fine"))], latency_s=0.01) as server:
        chat = connect(server)
        with ThreadPoolExecutor(8) as pool:
            texts = list(pool.map(lambda _: chat.chat(ASKED, temperature=0.0).text, range(32)))
    assert texts == ["fine"] * 32


def test_bad_request_for_another_reason_is_an_error_at_once() -> None:
    with ChatServer([Status(400, "Invalid image.", code="invalid_image", param="messages")]) as server:
        chat = connect(server)
        with pytest.raises(ChatError, match="Invalid image"):
            chat.chat(ASKED, temperature=0.0)
    assert len(server.requests) == 1


def test_error_that_mentions_a_parameter_in_passing_does_not_cost_later_requests_that_parameter() -> None:
    def script(request: Request) -> Step:
        return Status(400, "Please stop sending tables.") if "table" in request.last else Text("fine")

    with ChatServer(script) as server:
        chat = connect(server)
        with pytest.raises(ChatError, match="stop sending tables"):
            chat.chat([Message("user", "a table")], stop=["x"])
        chat.chat(ASKED, stop=["x"])
    assert server.bodies[-1].get("stop") == ["x"]


def test_trailing_line_break_of_a_key_is_harmless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY + "\n")
    with ChatServer([Text("left")]) as server:
        assert connect(server, max_retries=0).chat(ASKED).text == "left"


# ----------------------------------------------------------------------------------------------- passing faults
PASSING: dict[str, Step] = {
    "rate limit": Status(429, code="rate_limit_exceeded", headers=SOON),
    "408": Status(408, headers=SOON),
    "500": Status(500, headers=SOON),
    "502": Status(502, headers=SOON),
    "503": Status(503, "overloaded", headers=SOON),
    "cut body": CutBody(honest_length=True),
    "cut body, wrong length": CutBody(honest_length=False),
    "HTML page": NotJson(),
    "empty body": Body(b""),
    "error with status 200": Body(b'{"error": {"message": "upstream failed"}}'),
    "no choices": Body(b'{"choices": []}'),
    "null": Body(b"null"),
    "array": Body(b"[]"),
}
for_each_passing_fault = pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING.keys())


@for_each_passing_fault
def test_passing_fault_is_outlasted(fault: Step) -> None:
    with ChatServer([fault, Text("left")]) as server:
        assert connect(server).chat(ASKED).text == "left"
    assert server.bodies[0] == server.bodies[1]


@for_each_passing_fault
def test_lasting_fault_is_a_chat_error_that_names_the_model(fault: Step) -> None:
    with ChatServer([fault]) as server:
        chat = connect(server, max_retries=0)
        with pytest.raises(ChatError, match=MODEL) as caught:
            chat.chat(ASKED)
    assert caught.type in (ChatError, ChatConnectionError)


def test_retries_end_after_max_retries() -> None:
    with ChatServer([Status(503, headers=SOON)]) as server:
        chat = connect(server, max_retries=2)
        with pytest.raises(ChatError):
            chat.chat(ASKED)
    assert len(server.requests) == 3


def test_bodies_that_are_no_completion_are_asked_for_three_times() -> None:
    with ChatServer([NotJson()]) as server:
        chat = connect(server, max_retries=0)
        with pytest.raises(ChatError, match="no chat completion"):
            chat.chat(ASKED)
    assert len(server.requests) == 3


def test_slow_reply_is_a_chat_error_after_the_time_limit() -> None:
    with ChatServer([Slow(5.0)]) as server:
        chat = connect(server, max_retries=0, timeout_s=0.1)
        with pytest.raises(ChatError, match="time limit"):
            chat.chat(ASKED)


def test_reply_that_is_slow_once_is_asked_for_again() -> None:
    with ChatServer([Slow(5.0), Text("left")]) as server:
        assert connect(server, max_retries=1, timeout_s=0.5).chat(ASKED).text == "left"


def test_refused_connection_is_a_chat_error() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound but not listening: nobody else can take the port
        chat = OpenAIChat(MODEL, f"http://127.0.0.1:{unused.getsockname()[1]}/v1", max_retries=0)
        with pytest.raises(ChatError, match=MODEL):
            chat.chat(ASKED)


LEFT = {"index": 0, "message": {"role": "assistant", "content": "left"}}
ODD_COMPLETIONS: dict[str, dict[str, Any]] = {
    "null message": {"choices": [{"index": 0, "message": None}]},
    "no message": {"choices": [{"index": 0, "finish_reason": "content_filter"}]},
    "empty usage": {"choices": [LEFT], "usage": {}},
    "half a usage": {"choices": [LEFT], "usage": {"prompt_tokens": 5}},
    "parts": {"choices": [{"index": 0, "message": {"role": "assistant", "content": [{"type": "text", "text": "a"}]}}]},
    "no model": {"choices": [LEFT], "model": None},
}


@pytest.mark.parametrize("odd", ODD_COMPLETIONS.values(), ids=ODD_COMPLETIONS.keys())
def test_odd_completion_is_a_reply_or_a_chat_error_but_never_a_crash(odd: dict[str, Any]) -> None:
    body = {"id": "x", "object": "chat.completion", "created": 1, "model": MODEL, **odd}
    with ChatServer([Body(json.dumps(body).encode())]) as server:
        chat = connect(server, max_retries=0)
        try:
            reply = chat.chat(ASKED, SCHEMA)
        except ChatError:
            return
    assert isinstance(reply.text, str)
    assert isinstance(reply.model, str)


# ----------------------------------------------------------------------------------------------- lasting faults
def test_context_length_is_its_own_error_and_not_tried_again() -> None:
    with ChatServer([ContextLength()]) as server:
        chat = connect(server)
        with pytest.raises(ContextLengthError):
            chat.chat(ASKED, temperature=0.0)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "message",
    [
        "'max_completion_tokens' is too large: 4096. This model's maximum context length is 2048 tokens.",
        "This model's maximum context length is 2048 tokens. However, you requested 9000 tokens.",
        "input is larger than the context size. Increase it or shorten the input.",
        "The prompt is too long: 9000 tokens.",
    ],
)
def test_context_length_is_recognised_by_its_message(message: str) -> None:
    with ChatServer([Status(400, message)]) as server:
        chat = connect(server)
        with pytest.raises(ContextLengthError):
            chat.chat(ASKED, temperature=0.0)


HOPELESS: list[Status] = [
    Status(401, "Incorrect API key provided.", code="invalid_api_key"),
    Status(403, "Country not supported."),
    Status(404, "The model `some-model` does not exist.", code="model_not_found"),
    Status(429, "You exceeded your current quota.", code="insufficient_quota", headers=SOON),
]


@pytest.mark.parametrize("fault", HOPELESS, ids=lambda fault: str(fault.status))
def test_what_no_retry_can_mend_is_a_setup_error(fault: Status) -> None:
    with ChatServer([fault]) as server:
        chat = connect(server, max_retries=1)
        with pytest.raises(ChatSetupError, match=fault.message):
            chat.chat(ASKED)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 429, 500])
def test_key_never_enters_an_error_though_the_server_echoes_it(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with ChatServer([Status(status, f"Bad key: {KEY}.")]) as server:
        chat = connect(server, max_retries=0)
        with pytest.raises(ChatError, match="Bad key") as caught:
            chat.chat(ASKED)
    assert KEY not in str(caught.value)


def test_key_never_enters_a_traceback_though_the_server_echoes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with ChatServer([Status(401, f"Bad key: {KEY}.")]) as server:
        chat = connect(server, max_retries=0)
        with pytest.raises(ChatSetupError) as caught:
            chat.chat(ASKED)
    assert KEY not in "".join(traceback.format_exception(caught.value))


def test_key_is_no_part_of_the_models_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert KEY not in OpenAIChat(MODEL).identity


def test_missing_key_is_a_setup_error_that_names_the_variable() -> None:
    with pytest.raises(ChatSetupError, match="MY_OWN_KEY"):
        OpenAIChat(MODEL, api_key_env="MY_OWN_KEY")


def test_own_server_needs_no_key() -> None:
    with ChatServer([Text("left")]) as server:
        assert connect(server).chat(ASKED).text == "left"


@pytest.mark.parametrize("key", ["sk-5f3\na9", "“sk-5f3a9”"], ids=["line break", "curly quotes"])
def test_key_that_no_header_can_carry_is_a_setup_error(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with ChatServer([Status(401, "Incorrect API key provided.")]) as server, pytest.raises(ChatSetupError):
        connect(server, max_retries=0).chat(ASKED)


@pytest.mark.parametrize(
    "changed",
    [{"model": "other"}, {"base_url": "http://127.0.0.1:9/v1"}, {"max_tokens": 5}],
    ids=lambda changed: next(iter(changed)),
)
def test_identity_tells_apart_what_could_change_a_reply(changed: dict[str, Any]) -> None:
    usual: dict[str, Any] = {"model": MODEL, "base_url": "http://127.0.0.1:8/v1", "max_tokens": 4096}
    assert OpenAIChat(**usual).identity != OpenAIChat(**{**usual, **changed}).identity


def test_half_an_emoji_in_a_reply_can_be_sent_back() -> None:
    steps: Sequence[Step] = [Text("left \ud83d"), Text("left")]
    with ChatServer(steps) as server:
        chat = connect(server, max_retries=0)
        said = chat.chat(ASKED).text
        assert chat.chat([*ASKED, Message("assistant", said)]).text == "left"


# ----------------------------------------------------------------------------------------------------- pictures
PICTURE = encode(np.full((48, 64, 3), 120, np.uint8), label="Picture 1:", detail="low")
SHOWN = (Message("system", "You see."), Message("user", "What is this?", (PICTURE,)))


def test_pictures_follow_the_text_as_data_urls_with_their_labels_and_detail() -> None:
    with ChatServer([Text("a wall", usage=Usage(385, 2))]) as server:
        reply = connect(server).chat(SHOWN)
    system, user = server.bodies[0]["messages"]
    assert system["content"] == "You see."
    asked, label, picture = user["content"]
    assert (asked, label) == ({"type": "text", "text": "What is this?"}, {"type": "text", "text": "Picture 1:"})
    assert picture["type"] == "image_url"
    assert picture["image_url"]["detail"] == "low"
    kind, _, body = picture["image_url"]["url"].partition(",")
    assert kind == "data:image/jpeg;base64"
    assert base64.b64decode(body) == PICTURE.data
    assert reply.input_tokens == 385  # the server's count, pictures included


@pytest.mark.parametrize(
    "message",
    [
        "Invalid content type. image_url is only supported by certain models.",
        "some-model is not a multimodal model",
        "No endpoints found that support image input",
    ],
)
def test_a_model_without_eyes_is_a_set_up_error_that_says_what_to_do(message: str) -> None:
    with ChatServer([Status(400, message)]) as server, pytest.raises(ChatSetupError, match=r"--policy\.view text"):
        connect(server).chat(SHOWN)


def test_another_refusal_of_a_request_with_pictures_concerns_that_request_only() -> None:
    blocked = Status(400, "The request was blocked by a content filter.")
    with ChatServer([blocked]) as server, pytest.raises(ChatError, match="content filter") as caught:
        connect(server).chat(SHOWN)
    assert not isinstance(caught.value, ChatSetupError)


def test_pictures_too_many_for_the_context_are_a_context_error() -> None:
    with ChatServer([ContextLength()]) as server, pytest.raises(ContextLengthError):
        connect(server).chat(SHOWN)
