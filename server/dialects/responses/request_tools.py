"""The tools of a Responses request, and which of them may or must be called."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from server.conversation.request import Tool, ToolChoice
from server.dialects.common.raw_text_tools import text_schema
from server.dialects.responses import request_types as wire
from server.errors import InvalidRequest

_MODES: Mapping[str, Literal["auto", "any", "none"]] = {"auto": "auto", "none": "none", "required": "any", "any": "any"}
_OURS = frozenset({"function", "custom"})


def tools_from(offered: Sequence[wire.Tool]) -> tuple[Tool, ...]:
    """The client's own tools, their schemas as they are; those that only OpenAI runs are left out.

    Raises `InvalidRequest` by the place of what is no tool.
    """
    found: dict[str, Tool] = {}
    for number, tool in enumerate(offered):
        if tool.type not in _OURS:
            continue
        place = f"tools[{number}]"
        read = _tool(tool, place)
        if read.name in found:
            raise InvalidRequest(f"{place} has the same name as a tool before it.", param=place)
        found[read.name] = read
    return tuple(found.values())


def idle_tools(offered: Sequence[wire.Tool]) -> Iterator[str]:
    """The places and kinds of the tools that are left out."""
    return (f"tools[{number}] ({tool.type})" for number, tool in enumerate(offered) if tool.type not in _OURS)


def choice_from(
    wanted: wire.Choice | None, tools: tuple[Tool, ...], *, is_parallel: bool
) -> tuple[ToolChoice, tuple[Tool, ...]]:
    """What may or must be called, and the tools that are left for it."""
    mode, name, only = _wish(wanted)
    if not tools:
        if mode in {"any", "tool"}:
            raise _nothing("tool_choice asks for a call, and the request offers nothing to call.")
        return ToolChoice(), ()
    left = tuple(tool for tool in tools if only is None or tool.name in only)
    if not left or (mode == "tool" and name not in {tool.name for tool in left}):
        raise _nothing("tool_choice names a tool that is not among the tools of this request.")
    return ToolChoice(mode, name, is_parallel), left


def _wish(
    wanted: wire.Choice | None,
) -> tuple[Literal["auto", "any", "none", "tool"], str, frozenset[str] | None]:
    """The mode, the tool's name, and those that may be called; None is all."""
    if wanted is None:
        return "auto", "", None
    if isinstance(wanted, str):
        return _mode(wanted), "", None
    if wanted.type == "allowed_tools":
        return _mode(wanted.mode), "", frozenset(map(_name, wanted.tools or ()))
    if wanted.type in _OURS or wanted.type == "tool":
        return "tool", _name(wanted), None
    return _mode(wanted.type), "", None


def _mode(word: str) -> Literal["auto", "any", "none"]:
    if word not in _MODES:
        raise _nothing("tool_choice must be one of 'auto', 'none', 'required', or an object that names a tool.")
    return _MODES[word]


def _name(tool: wire.ChosenTool) -> str:
    name = tool.name or (tool.function.name if tool.function else None)
    if name is None:
        raise _nothing("tool_choice names no tool.")
    return name


def _nothing(words: str) -> InvalidRequest:
    return InvalidRequest(words, param="tool_choice")


def _tool(tool: wire.Tool, place: str) -> Tool:
    fields = (tool.custom if tool.type == "custom" else tool.function) or tool
    if fields.name is None:
        raise InvalidRequest(f"{place}.name is required.", param=f"{place}.name")
    if tool.type == "custom":
        return Tool(fields.name, fields.description, text_schema(_grammar(fields.format or {})), takes_text=True)
    return Tool(fields.name, fields.description, _schema(fields.parameters))


def _schema(parameters: Mapping[str, object] | None) -> str:
    """The schema as Claude's API wants it: an object's. All else in it is for Claude's API to judge."""
    if not parameters:
        parameters = {"type": "object", "properties": {}}
    elif "type" not in parameters:
        parameters = {"type": "object", **parameters}
    return json.dumps(parameters, ensure_ascii=False)


def _grammar(form: Mapping[str, object]) -> str:
    """What the model is told of the text's form: OpenAI holds an answer to a grammar, Claude can only read it."""
    nested = form.get("grammar")
    grammar: Mapping[str, object] = nested if isinstance(nested, dict) else form
    if not isinstance(grammar.get("definition"), str):
        return ""
    return f"Text of this grammar ({grammar.get('syntax', 'lark')}):\n{grammar['definition']}"
