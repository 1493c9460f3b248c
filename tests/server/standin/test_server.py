"""The stand-in on the wire: what it sends and records, and how it handles disconnects."""

import asyncio
import json

import anthropic
import httpx
import pytest

from server.standin.script import (
    Gate,
    Hold,
    Pause,
    Ping,
    RedactedThinking,
    Reply,
    Script,
    Text,
    Thinking,
    Usage,
    call,
    refuse,
    say,
)
from server.standin.server import Recorded, Standin, open_standin
from tests.server.standin.asking import ask, events, whole
from tests.server.standin.bodies import HEADERS, USER, body
from tests.server.standin.proxy import BAD_GATEWAY

FULL = Reply(
    (
        Thinking(("Let me", " see."), signature="sealed"),
        RedactedThinking("hidden"),
        Ping(),
        Text(("Hello", " there")),
        call("look", {"at": "the \U0001f319", "times": 2}, id="toolu_a"),
        call("wait", {}),
    ),
    stop_reason="tool_use",
    usage=Usage(100, 20, 3, output_tokens=50, thinking_tokens=30),
)


@pytest.mark.parametrize("is_streamed", [True, False])
async def test_the_official_client_reads_every_kind_of_block(
    standin: Standin, claude: anthropic.AsyncAnthropic, is_streamed: bool
) -> None:
    standin.script(FULL)
    if is_streamed:
        message = await whole(claude)
    else:
        message = await claude.messages.create(
            model="claude-sonnet-5-5", max_tokens=100, messages=[{"role": "user", "content": "hi"}]
        )
    thinking, redacted, text, look, wait = message.content
    assert thinking.type == "thinking"
    assert (thinking.thinking, thinking.signature) == ("Let me see.", "sealed")
    assert redacted.type == "redacted_thinking"
    assert redacted.data == "hidden"
    assert text.type == "text"
    assert text.text == "Hello there"
    assert look.type == wait.type == "tool_use"
    assert (look.id, look.name, look.input) == ("toolu_a", "look", {"at": "the \U0001f319", "times": 2})
    assert wait.input == {}
    assert wait.id not in ("", "toolu_a")
    assert message.stop_reason == "tool_use"
    assert message.usage.input_tokens == 100
    assert message.usage.cache_creation_input_tokens == 20
    assert message.usage.cache_read_input_tokens == 3
    assert message.usage.output_tokens == 50
    assert message.usage.output_tokens_details is not None
    assert message.usage.output_tokens_details.thinking_tokens == 30


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("end_turn", None),
        ("max_tokens", None),
        ("stop_sequence", "END"),
        ("pause_turn", None),
        ("refusal", None),
        ("model_context_window_exceeded", None),
    ],
)
async def test_an_answer_has_the_scripts_stop_reason(
    standin: Standin, claude: anthropic.AsyncAnthropic, reason: str, stop: str | None
) -> None:
    standin.script(say("So", stop_reason=reason, stop_sequence=stop))  # type: ignore[arg-type] # a table of literals
    message = await whole(claude)
    assert (message.stop_reason, message.stop_sequence) == (reason, stop)


async def test_an_answer_may_have_no_blocks_and_no_end(standin: Standin, http: httpx.AsyncClient) -> None:
    standin.script(say(), say("a", stop_reason=None))
    assert [event["type"] for event in events(await ask(http))] == ["message_start", "message_delta", "message_stop"]
    assert events(await ask(http))[-1]["type"] == "content_block_stop"


ERRORS = [
    (anthropic.BadRequestError, 400, "invalid_request_error"),
    (anthropic.AuthenticationError, 401, "authentication_error"),
    (anthropic.PermissionDeniedError, 403, "permission_error"),
    (anthropic.NotFoundError, 404, "not_found_error"),
    (anthropic.RequestTooLargeError, 413, "request_too_large"),
    (anthropic.RateLimitError, 429, "rate_limit_error"),
    (anthropic.InternalServerError, 500, "api_error"),
    (anthropic.APIStatusError, 503, "api_error"),
    (anthropic.APIStatusError, 529, "overloaded_error"),
]


