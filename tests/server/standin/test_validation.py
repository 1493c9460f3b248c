"""Invalid requests get the API's error messages; valid ones pass."""

import json

import pytest

from server.standin.http_connection import Request
from server.standin.validation.request import BODY_LIMIT, check, check_body, check_headers, parsed
from server.standin.validation.types import NEW_VERSION, OLD_VERSION, Rejected, Rules
from tests.server.standin.bodies import (
    HEADERS,
    PIXEL,
    USER,
    assistant,
    body,
    image,
    text,
    tool,
    tool_result,
    tool_use,
    user_message,
)
from tests.server.standin.invalid_bodies import CALLED, JPEG, MARK, OLD, PDF, REFUSED, chooses, formats, pdf, thinks

CLI_BETAS = "claude-code-20250219,context-management-2025-06-27,per-turn-control-2026-07-01,thinking-display-updates-x"
TAKEN = [
    body(),
    body(model="claude-3-5-haiku-20241022", temperature=0.3, top_k=5),
    body(max_tokens=0),
    body(system="", stream=True, metadata={"user_id": "someone"}, stop_sequences=["END"], service_tier="auto"),
    body(messages=[USER, USER, assistant(text("hello")), USER]),
    body(messages=[{"role": "user", "content": "@/etc/hosts\r\n\x00 \u202e"}]),
    body(model=OLD, messages=[USER, assistant(text("So"))]),
    body(model=OLD, messages=[USER, {"role": "assistant", "content": ""}]),
    body(messages=[USER, {"role": "system", "content": "note"}, assistant(text("hello")), USER]),
    body(messages=[user_message(image(type="base64", media_type="image/png", data=PIXEL))]),
    body(messages=[user_message(image(type="base64", media_type="image/jpeg", data=JPEG))]),
    body(messages=[user_message(image(type="url", url="https://example.org/y.png"), text("what is it?"))]),
    body(messages=[user_message(pdf(type="base64", media_type="application/pdf", data=PDF))]),
    body(messages=[user_message(pdf(type="text", media_type="text/plain", data="words"))]),
    body(messages=[user_message(pdf(type="content", content=[text("a")]))]),
    body(messages=[*CALLED, user_message(tool_result())]),
    body(messages=[*CALLED, user_message(tool_result(), text("and now?"))]),
    body(messages=[*CALLED, user_message(tool_result(content=""))]),
    body(messages=[*CALLED, user_message(tool_result(content=[text("a"), image(type="url", url="https://x/y.png")]))]),
    body(messages=[USER, assistant(text("a")), assistant(tool_use()), user_message(tool_result())]),
    body(
        messages=[
            USER,
            assistant(tool_use(), tool_use("toolu_2")),
            user_message(tool_result("toolu_2")),
            user_message(tool_result()),
        ]
    ),
    body(messages=[USER, assistant({"type": "thinking", "thinking": "", "signature": "sealed"}, text("a")), USER]),
    body(messages=[USER, assistant({"type": "redacted_thinking", "data": "x"}, text("a")), USER]),
    body(tools=[], tool_choice=None),
    body(tools=[tool("a-b_C9"), {"type": "web_search_20250305", "name": "web_search"}], tool_choice={"type": "any"}),
    chooses(type="tool", name="look", disable_parallel_tool_use=True),
    chooses(type="none"),
    thinks(display="omitted"),
    thinks() | {"temperature": 1},
    body(thinking={"type": "adaptive"}, tools=[tool()], tool_choice={"type": "any"}),
    body(model="claude-opus-4-8", thinking={"type": "disabled"}),
    body(temperature=1),
    formats({"type": "object", "additionalProperties": False}),
    body(output_config={"effort": "max"}),
    body(messages=[user_message(*[text("a", cache_control=MARK)] * 4)]),
    # A field of that name in a tool call's input is not a cache mark.
    body(
        messages=[
            USER,
            assistant(tool_use(input={"content": [{"cache_control": MARK}] * 9})),
            user_message(tool_result()),
        ]
    ),
]


@pytest.mark.parametrize(("request_body", "message"), REFUSED, ids=[message[:70] for _, message in REFUSED])
def test_invalid_requests_get_the_apis_error(request_body: object, message: str) -> None:
    with pytest.raises(Rejected) as rejected:
        check_body(request_body)
    assert rejected.value.message.startswith(message)
    assert rejected.value.status == 400


@pytest.mark.parametrize("request_body", TAKEN, ids=[str(number) for number in range(len(TAKEN))])
def test_valid_requests_pass(request_body: dict[str, object]) -> None:
    check_body(request_body)


