"""The tools of a chat request, and which of them may or must be called."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from server.conversation.request import Tool, ToolChoice
from server.dialects.chat_completions import tool_types as wire
from server.dialects.chat_completions.request_types import ChatRequest
from server.dialects.common.raw_text_tools import text_schema
from server.errors import InvalidRequest

_MODES: Mapping[str, Literal["auto", "any", "none"]] = {
    "auto": "auto",
    "none": "none",
    "required": "any",
    # Other providers' word for it.
    "any": "any",
}


@dataclass(frozen=True, slots=True)
class _Wish:
    """A `tool_choice` in one spelling: a mode, or a tool's name; `only` are those that may be called, None is all."""

    mode: Literal["auto", "any", "none", "tool"]
    name: str = ""
    only: frozenset[str] | None = None


def tools_from(request: ChatRequest) -> tuple[Tool, ...]:
    """The tools on offer, their schemas as they are. Raises `InvalidRequest` by the place of what is no tool."""
    placed = [(f"tools[{number}]", _tool(tool, f"tools[{number}]")) for number, tool in enumerate(request.tools or ())]
    for number, function in enumerate(request.functions or ()):
        placed.append((f"functions[{number}]", _function(function)))
    names: set[str] = set()
    for place, tool in placed:
        if tool.name in names:
            raise InvalidRequest(f"{place} has the same name as a tool before it.", param=place)
        names.add(tool.name)
    return tuple(tool for _, tool in placed)


def choice_from(request: ChatRequest, tools: tuple[Tool, ...]) -> tuple[ToolChoice, tuple[Tool, ...]]:
    """What may or must be called, and the tools that are left for it."""
    is_older = request.tool_choice is None and request.function_call is not None
    param = "function_call" if is_older else "tool_choice"
    wish = _older_wish(request.function_call) if is_older else _wish(request.tool_choice)
    if not tools:
        if wish.mode in {"any", "tool"}:
            raise InvalidRequest(f"{param} asks for a call, and the request offers nothing to call.", param=param)
        return ToolChoice(), ()
    left = tuple(tool for tool in tools if wish.only is None or tool.name in wish.only)
    if not left or (wish.mode == "tool" and wish.name not in {tool.name for tool in left}):
        raise InvalidRequest(f"{param} names a tool that is not among the tools of this request.", param=param)
    # The older form has room for one call.
    parallel = request.parallel_tool_calls is not False and bool(request.tools)
    return ToolChoice(wish.mode, wish.name, parallel), left


def _tool(tool: wire.Tool, place: str) -> Tool:
    match tool.type:
        case "function" if tool.function is not None:
            return _function(tool.function)
        case "function" if tool.name is not None:
            return Tool(tool.name, tool.description, _schema(tool.parameters))
        case "custom" if tool.custom is not None:
            return _text_tool(tool.custom.name, tool.custom.description, tool.custom.format)
        case "custom" if tool.name is not None:
            return _text_tool(tool.name, tool.description, tool.format)
        case "function" | "custom":
            raise InvalidRequest(f"{place}.{tool.type}.name is required.", param=f"{place}.{tool.type}.name")
        case _:
            raise InvalidRequest(
                f"{place}.type is not one that Drawbridge knows.",
                param=f"{place}.type",
                hint="Tools are of type 'function' or 'custom'; the provider's own tools are not offered here.",
            )


def _function(function: wire.Function) -> Tool:
    return Tool(function.name, function.description, _schema(function.parameters))


def _schema(parameters: Mapping[str, object] | None) -> str:
    """The schema as Claude's API wants it: an object's. All else in it is for Claude's API to judge."""
    if not parameters:
        parameters = {"type": "object", "properties": {}}
    elif "type" not in parameters:
        parameters = {"type": "object", **parameters}
    return json.dumps(parameters, ensure_ascii=False)


def _text_tool(name: str, description: str, form: Mapping[str, object] | None) -> Tool:
    return Tool(name, description, text_schema(_grammar(form or {})), takes_text=True)


def _grammar(form: Mapping[str, object]) -> str:
    """What the model is told of the text's form; OpenAI enforces a grammar, Claude can only read it."""
    nested = form.get("grammar")
    grammar: Mapping[str, object] = nested if isinstance(nested, dict) else form
    if not isinstance(grammar.get("definition"), str):
        return ""
    return f"Text of this grammar ({grammar.get('syntax', 'lark')}):\n{grammar['definition']}"


def _wish(choice: str | wire.ChosenTool | None) -> _Wish:
    if choice is None:
        return _Wish("auto")
    if isinstance(choice, str):
        return _Wish(_mode(choice, "tool_choice"))
    if choice.type == "allowed_tools":
        allowed = choice.allowed_tools or choice
        return _Wish(_mode(allowed.mode, "tool_choice"), only=frozenset(map(_name, allowed.tools or ())))
    if choice.type in {"function", "custom", "tool"}:
        return _Wish("tool", _name(choice))
    return _Wish(_mode(choice.type, "tool_choice"))


def _older_wish(choice: str | wire.Named | None) -> _Wish:
    if isinstance(choice, wire.Named):
        return _Wish("tool", choice.name)
    return _Wish(_mode(choice or "auto", "function_call"))


def _mode(word: str, param: str) -> Literal["auto", "any", "none"]:
    if word not in _MODES:
        raise InvalidRequest(
            f"{param} must be one of 'auto', 'none', 'required', or an object that names a tool.", param=param
        )
    return _MODES[word]


def _name(tool: wire.ChosenTool) -> str:
    named = tool.function or tool.custom
    name = named.name if named else tool.name
    if name is None:
        raise InvalidRequest("tool_choice names no tool.", param="tool_choice")
    return name
