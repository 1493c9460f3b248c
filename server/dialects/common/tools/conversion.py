"""Converts the tools of a request and its tool choice; shared by all dialects."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from server.conversation.request import Tool, ToolChoice
from server.dialects.common.refusals import missing_field
from server.dialects.common.tools.raw_text_tools import text_schema
from server.dialects.common.tools.tool_schema import tool_schema
from server.dialects.common.tools.tool_types import ChosenTool, OpenAITool, ToolFields
from server.errors import InvalidRequest

Mode = Literal["auto", "any", "none"]
# OpenAI says "required", Anthropic says "any".
_MODES: Mapping[str, Mode] = {"auto": "auto", "default": "auto", "none": "none", "required": "any", "any": "any"}

# How many changes of tools `x-drawbridge-ignored` names, and in how many characters.
_MOST_CHANGES, _LONGEST_CHANGES = 10, 500
_MOST_PLACES = 100


@dataclass(frozen=True, slots=True)
class WantedChoice:
    """A parsed `tool_choice`. `name` is that of mode "tool"; `only` restricts the tools, None keeps all."""

    mode: Mode | Literal["tool"] = "auto"
    name: str = ""
    only: frozenset[str] | None = None


def function_tool(name: str, description: str, parameters: object, place: str) -> Tool:
    """Returns a function with the JSON schema at `place`, rewritten as Claude's API takes it."""
    schema = tool_schema(parameters, name, place)
    return Tool(name, description, schema.text, keys=schema.keys, changed=schema.changed)


def custom_tool(name: str, description: str, text_format: Mapping[str, object] | None) -> Tool:
    """Returns a tool that takes raw text. OpenAI enforces a grammar in `text_format`, Claude can only read it."""
    text_format = text_format or {}
    nested = text_format.get("grammar")
    grammar: Mapping[str, object] = nested if isinstance(nested, dict) else text_format
    definition = grammar.get("definition")
    described = (
        f"Text of this grammar ({grammar.get('syntax', 'lark')}):\n{definition}" if isinstance(definition, str) else ""
    )
    return Tool(name, description, text_schema(described), takes_text=True)


def openai_tool(tool: OpenAITool, place: str, *, is_nested: bool) -> Tool:
    """Returns the function or custom tool at `place`, in either form. `is_nested`: the form that errors name."""
    nested = tool.custom if tool.type == "custom" else tool.function
    where = f"{place}.{tool.type}" if nested or (is_nested and tool.name is None) else place
    return named_tool(nested or tool, where, is_custom=tool.type == "custom")


def named_tool(fields: ToolFields, place: str, *, is_custom: bool = False) -> Tool:
    """Returns the tool of `fields`. Raises `InvalidRequest` if it has no name."""
    if fields.name is None:
        raise missing_field(f"{place}.name")
    if is_custom:
        return custom_tool(fields.name, fields.description, fields.format)
    if fields.parameters is None and fields.inputSchema is not None:
        return function_tool(fields.name, fields.description, fields.inputSchema, f"{place}.inputSchema")
    return function_tool(fields.name, fields.description, fields.parameters, f"{place}.parameters")


def unique_tools(placed: Iterable[tuple[str, Tool]]) -> tuple[Tool, ...]:
    """Returns the tools, each name once: of several definitions, the first. A different one has no effect."""
    tools: dict[str, Tool] = {}
    for place, tool in placed:
        first = tools.setdefault(tool.name, tool)
        if tool != first and len(first.changed) < _MOST_PLACES:
            tools[tool.name] = replace(first, changed=(*first.changed, place))
    return tuple(tools.values())


def changes_in(tools: Iterable[Tool]) -> Iterator[str]:
    """Yields the places of the tools' definitions that have no effect: the first ones, then how many more."""
    places = [place for tool in tools for place in tool.changed]
    length = 0
    for number, place in enumerate(places):
        length += len(place)
        if number >= _MOST_CHANGES or (number and length > _LONGEST_CHANGES):
            yield f"{len(places) - number} more in tools"
            return
        yield place


def raw_text_names(tools: Iterable[Tool]) -> frozenset[str]:
    """Returns the names of the tools that take raw text."""
    return frozenset(tool.name for tool in tools if tool.takes_text)


def openai_choice(choice: str | ChosenTool | None, *, param: str = "tool_choice") -> WantedChoice:
    """Returns OpenAI's `tool_choice`, or the `function_call` of 2023, in its field `param`."""
    if choice is None:
        return WantedChoice()
    if isinstance(choice, str):
        return WantedChoice(_openai_mode(choice, param))
    match choice.type:
        case "allowed_tools":
            allowed = choice.allowed_tools or choice
            names = frozenset(_chosen_name(tool, param) for tool in allowed.tools or ())
            return WantedChoice(_openai_mode(allowed.mode, param), only=names)
        case "function" | "custom" | "tool":
            return WantedChoice("tool", _chosen_name(choice, param))
        case _:
            return WantedChoice(_openai_mode(choice.type, param))


def choice_mode(value: str) -> Mode | None:
    """Returns the mode that `value` names in OpenAI's or Anthropic's API; None if it is not a mode."""
    return _MODES.get(value.strip().lower())


def resolved_choice(
    wanted: WantedChoice, tools: tuple[Tool, ...], *, parallel: bool = True, param: str = "tool_choice"
) -> tuple[ToolChoice, tuple[Tool, ...]]:
    """Returns the choice, and the tools that it allows. Raises `InvalidRequest` if no tool can satisfy it."""
    if not tools:
        if wanted.mode in {"any", "tool"}:
            raise InvalidRequest(f"{param} requires a tool call, but the request defines no tools.", param=param)
        return ToolChoice(), ()
    allowed = tuple(tool for tool in tools if wanted.only is None or tool.name in wanted.only)
    if not allowed or (wanted.mode == "tool" and wanted.name not in {tool.name for tool in allowed}):
        raise InvalidRequest(f"{param} names a tool that this request does not define.", param=param)
    return ToolChoice(wanted.mode, wanted.name, parallel), allowed


def _openai_mode(value: str, param: str) -> Mode:
    mode = choice_mode(value)
    if mode is None:
        raise InvalidRequest(
            f"{param} must be 'auto', 'none', 'required', or an object that names a tool.", param=param
        )
    return mode


def _chosen_name(tool: ChosenTool, param: str) -> str:
    nested = tool.function or tool.custom
    name = nested.name if nested else tool.name
    if name is None:
        raise InvalidRequest(f"{param} does not name a tool.", param=param)
    return name
