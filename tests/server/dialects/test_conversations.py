"""Every request dialect parses the shared conversations into the same neutral requests."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from server.conversation.request import ModelRequest
from server.dialects.chat_completions.request import parse_chat, request_from_chat
from server.dialects.messages.request import parse_messages, request_from_messages
from server.dialects.responses.request import parse_responses, request_from_responses
from server.errors import InvalidRequest
from tests.server.dialects.bodies import OWNER
from tests.server.dialects.conversations import CONVERSATIONS
from tests.server.dialects.refusals import REFUSALS

PARSERS: Mapping[str, Callable[[Any], ModelRequest]] = {
    "chat_completions": lambda body: request_from_chat(parse_chat(body), owner=OWNER),
    "responses": lambda body: request_from_responses(parse_responses(body), owner=OWNER),
    "messages": lambda body: request_from_messages(parse_messages(body), owner=OWNER),
}


@pytest.mark.parametrize("dialect", PARSERS)
@pytest.mark.parametrize("name", CONVERSATIONS)
def test_a_conversation_becomes_the_same_request_in_every_dialect(dialect: str, name: str) -> None:
    conversation = CONVERSATIONS[name]
    if dialect in conversation.bodies:
        assert PARSERS[dialect](conversation.bodies[dialect]) == conversation.expected_in(dialect)


@pytest.mark.parametrize("dialect", PARSERS)
@pytest.mark.parametrize("name", REFUSALS)
def test_a_request_that_cannot_be_answered_names_the_field(dialect: str, name: str) -> None:
    cases = REFUSALS[name].cases
    if dialect in cases:
        body, param = cases[dialect]
        with pytest.raises(InvalidRequest) as caught:
            PARSERS[dialect](body)
        assert caught.value.param == param
        assert param in str(caught.value) or param in {"messages", "input"}
