"""Requests with settings, formats of the answer, and fields of other APIs."""

import json
from dataclasses import replace

from server.conversation.request import AnswerFormat
from tests.server.dialects.bodies import (
    ASKED,
    HI,
    expected_request,
    with_input,
    with_messages,
)
from tests.server.dialects.conversations.conversation import Conversation

_ANSWER = {
    "type": "object",
    "properties": {"age": {"type": "integer", "minimum": 0}},
    "required": ["age"],
    "additionalProperties": False,
}

_FORMAT = AnswerFormat(json.dumps(_ANSWER))

_TAKEN = {
    "type": "object",
    "properties": {"age": {"type": "integer", "description": "minimum: 0"}},
    "required": ["age"],
    "additionalProperties": False,
}

OPTIONS: dict[str, Conversation] = {
    "Anthropic's fields": Conversation(
        replace(
            expected_request(
                ASKED, system="Be brief.", effort="high", schema=json.dumps(_TAKEN), stop_sequences=("END",)
            ),
            answer=AnswerFormat(json.dumps(_TAKEN)),
        ),
        {
            dialect: with_messages(
                HI,
                system=[{"type": "text", "text": "Be brief."}],
                stop_sequences=["END"],
                output_config={"effort": "high", "format": {"type": "json_schema", "schema": _TAKEN}},
            )
            for dialect in ("chat_completions", "messages")
        },
    ),
    "the fields of other APIs for the system prompt and the limit": Conversation(
        expected_request(ASKED, system="a\nb", max_tokens=7),
        {
            "chat_completions": with_messages(HI, instructions="a", system="b", max_output_tokens=7),
            "responses": with_input(HI, instructions="a", system="b", max_completion_tokens=7),
        },
    ),
    "the schema of the answer": Conversation(
        replace(expected_request(ASKED, schema=json.dumps(_TAKEN)), answer=_FORMAT),
        {
            "chat_completions": with_messages(
                HI, response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": _ANSWER}}
            ),
            "responses": with_input(
                HI, text={"format": {"type": "json_schema", "name": "x", "schema": _ANSWER, "strict": True}}
            ),
            "messages": with_messages(HI, output_config={"format": {"type": "json_schema", "schema": _ANSWER}}),
        },
        {
            "chat_completions": ("response_format.json_schema.schema.properties.age.minimum",),
            "responses": ("text.format.schema.properties.age.minimum",),
            "messages": ("output_config.format.schema.properties.age.minimum",),
        },
    ),
    "an answer of plain text": Conversation(
        expected_request(ASKED),
        {
            "chat_completions": with_messages(HI, response_format={"type": "text"}),
            "responses": with_input(HI, text={"format": {"type": "text"}}),
            "messages": with_messages(HI, output_config={"format": {"type": "text"}}),
        },
    ),
    "the limit of the answer": Conversation(
        expected_request(ASKED, max_tokens=100),
        {
            "chat_completions": with_messages(HI, max_completion_tokens=100.0),
            "responses": with_input(HI, max_output_tokens=100),
            "messages": with_messages(HI, max_tokens=100),
        },
    ),
    "stop sequences": Conversation(
        replace(expected_request(ASKED, stop_sequences=("END",)), cut_at=("  ",)),
        {
            "chat_completions": with_messages(HI, stop=["END", "  "]),
            "responses": with_input(HI, stop=["END", "  "]),
            "messages": with_messages(HI, stop_sequences=["END", "  "]),
        },
    ),
    "high effort": Conversation(
        expected_request(ASKED, effort="xhigh"),
        {
            "chat_completions": with_messages(HI, reasoning_effort="xhigh"),
            "responses": with_input(HI, reasoning={"effort": "xhigh"}),
            "messages": with_messages(HI, output_config={"effort": "xhigh"}),
        },
    ),
    "no thinking": Conversation(
        expected_request(ASKED, effort="low", thinks=False),
        {
            "chat_completions": with_messages(HI, reasoning_effort="none"),
            "responses": with_input(HI, reasoning={"effort": "none"}),
            "messages": with_messages(HI, output_config={"effort": "low"}, thinking={"type": "disabled"}),
        },
    ),
    "thinking that is shown": Conversation(
        expected_request(ASKED, shows_thinking=True),
        {
            "chat_completions": with_messages(HI, reasoning={"summary": "auto"}),
            "responses": with_input(HI, reasoning={"summary": "auto"}),
            "messages": with_messages(HI, thinking={"type": "adaptive"}),
        },
    ),
    "sampling": Conversation(
        expected_request(ASKED),
        {
            "chat_completions": with_messages(HI, temperature=0.5, top_p=0.5),
            "responses": with_input(HI, temperature=0.5, top_p=0.5),
            "messages": with_messages(HI, temperature=0.5, top_p=0.5),
        },
        dict.fromkeys(("chat_completions", "responses", "messages"), ("temperature", "top_p")),
    ),
    "fields without effect that ask for nothing": Conversation(
        expected_request(ASKED),
        {
            "chat_completions": with_messages(HI, temperature=1, user="", metadata={}, store=False, logprobs=None),
            "responses": with_input(HI, temperature=1, user="", metadata={}, store=False, truncation="disabled"),
            "messages": with_messages(HI, temperature=1, user="", metadata={}, service_tier="auto", mcp_servers=[]),
        },
    ),
    "fields without effect that ask for something": Conversation(
        expected_request(ASKED),
        {
            "chat_completions": with_messages(HI, user="u", metadata={"a": "b"}, service_tier="flex"),
            "responses": with_input(HI, user="u", metadata={"a": "b"}, service_tier="flex"),
            "messages": with_messages(HI, user="u", metadata={"a": "b"}, service_tier="flex"),
        },
        {
            "chat_completions": ("service_tier", "user", "metadata"),
            "responses": ("metadata", "service_tier", "user"),
            "messages": ("metadata", "service_tier", "user"),
        },
    ),
}