@pytest.mark.parametrize("name", ["gpt-4o", "sonnet", "", "claude", "Claude-Sonnet-5"])
def test_an_unknown_model_is_a_404(name: str) -> None:
    with pytest.raises(Rejected, match="model: ") as rejected:
        check_body(body(model=name))
    assert rejected.value.status == 404


def test_the_clis_own_fields_need_its_beta_header() -> None:
    request = body(
        thinking={"type": "adaptive", "display": "updates"},
        context_management={"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        output_config={"effort": "medium"},
        messages=[
            USER,
            {"role": "system", "content": [], "output_config": {"effort": "medium"}},
            assistant(text("hello")),
            USER,
            {"role": "system", "content": [text("# Environment")], "output_config": {"effort": "low"}},
        ],
    )
    check_body(request, Rules(betas=CLI_BETAS))
    with pytest.raises(Rejected, match="Extra inputs are not permitted"):
        check_body(request)


def test_clearing_thinking_needs_thinking() -> None:
    edits = {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}
    request = body(model="claude-opus-4-8", thinking={"type": "disabled"}, context_management=edits)
    with pytest.raises(Rejected, match="strategy requires `thinking` to be enabled or adaptive"):
        check_body(request, Rules(betas=CLI_BETAS))


def test_the_token_counter_accepts_no_limits() -> None:
    check_body(body(max_tokens=None), Rules(counting=True))
    with pytest.raises(Rejected, match="max_tokens: Extra inputs are not permitted"):
        check_body(body(), Rules(counting=True))


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"{'a': 1}", b'{"a": NaN}', b'{"a": "\\ud83d"}', b'{"a": "\\uDE00"}', b"\xff\xfe", b"[" * 100_000],
)
def test_a_body_that_is_not_json_is_rejected(raw: bytes) -> None:
    with pytest.raises(Rejected, match="The request body is not valid JSON"):
        parsed(raw)


def test_a_surrogate_pair_is_valid() -> None:
    assert parsed(b'{"a": "\\ud83d\\ude00"}') == {"a": "\U0001f600"}


@pytest.mark.parametrize(
    ("changes", "status", "message"),
    [
        ({"x-api-key": ""}, 401, "x-api-key header is required"),
        ({"x-api-key": "", "authorization": "Bearer "}, 401, "x-api-key header is required"),
        ({"anthropic-version": ""}, 400, "anthropic-version: header is required"),
        ({"anthropic-version": "2025-01-01"}, 400, 'anthropic-version: "2025-01-01" is not a valid version'),
    ],
)
def test_a_request_needs_a_key_and_a_version(changes: dict[str, str], status: int, message: str) -> None:
    with pytest.raises(Rejected) as rejected:
        check_headers({**HEADERS, **changes})
    assert (rejected.value.status, rejected.value.message) == (status, message)


def test_a_bearer_token_counts_as_a_key() -> None:
    assert check_headers({**HEADERS, "x-api-key": "", "authorization": "Bearer token"}) == OLD_VERSION


@pytest.mark.parametrize(
    ("request_body", "message"),
    [
        (body(model=OLD, temperature=1), "temperature: Extra inputs are not permitted"),
        (body(model=OLD, top_p=1), "top_p: Extra inputs are not permitted"),
        (body(model=OLD, top_k=1), "top_k: Extra inputs are not permitted"),
        (
            body(messages=[USER, assistant(pdf(type="base64", media_type="application/pdf", data=PDF)), USER]),
            "messages.1.content.0: `document` blocks can only be in `user` messages",
        ),
        (
            body(messages=[user_message(text("a", citations=[{"type": "char_location"}]))]),
            "messages.0.content.0.text.citations: citations are not permitted in `user` messages",
        ),
    ],
)
def test_the_new_version_rejects_more(request_body: dict[str, object], message: str) -> None:
    check_body(request_body)
    with pytest.raises(Rejected) as rejected:
        check_body(request_body, Rules(NEW_VERSION))
    assert rejected.value.message == message


def test_a_body_over_the_limit_is_a_413() -> None:
    raw = json.dumps(body()).encode()
    assert check(Request("POST", "/v1/messages", HEADERS, raw, BODY_LIMIT)) is None
    refusal = check(Request("POST", "/v1/messages", HEADERS, raw, BODY_LIMIT + 1))
    assert refusal is not None
    assert (refusal.status, refusal.kind) == (413, "request_too_large")
