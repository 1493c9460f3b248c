"""Converts the tools of a request and its tool choice; shared by all dialects."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from server.conversation.request import Tool, ToolChoice
from server.dialects.common.refusals import missing_field
from server.dialects.common.tools.raw_text_tools import text_schema
from server.dialects.common.tools.tool_schema import tool_schema
from server.dialects.common.tools.tool_types import ChosenTool, ToolFields, WireTool
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


def wire_tool(tool: WireTool, place: str, *, is_nested: bool = False) -> Tool:
    """Returns the client's tool at `place`, in the form of any API. Raises `InvalidRequest` if it has no name.

    A custom tool with a schema and no format is a function, as in Anthropic's API. `is_nested`: an error names the
    nested form.
    """
    is_custom = tool.custom is not None or tool.type == "custom"
    missing = f"{place}.{tool.type or 'function'}" if is_nested and len(tool.layers) == 1 else ""
    return tool_of(tool.layers, place, is_custom=is_custom, missing=missing)


def tool_of(
    layers: Sequence[tuple[str, ToolFields]], place: str, *, is_custom: bool = False, missing: str = ""
) -> Tool:
    """Returns the tool whose fields are in `layers`, as in `WireTool`. An inner layer wins.

    `missing` is the object that an error names if there is no name in any layer; "": the innermost one.
    """
    name = next((fields.name for _, fields in layers if fields.name is not None), None)
    if name is None:
        raise missing_field(f"{missing or place + layers[0][0]}.name")
    description = next((fields.description for _, fields in layers if fields.description), "")
    text_format = next((fields.format for _, fields in layers if fields.format is not None), None)
    with_schema = next(((path, fields) for path, fields in layers if fields.schema_field), None)
    if is_custom and (text_format is not None or with_schema is None):
        return custom_tool(name, description, text_format)
    path, fields = with_schema or layers[0]
    field = fields.schema_field or "parameters"
    return function_tool(name, description, getattr(fields, field), f"{place}{path}.{field}")


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
