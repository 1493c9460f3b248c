"""The same conversation is the same request in each dialect, so that any of them continues it on its worker."""

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from server.config import Config
from server.conversation.parts import Image, Message, Text, ToolCall, ToolResult
from server.dialects.base import ParseOptions
from server.dialects.registry import DIALECTS
from tests.pictures import PNG as PICTURE
from tests.server.dialects.bodies import assistant, user

PNG = base64.b64encode(PICTURE).decode()
URL = f"data:image/png;base64,{PNG}"
Bodies = Mapping[str, Mapping[str, Any]]
CALL = {"name": "look", "arguments": '{"at": "it"}'}

CASES: Mapping[str, tuple[tuple[Message, ...], Bodies]] = {
    "a picture": (
        (user("What?", Image("image/png", PNG)),),
        {
            "chat_completions": {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "text", "text": "What?"},
                            {"type": "image_url", "image_url": {"url": URL}},
                        ],
                    }
                ]
            },
            "responses": {
                "input": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "input_text", "text": "What?"},
                            {"type": "input_image", "image_url": URL, "detail": "auto"},
                        ],
                    }
                ]
            },
            "messages": {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "text", "text": "What?"},
                            {
                                "type": "image",
                                "source": {"type": "base64", "media_type": "image/png", "data": PNG},
                                "cache_control": {"type": "ephemeral"},
                            },
                        ],
                    }
                ]
            },
            "ollama": {"messages": [{"role": "user", "content": "What?", "images": [PNG]}]},
            "ollama_generate": {"prompt": "What?", "images": [PNG]},
        },
    ),
    "text and a call": (
        (
            user("Look."),
            assistant("I look.", ToolCall("c1", "look", '{"at": "it"}')),
            user(ToolResult("c1", (Text("seen"),))),
        ),
        {
            "chat_completions": {
                "messages": [
                    {"role": "user", "content": "Look."},
                    {
                        "role": "assistant",
                        "content": "I look.",
                        "tool_calls": [{"id": "c1", "type": "function", "function": CALL}],
                    },
                    {"role": "tool", "tool_call_id": "c1", "content": "seen"},
                ]
            },
            "responses": {
                "input": [
                    {"role": "user", "content": "Look."},
                    {
                        "type": "message",
                        "role": "assistant",
                        "status": "completed",
                        "content": [{"type": "output_text", "text": "I look.", "annotations": []}],
                    },
                    {"type": "function_call", "call_id": "c1", **CALL},
                    {"type": "function_call_output", "call_id": "c1", "output": "seen"},
                ]
            },
            "messages": {
                "messages": [
                    {"role": "user", "content": "Look."},
                    {
                        "role": "assistant",
                        "content": [
                            {"type": "text", "text": "I look."},
                            {"type": "tool_use", "id": "c1", "name": "look", "input": {"at": "it"}},
                        ],
                    },
                    {
                        "role": "user",
                        "content": [
                            {
                                "type": "tool_result",
                                "tool_use_id": "c1",
                                "content": [{"type": "text", "text": "seen"}],
                            }
                        ],
                    },
                ]
            },
            "ollama": {
                "messages": [
                    {"role": "user", "content": "Look."},
                    {
                        "role": "assistant",
                        "content": "I look.",
                        "tool_calls": [{"id": "c1", "function": {"name": "look", "arguments": {"at": "it"}}}],
                    },
                    {"role": "tool", "tool_call_id": "c1", "content": "seen"},
                ]
            },
        },
    ),
}
# Where each dialect has its system prompt.
SYSTEM: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "chat_completions": lambda body: {
        **body,
        "messages": [{"role": "developer", "content": "Be brief."}, *body["messages"]],
    },
    "responses": lambda body: {**body, "instructions": "Be brief."},
    "messages": lambda body: {**body, "system": [{"type": "text", "text": "Be brief."}], "max_tokens": 9},
    "ollama": lambda body: {**body, "messages": [{"role": "system", "content": "Be brief."}, *body["messages"]]},
    "ollama_generate": lambda body: {**body, "system": "Be brief."},
}


@pytest.mark.parametrize(("case", "name"), [(case, name) for case, (_, bodies) in CASES.items() for name in bodies])
def test_the_same_words_are_the_same_conversation(case: str, name: str) -> None:
    messages, bodies = CASES[case]
    dialect = next(one for one in DIALECTS if one.name == name)
    body = json.loads(json.dumps(SYSTEM[name](bodies[name])))
    request = dialect.parse(body, "local", ParseOptions(Config(), "t", 0)).request
    assert request.profile.system == "Be brief."
    assert request.messages == messages
