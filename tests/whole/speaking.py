"""One conversation in the requests of each dialect, and what their replies say."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Said:
    """A text of the user or of Claude."""

    role: str
    text: str


@dataclass(frozen=True, slots=True)
class Called:
    """A call; `id` is what the reply named it."""

    id: str
    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Got:
    """The result of a call."""

    call: Called
    text: str


Turn = Said | Called | Got


@dataclass(frozen=True, slots=True)
class Speech:
    """How clients of one dialect write requests and read whole replies. `path` is below the server's root."""

    path: str
    body: Callable[[str, Mapping[str, Any], int, Sequence[Turn]], Body]
    """Of the system prompt, the tools' schemas by name, the limit of tokens, and the conversation."""
    read: Callable[[Body], list[Turn]]


def in_messages(turns: Sequence[Turn], calling: Callable[[str, list[Called]], Body], got: Callable[..., Body]) -> Any:
    """Returns messages; Claude's text and calls are one, written by `calling`."""
    for is_claudes, group in groupby(turns, lambda turn: isinstance(turn, Called) or turn == Said("assistant", "")):
        if is_claudes:
            yield calling("", [turn for turn in group if isinstance(turn, Called)])
            continue
        for turn in group:
            assert not isinstance(turn, Called)
            yield got(turn.call, turn.text) if isinstance(turn, Got) else {"role": turn.role, "content": turn.text}


def function(name: str, schema: object) -> Body:
    """Returns a tool as OpenAI writes it."""
    return {"type": "function", "function": {"name": name, "description": f"Does {name}.", "parameters": schema}}


def chat(system: str, tools: Mapping[str, Any], limit: int, turns: Sequence[Turn]) -> Body:
    """Returns a request of Chat Completions."""

    def calling(text: str, calls: list[Called]) -> Body:
        written = [
            {"id": one.id, "type": "function", "function": {"name": one.name, "arguments": json.dumps(one.arguments)}}
            for one in calls
        ]
        return {"role": "assistant", "content": text or None, "tool_calls": written}

    def got(call: Called, text: str) -> Body:
        return {"role": "tool", "tool_call_id": call.id, "content": text}

    messages = [{"role": "system", "content": system}, *in_messages(turns, calling, got)]
    return {"messages": messages, "tools": [function(*tool) for tool in tools.items()], "max_tokens": limit}


def read_chat(reply: Body) -> list[Turn]:
    """Returns what a chat completion says."""
    message = reply["choices"][0]["message"]
    calls = [
        Called(call["id"], call["function"]["name"], json.loads(call["function"]["arguments"]))
        for call in message.get("tool_calls") or ()
    ]
    return [*([Said("assistant", message["content"])] if message["content"] else []), *calls]


def responses(system: str, tools: Mapping[str, Any], limit: int, turns: Sequence[Turn]) -> Body:
    """Returns a request of the Responses API that keeps its own history."""

    def item(turn: Turn) -> Body:
        match turn:
            case Said(role="user"):
                return {"role": "user", "content": [{"type": "input_text", "text": turn.text}]}
            case Said():
                content = [{"type": "output_text", "text": turn.text, "annotations": []}]
                return {"type": "message", "role": "assistant", "content": content}
            case Called():
                arguments = json.dumps(turn.arguments)
                return {"type": "function_call", "call_id": turn.id, "name": turn.name, "arguments": arguments}
            case Got():
                return {"type": "function_call_output", "call_id": turn.call.id, "output": turn.text}

    written = [{"type": "function", **function(*tool)["function"], "strict": False} for tool in tools.items()]
    return {
        "instructions": system,
        "input": [item(turn) for turn in turns],
        "tools": written,
        "max_output_tokens": limit,
        "store": False,
    }


def read_responses(reply: Body) -> list[Turn]:
    """Returns what a response says."""
    found: list[Turn] = []
    for item in reply["output"]:
        if item["type"] == "message":
            found.append(Said("assistant", "".join(part["text"] for part in item["content"])))
        elif item["type"] == "function_call":
            found.append(Called(item["call_id"], item["name"], json.loads(item["arguments"])))
    return found


def messages(system: str, tools: Mapping[str, Any], limit: int, turns: Sequence[Turn]) -> Body:
    """Returns a request of Anthropic's Messages API: results stand together in one user message."""

    def block(turn: Turn) -> tuple[str, Body]:
        match turn:
            case Said():
                return turn.role, {"type": "text", "text": turn.text}
            case Called():
                return "assistant", {"type": "tool_use", "id": turn.id, "name": turn.name, "input": turn.arguments}
            case Got():
                return "user", {"type": "tool_result", "tool_use_id": turn.call.id, "content": turn.text}

    by_role = groupby(map(block, turns), key=lambda pair: pair[0])
    return {
        "system": [{"type": "text", "text": system, "cache_control": {"type": "ephemeral"}}],
        "messages": [{"role": role, "content": [block for _, block in pairs]} for role, pairs in by_role],
        "tools": [
            {"name": name, "description": f"Does {name}.", "input_schema": schema} for name, schema in tools.items()
        ],
        "max_tokens": limit,
    }


def read_messages(reply: Body) -> list[Turn]:
    """Returns what a message says."""
    return [
        Said("assistant", block["text"])
        if block["type"] == "text"
        else Called(block["id"], block["name"], block["input"])
        for block in reply["content"]
    ]


def ollama(system: str, tools: Mapping[str, Any], limit: int, turns: Sequence[Turn]) -> Body:
    """Returns a request of Ollama's chat as its Python client writes it: without ids."""

    def calling(text: str, calls: list[Called]) -> Body:
        written = [{"function": {"name": one.name, "arguments": one.arguments}} for one in calls]
        return {"role": "assistant", "content": text, "tool_calls": written}

    def got(call: Called, text: str) -> Body:
        return {"role": "tool", "tool_name": call.name, "content": text}

    return {
        "messages": [{"role": "system", "content": system}, *in_messages(turns, calling, got)],
        "tools": [function(*tool) for tool in tools.items()],
        "options": {"num_predict": limit},
        "stream": False,
    }


def read_ollama(reply: Body) -> list[Turn]:
    """Returns what a reply of Ollama says. Its Python client does not know the ids of calls."""
    message = reply["message"]
    calls = [
        Called(f"lost {number}", call["function"]["name"], call["function"]["arguments"])
        for number, call in enumerate(message.get("tool_calls") or ())
    ]
    return [*([Said("assistant", message["content"])] if message["content"] else []), *calls]


SPEECHES: Mapping[str, Speech] = {
    "chat": Speech("/v1/chat/completions", chat, read_chat),
    "responses": Speech("/v1/responses", responses, read_responses),
    "messages": Speech("/v1/messages", messages, read_messages),
    "ollama": Speech("/api/chat", ollama, read_ollama),
}