@pytest.mark.parametrize(("error", "status", "kind"), ERRORS, ids=[str(status) for _, status, _ in ERRORS])
async def test_an_error_has_its_status_kind_message_and_headers(
    standin: Standin,
    claude: anthropic.AsyncAnthropic,
    error: type[anthropic.APIStatusError],
    status: int,
    kind: str,
) -> None:
    standin.script(
        refuse(status, "no", headers={"retry-after": "17", "anthropic-ratelimit-unified-status": "rejected"})
    )
    with pytest.raises(error) as refused:
        await whole(claude)
    assert refused.value.status_code == status
    assert refused.value.response.headers["retry-after"] == "17"
    assert refused.value.response.headers["anthropic-ratelimit-unified-status"] == "rejected"
    answer = refused.value.response.json()
    assert answer["error"] == {"type": kind, "message": "no"}
    assert answer["request_id"] == refused.value.response.headers["request-id"]
    assert await standin.requests[0].ended() == "refused"


async def test_a_proxys_error_page_is_sent(standin: Standin, http: httpx.AsyncClient) -> None:
    standin.script(BAD_GATEWAY)
    response = await ask(http)
    assert response.status_code == 502
    assert response.headers["content-type"] == "text/html"
    assert response.text.startswith("<html>")


async def test_scripts_are_used_in_order_then_the_function(standin: Standin, http: httpx.AsyncClient) -> None:
    standin.script(say("forgotten"))
    standin.script(say("one"), refuse(529), lambda recorded: say(f"number {len(standin.requests)}"))
    assert "one" in (await ask(http)).text
    assert (await ask(http)).status_code == 529
    assert "number 3" in (await ask(http)).text
    assert "number 4" in (await ask(http)).text


async def test_a_rejected_request_uses_no_script(standin: Standin, http: httpx.AsyncClient) -> None:
    standin.script(say("one"))
    refused = await ask(http, messages=[])
    assert refused.status_code == 400
    assert refused.json()["error"] == {
        "type": "invalid_request_error",
        "message": "messages: at least one message is required",
    }
    assert standin.requests[0].refusal is not None
    assert "one" in (await ask(http)).text
    assert standin.requests[1].refusal is None


async def test_a_request_is_recorded_as_it_arrived(standin: Standin, http: httpx.AsyncClient) -> None:
    await ask(http, messages=[{"role": "user", "content": "f\xfcr \U0001f319"}])
    recorded = await standin.arrived(1)
    assert (recorded.method, recorded.path, recorded.query) == ("POST", "/v1/messages", {"beta": "true"})
    assert recorded.headers["x-api-key"] == "any"
    assert recorded.body["messages"] == [{"role": "user", "content": "f\xfcr \U0001f319"}]
    assert recorded.size == int(recorded.headers["content-length"])
    assert await recorded.ended() == "whole"


async def test_a_completed_request_is_not_a_disconnect(standin: Standin, http: httpx.AsyncClient) -> None:
    await ask(http)
    with pytest.raises(AssertionError, match="did not end by a disconnect"):
        await standin.requests[0].client_disconnected()


async def test_other_requests_are_recorded_separately(standin: Standin, http: httpx.AsyncClient) -> None:
    assert (await http.head("/api/hello")).status_code == 200
    assert (await http.get("/v1/nothing")).json()["error"]["type"] == "not_found_error"
    assert (await http.head("/v1/nothing")).status_code == 404
    assert (await http.get("/v1/messages")).status_code == 405
    counted = await http.post("/v1/messages/count_tokens", json={"model": "claude-sonnet-5-5", "messages": [USER]})
    assert counted.json()["input_tokens"] > 0
    refused = await http.post("/v1/messages/count_tokens", json={"model": "claude-sonnet-5-5", "messages": []})
    assert refused.status_code == 400
    assert standin.requests == []
    assert [(other.method, other.path) for other in standin.others] == [
        ("HEAD", "/api/hello"),
        ("GET", "/v1/nothing"),
        ("HEAD", "/v1/nothing"),
        ("GET", "/v1/messages"),
        ("POST", "/v1/messages/count_tokens"),
        ("POST", "/v1/messages/count_tokens"),
    ]
    assert [other.number for other in standin.others] == [1, 2, 3, 4, 5, 6]


