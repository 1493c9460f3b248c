"""Requests with definitions and choices of tools."""

from server.conversation.request import ModelRequest, Tool, ToolChoice
from tests.server.dialects.bodies import (
    ASKED,
    CUSTOM,
    FLAT,
    HI,
    LOOK,
    NESTED,
    OWN,
    PATCH,
    Body,
    expected_request,
    with_input,
    with_messages,
)
from tests.server.dialects.conversations.conversation import Conversation


def _with_tools(choice: ToolChoice = ToolChoice(), tools: tuple[Tool, ...] = (LOOK, PATCH)) -> ModelRequest:  # noqa: B008
    return expected_request(ASKED, tools=tools, tool_choice=choice)


def _choosing(chat: object, responses: object, messages: object) -> dict[str, Body]:
    """The same tools and question in each dialect, with its own `tool_choice`; None leaves the dialect out."""
    bodies = {
        "chat_completions": (chat, with_messages(HI, tools=[NESTED, CUSTOM], tool_choice=chat)),
        "responses": (responses, with_input(HI, tools=[FLAT, CUSTOM], tool_choice=responses)),
        "messages": (messages, with_messages(HI, tools=[OWN, CUSTOM], tool_choice=messages)),
    }
    return {dialect: body for dialect, (choice, body) in bodies.items() if choice is not None}


TOOLS: dict[str, Conversation] = {
    "tools without a choice": Conversation(
        _with_tools(),
        {
            "chat_completions": with_messages(HI, tools=[NESTED, CUSTOM]),
            "responses": with_input(HI, tools=[FLAT, CUSTOM]),
            "messages": with_messages(HI, tools=[OWN, CUSTOM]),
        },
    ),
    "tools in another dialect's form": Conversation(
        _with_tools(),
        {
            "chat_completions": with_messages(HI, tools=[FLAT, CUSTOM]),
            "responses": with_input(HI, tools=[NESTED, CUSTOM]),
            "messages": with_messages(HI, tools=[NESTED, CUSTOM]),
        },
    ),
    "choice: the model decides": Conversation(_with_tools(), _choosing("auto", "auto", {"type": "auto"})),
    "choice: the model decides, in an object": Conversation(
        _with_tools(), _choosing({"type": "auto"}, {"type": "auto"}, "auto")
    ),
    "choice: no call": Conversation(_with_tools(ToolChoice("none")), _choosing("none", "none", {"type": "none"})),
    "choice: any call": Conversation(
        _with_tools(ToolChoice("any")), _choosing("required", "required", {"type": "any"})
    ),
    "choice: any call, in another dialect's spelling": Conversation(
        _with_tools(ToolChoice("any")), _choosing("any", "any", "required")
    ),
    "choice: one function": Conversation(
        _with_tools(ToolChoice("tool", "look")),
        _choosing(
            {"type": "function", "function": {"name": "look"}},
            {"type": "function", "name": "look"},
            {"type": "tool", "name": "look"},
        ),
    ),
    "choice: one custom tool": Conversation(
        _with_tools(ToolChoice("tool", "patch")),
        _choosing(
            {"type": "custom", "custom": {"name": "patch"}},
            {"type": "custom", "name": "patch"},
            {"type": "tool", "name": "patch"},
        ),
    ),
    "choice: allowed tools": Conversation(
        _with_tools(ToolChoice("any"), (PATCH,)),
        _choosing(
            {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "required", "tools": [{"type": "custom", "name": "patch"}]},
            },
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "custom", "name": "patch"}]},
            None,
        ),
    ),
    "one call at a time": Conversation(
        _with_tools(ToolChoice(parallel=False)),
        {
            "chat_completions": with_messages(HI, tools=[NESTED, CUSTOM], parallel_tool_calls=False),
            "responses": with_input(HI, tools=[FLAT, CUSTOM], parallel_tool_calls=False),
            "messages": with_messages(
                HI, tools=[OWN, CUSTOM], tool_choice={"type": "auto", "disable_parallel_tool_use": True}
            ),
        },
    ),
    "a choice without tools": Conversation(
        expected_request(ASKED),
        {
            "chat_completions": with_messages(HI, tools=[], tool_choice="auto", parallel_tool_calls=False),
            "responses": with_input(HI, tools=[], tool_choice="none"),
            "messages": with_messages(HI, tools=[], tool_choice={"type": "auto"}),
        },
    ),
    "a choice in OpenAI's form, and tools in Anthropic's": Conversation(
        _with_tools(ToolChoice("tool", "look"), (LOOK,)),
        {
            dialect: with_messages(HI, tools=[OWN], tool_choice={"type": "function", "function": {"name": "look"}})
            for dialect in ("chat_completions", "messages")
        },
    ),
    "one call at a time, in Anthropic's form": Conversation(
        _with_tools(ToolChoice("any", parallel=False), (LOOK,)),
        {
            dialect: with_messages(
                HI,
                tools=[{"type": "custom", **OWN}, {"type": "web_search_20250305", "name": "web_search"}],
                tool_choice={"type": "any", "disable_parallel_tool_use": True},
            )
            for dialect in ("chat_completions", "messages")
        },
        dict.fromkeys(("chat_completions", "messages"), ("tools[1] (web_search_20250305)",)),
    ),
    "a tool without a schema": Conversation(
        _with_tools(tools=(Tool("look", "", '{"type": "object", "properties": {}}'),)),
        {
            "chat_completions": with_messages(HI, tools=[{"type": "function", "function": {"name": "look"}}]),
            "responses": with_input(HI, tools=[{"type": "function", "name": "look"}]),
            "messages": with_messages(HI, tools=[{"type": "function", "name": "look"}]),
        },
    ),
    "the same tool twice": Conversation(
        _with_tools(tools=(LOOK,)),
        {
            "chat_completions": with_messages(HI, tools=[NESTED, FLAT]),
            "responses": with_input(HI, tools=[FLAT, NESTED]),
            "messages": with_messages(HI, tools=[OWN, OWN]),
        },
    ),
    "two tools of one name": Conversation(
        _with_tools(tools=(LOOK,)),
        {
            "chat_completions": with_messages(HI, tools=[NESTED, {**FLAT, "description": "Another."}]),
            "responses": with_input(HI, tools=[FLAT, {**FLAT, "parameters": {}}]),
            "messages": with_messages(HI, tools=[OWN, {**OWN, "input_schema": None}]),
        },
        dict.fromkeys(("chat_completions", "responses", "messages"), ("tools[1]",)),
    ),
    "a tool whose schema has no type": Conversation(
        _with_tools(tools=(Tool("look", "", '{"type": "object", "properties": {"a": {}}}'),)),
        {
            "chat_completions": with_messages(
                HI, tools=[{"type": "function", "function": {"name": "look", "parameters": {"properties": {"a": {}}}}}]
            ),
            "responses": with_input(
                HI, tools=[{"type": "function", "name": "look", "parameters": {"properties": {"a": {}}}}]
            ),
            "messages": with_messages(HI, tools=[{"name": "look", "input_schema": {"properties": {"a": {}}}}]),
        },
    ),
    "tools that only the provider runs": Conversation(
        _with_tools(tools=(LOOK,)),
        {
            "responses": with_input(HI, tools=[FLAT, {"type": "web_search"}]),
            "messages": with_messages(
                HI, tools=[{"type": "web_search_20250305", "name": "web_search"}, {"type": "custom", **OWN}]
            ),
        },
        {"responses": ("tools[1] (web_search)",), "messages": ("tools[0] (web_search_20250305)",)},
    ),
}
