"""Converts the tools of a Messages request, and its tool choice."""

from collections.abc import Iterator, Sequence

from server.conversation.request import Tool, ToolChoice
from server.dialects.common.tools.conversion import (
    WantedChoice,
    choice_mode,
    resolved_choice,
    unique_tools,
    wire_tool,
)
from server.dialects.messages import request_types as wire
from server.dialects.messages.anthropic_tools import client_tool
from server.errors import InvalidRequest


def tools_from(tools: Sequence[wire.Tool]) -> tuple[Tool, ...]:
    """Returns the client's own tools. Raises `InvalidRequest` that names a bad one."""
    placed = ((f"tools[{number}]", tool) for number, tool in enumerate(tools))
    return unique_tools((place, _tool_from(tool, place)) for place, tool in placed if not _is_server_tool(tool))


def server_tools(tools: Sequence[wire.Tool]) -> Iterator[str]:
    """Yields the places and types of the tools that Anthropic runs; they are ignored."""
    return (f"tools[{number}] ({tool.type})" for number, tool in enumerate(tools) if _is_server_tool(tool))


def choice_from(choice: wire.Choice | None, tools: tuple[Tool, ...], *, parallel: bool = True) -> ToolChoice:
    """Returns the tool choice. Raises `InvalidRequest` if no tool can satisfy it."""
    chosen = wire.ChosenTool(type=choice or "auto") if choice is None or isinstance(choice, str) else choice
    mode = choice_mode(chosen.type)
    if chosen.type in {"tool", "function"}:
        # OpenAI's form nests the name.
        wanted = WantedChoice("tool", chosen.name or (chosen.function and chosen.function.name) or "")
    elif mode is not None:
        wanted = WantedChoice(mode)
    else:
        raise InvalidRequest("tool_choice.type must be one of 'auto', 'any', 'tool', 'none'.", param="tool_choice")
    return resolved_choice(wanted, tools, parallel=parallel and not chosen.disable_parallel_tool_use)[0]


def _is_server_tool(tool: wire.Tool) -> bool:
    """Whether Anthropic runs it, such as `web_search_20250305`."""
    return not tool.is_clients and client_tool(tool) is None


def _tool_from(tool: wire.Tool, place: str) -> Tool:
    return client_tool(tool) or wire_tool(tool, place)
