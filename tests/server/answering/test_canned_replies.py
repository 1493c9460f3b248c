"""The recorded requests that get a canned reply, and similar ones that do not."""

from dataclasses import replace
from typing import Any

import pytest

from server.answering.canned_replies import local_answer
from server.conversation.events import Finished, PartDelta, Started
from server.conversation.parts import Message, Text
from server.conversation.request import ModelRequest, ModelSettings, Profile, Tool
from server.dialects.chat_completions.request import parse_chat, request_from_chat

VERIFY: dict[str, Any] = {
    "model": "gpt-4o-mini",
    "messages": [
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": "Test prompt using gpt-3.5-turbo"},
    ],
    "temperature": 1,
    "max_tokens": 10,
    "stream": False,
}
AZURE = {**VERIFY, "top_p": 1, "n": 1}
DIAGNOSTIC: dict[str, Any] = {
    "model": "please-enable-some-models",
    "messages": [
        {"role": "system", "content": "You are a test assistant."},
        {"role": "user", "content": "Testing. Just say hi and nothing else."},
    ],
}


def request_of(body: dict[str, Any]) -> ModelRequest:
    return request_from_chat(parse_chat(body), owner="local")


@pytest.mark.parametrize("body", [VERIFY, AZURE, DIAGNOSTIC, {**VERIFY, "stream": True}, {**VERIFY, "model": "any"}])
def test_a_recorded_prompt_is_answered_at_once(body: dict[str, Any]) -> None:
    events = local_answer(request_of(body))
    assert events[0] == Started(model="", way="local")
    assert isinstance(events[-1], Finished)
    assert [event.text for event in events if isinstance(event, PartDelta)] in (["Drawbridge is here."], ["hi"])


REQUEST = request_of(VERIFY)
OTHERS = [
    replace(REQUEST, messages=(Message("user", (Text("Test prompt using gpt-3.5-turbo."),)),)),
    replace(REQUEST, messages=(Message("user", (Text("Test prompt using gpt-4"),)),)),
    replace(REQUEST, messages=(*REQUEST.messages, Message("assistant", (Text("ok"),)), *REQUEST.messages)),
    replace(REQUEST, profile=Profile("You are a helpful assistant")),
    replace(REQUEST, profile=Profile()),
    replace(REQUEST, profile=replace(REQUEST.profile, tools=(Tool("t", "", "{}"),))),
    replace(REQUEST, settings=ModelSettings(max_tokens=11)),
    replace(REQUEST, settings=ModelSettings()),
    replace(REQUEST, choices=2),
    replace(request_of(DIAGNOSTIC), messages=(Message("user", (Text("Testing. Just say hi."),)),)),
]


@pytest.mark.parametrize("other", OTHERS)
def test_a_similar_request_goes_to_claude(other: ModelRequest) -> None:
    assert local_answer(other) == ()
