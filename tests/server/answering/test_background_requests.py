"""The published prompts of Open WebUI and OpenCode for titles, tags and follow-up questions."""

from dataclasses import replace
from typing import Any

import pytest

from server.answering.background_requests import is_background_request
from server.conversation.parts import Message, Text, ToolResult
from server.conversation.request import ModelRequest, Tool
from server.dialects.chat_completions.request import parse_chat, request_from_chat

HISTORY = "### Chat History:\n<chat_history>\nUSER: Why is the sky blue?\nASSISTANT: Light scatters.\n</chat_history>"
# Open WebUI 0.6: backend/open_webui/config.py, DEFAULT_TITLE_GENERATION_PROMPT_TEMPLATE and its neighbours.
TITLE = (
    "### Task:\nGenerate a concise, 3-5 word title with an emoji summarizing the chat history.\n### Guidelines:\n"
    "- The title should clearly represent the main theme or subject of the conversation.\n" + HISTORY
)
# The same in 0.12.
LATER_TITLE = "### Task:\nGenerate a concise title summarizing the chat history.\n### Guidelines:\n" + HISTORY
TAGS = (
    "### Task:\nGenerate 1-3 broad tags categorizing the main themes of the chat history, along with 1-3 more specific "
    "subtopic tags.\n\n### Guidelines:\n" + HISTORY
)
FOLLOW_UPS = (
    "### Task:\nSuggest 3-5 relevant follow-up questions or prompts that the user might naturally ask next in this "
    "conversation as a **user**, based on the chat history, to help continue or deepen the discussion.\n" + HISTORY
)
# OpenCode: packages/opencode/src/agent/prompt/title.txt, and the message that goes before the conversation.
OPENCODE_SYSTEM = (
    "You are a title generator. You output ONLY a thread title. Nothing else.\n\n<task>\nGenerate a brief title"
)
OPENCODE_FIRST = "Generate a title for this conversation:\n"


def webui(prompt: str, **more: Any) -> dict[str, Any]:
    """One message, not streamed; titles have a token limit."""
    return {"model": "sonnet", "messages": [{"role": "user", "content": prompt}], "stream": False, **more}


OPENCODE: dict[str, Any] = {
    "model": "sonnet",
    "messages": [
        {"role": "system", "content": OPENCODE_SYSTEM},
        {"role": "user", "content": OPENCODE_FIRST},
        {"role": "user", "content": "debug 500 errors in production"},
    ],
    "stream": True,
}


def request_of(body: dict[str, Any]) -> ModelRequest:
    return request_from_chat(parse_chat(body), owner="local")


@pytest.mark.parametrize(
    "body",
    [webui(TITLE, max_completion_tokens=1000), webui(LATER_TITLE), webui(TAGS), webui(FOLLOW_UPS), OPENCODE],
    ids=["title", "later title", "tags", "follow-ups", "opencode"],
)
def test_a_recorded_prompt_is_a_background_request(body: dict[str, Any]) -> None:
    assert is_background_request(request_of(body))


SYSTEM = {"role": "system", "content": OPENCODE_SYSTEM}
OTHERS = [
    ModelRequest(()),
    ModelRequest((Message("user", ()),)),
    request_of(webui("Generate a concise title summarizing the chat history.")),
    request_of(webui("What does this mean?\n" + TITLE)),
    request_of(webui("### Task:\nGenerate a concise title for my book.")),
    request_of(webui(OPENCODE_FIRST)),
    request_of({"messages": [SYSTEM, {"role": "user", "content": "Who are you?"}]}),
    request_of({"messages": [{"role": "system", "content": "Hi."}, {"role": "user", "content": OPENCODE_FIRST}]}),
    # The prompt is a part of the history.
    replace(
        request_of(webui(TITLE)),
        messages=(
            Message("user", (Text(TITLE),)),
            Message("assistant", (Text("A title"),)),
            Message("user", (Text("Why?"),)),
        ),
    ),
    replace(request_of(webui(TITLE)), messages=(Message("user", (ToolResult("a", ()),)),)),
    replace(request_of(webui(TITLE)), profile=replace(request_of(webui(TITLE)).profile, tools=(Tool("t", "", "{}"),))),
]


@pytest.mark.parametrize("other", OTHERS)
def test_a_request_for_a_title_in_other_words_is_an_ordinary_one(other: ModelRequest) -> None:
    assert not is_background_request(other)