async def test_a_body_over_the_limit_is_read_completely_and_rejected(http: httpx.AsyncClient) -> None:
    response = await http.post("/v1/messages", content=b" " * (33 * 2**20))
    assert response.status_code == 413
    assert response.json()["error"]["type"] == "request_too_large"


async def test_many_clients_get_their_own_answers(standin: Standin, http: httpx.AsyncClient) -> None:
    def echo(recorded: Recorded) -> Script:
        return say(json.dumps(recorded.body["messages"]), Pause(0.001), "end")

    standin.script(echo)
    answers = await asyncio.gather(
        *(ask(http, messages=[{"role": "user", "content": f"question {n}"}]) for n in range(30))
    )
    for n, answer in enumerate(answers):
        assert f"question {n}\\" in answer.text
    assert {recorded.outcome for recorded in standin.requests} == {"whole"}


async def test_only_the_last_requests_are_kept() -> None:
    async with (
        open_standin(keep=2) as standin,
        httpx.AsyncClient(base_url=standin.url, headers=HEADERS) as http,
    ):
        for number in range(5):
            await ask(http, max_tokens=number)
            await http.get("/v1/nothing")
    assert [recorded.body["max_tokens"] for recorded in standin.requests] == [3, 4]
    assert [recorded.number for recorded in standin.others] == [8, 10]


async def test_bytes_that_are_not_http_end_the_connection(standin: Standin) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(standin.url.rpartition(":")[2]))
    writer.write(b"\x16\x03\x01 not http\r\n\r\n")
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()
    assert standin.requests == standin.others == []


async def test_closing_leaves_nothing() -> None:
    before = asyncio.all_tasks()
    async with httpx.AsyncClient(headers=HEADERS) as http:
        async with open_standin() as standin:
            gate = Gate()
            standin.script(say("a", Hold(gate)))
            asking = asyncio.create_task(http.post(f"{standin.url}/v1/messages", json=body(stream=True)))
            await gate.reached()
        with pytest.raises(httpx.HTTPError):
            await asking
        assert standin.requests[0].outcome == "stopped"
        with pytest.raises(httpx.ConnectError):
            await http.get(standin.url)
    assert asyncio.all_tasks() == before


async def test_a_client_that_does_not_read_does_not_delay_closing() -> None:
    async with open_standin(lambda _: say("a" * 2**20, *["b" * 2**20] * 30)) as standin:
        host, _, port = standin.url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
        content = json.dumps(body(stream=True)).encode()
        headers = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())
        writer.write(
            f"POST /v1/messages HTTP/1.1\r\nhost: a\r\n{headers}content-length: {len(content)}\r\n\r\n".encode()
        )
        writer.write(content)
        await standin.arrived(1)
        assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
    assert standin.requests[0].outcome == "stopped"
    writer.transport.abort()


async def test_a_failed_answer_function_is_raised() -> None:
    def broken(recorded: Recorded) -> Script:
        raise KeyError(recorded.path)

    async def run() -> None:
        async with open_standin(broken) as standin, httpx.AsyncClient(base_url=standin.url, headers=HEADERS) as client:
            with pytest.raises(httpx.HTTPError):
                await ask(client)
            assert await standin.requests[0].ended() == "stopped"

    with pytest.raises(ExceptionGroup, match="the stand-in failed"):
        await run()
