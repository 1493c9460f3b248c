"""The tools of a Messages request, and which of them may or must be called."""

import json
from collections.abc import Iterator, Sequence
from typing import Literal

from server.conversation.request import Tool, ToolChoice
from server.dialects.common.raw_text_tools import text_schema
from server.dialects.messages import request_types as wire
from server.errors import InvalidRequest

_MODES: dict[str, Literal["auto", "any", "none"]] = {"auto": "auto", "any": "any", "none": "none", "required": "any"}


def tools_from(offered: Sequence[wire.Tool]) -> tuple[Tool, ...]:
    """The client's own tools, their schemas as they are; those that only Anthropic runs are left out.

    Raises `InvalidRequest` by the place of what is no tool.
    """
    found: dict[str, Tool] = {}
    for number, tool in enumerate(offered):
        if _is_elsewhere(tool):
            continue
        place = f"tools[{number}]"
        read = _tool(tool, place)
        if read.name in found:
            raise InvalidRequest(f"{place} has the same name as a tool before it.", param=place)
        found[read.name] = read
    return tuple(found.values())


def idle_tools(offered: Sequence[wire.Tool]) -> Iterator[str]:
    """The places and kinds of the tools that are left out."""
    return (f"tools[{number}] ({tool.type})" for number, tool in enumerate(offered) if _is_elsewhere(tool))


def choice_from(wanted: wire.Choice | None, tools: tuple[Tool, ...]) -> ToolChoice:
    """What may or must be called."""
    if wanted is None:
        return ToolChoice()
    word = wanted if isinstance(wanted, str) else wanted.type
    name = "" if isinstance(wanted, str) else wanted.name or ""
    parallel = isinstance(wanted, str) or not wanted.disable_parallel_tool_use
    if word in {"tool", "function"}:
        if name not in {tool.name for tool in tools}:
            raise _wrong("tool_choice names a tool that is not among the tools of this request.")
        return ToolChoice("tool", name, parallel)
    if word not in _MODES:
        raise _wrong("tool_choice.type must be one of 'auto', 'any', 'tool', 'none'.")
    if _MODES[word] == "any" and not tools:
        raise _wrong("tool_choice asks for a call, and the request offers nothing to call.")
    return ToolChoice(_MODES[word], "", parallel) if tools else ToolChoice()


def _wrong(words: str) -> InvalidRequest:
    return InvalidRequest(words, param="tool_choice")


def _is_elsewhere(tool: wire.Tool) -> bool:
    """Whether it is one of Anthropic's own, as in `web_search_20250305`: named by its type, and without a schema."""
    is_known = tool.type in {None, "custom", "function"}
    return not is_known and tool.input_schema is None and tool.function is None


def _tool(tool: wire.Tool, place: str) -> Tool:
    fields = tool.function or tool
    if fields.name is None:
        raise InvalidRequest(f"{place}.name is required.", param=f"{place}.name")
    schema = tool.input_schema if tool.input_schema is not None else fields.parameters
    if schema is None and tool.type == "custom":
        return Tool(fields.name, fields.description, text_schema(_grammar(tool)), takes_text=True)
    if schema is None and tool.function is None and tool.type != "function":
        raise InvalidRequest(f"{place}.input_schema is required.", param=f"{place}.input_schema")
    schema = schema or {"properties": {}}
    whole = schema if "type" in schema else {"type": "object", **schema}
    return Tool(fields.name, fields.description, json.dumps(whole, ensure_ascii=False))


def _grammar(tool: wire.Tool) -> str:
    """What the model is told of the text's form."""
    form = tool.format or {}
    if not isinstance(form.get("definition"), str):
        return ""
    return f"Text of this grammar ({form.get('syntax', 'lark')}):\n{form['definition']}"
