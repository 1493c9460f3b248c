"""Reads the tools of a request in the nested form of OpenAI's chat, which Ollama has, too."""

import re
from collections.abc import Iterator, Sequence

from server.conversation.request import Tool
from server.dialects.common.refusals import unknown_type
from server.dialects.common.tools.conversion import wire_tool
from server.dialects.common.tools.tool_types import WireTool


def nested_tools(tools: Sequence[WireTool]) -> Iterator[tuple[str, Tool]]:
    """Yields the client's own tools with their places. Raises `InvalidRequest` that names a bad one."""
    for number, tool in enumerate(tools):
        if not _is_anthropics(tool):
            yield f"tools[{number}]", _tool_from(tool, f"tools[{number}]")


def ignored_in(tools: Sequence[WireTool]) -> Iterator[str]:
    """Yields what has no effect: `strict`, and the tools that Anthropic runs, such as `web_search_20250305`."""
    if any(tool.strict or (tool.function and tool.function.strict) for tool in tools):
        yield "tools[].function.strict"
    yield from (f"tools[{number}] ({tool.type})" for number, tool in enumerate(tools) if _is_anthropics(tool))


def _is_anthropics(tool: WireTool) -> bool:
    return not tool.is_clients and re.fullmatch(r"\w+_\d{8}", tool.type) is not None


def _tool_from(tool: WireTool, place: str) -> Tool:
    if not tool.is_clients:
        raise unknown_type(
            place, hint="Send tools of type 'function' or 'custom'; tools that OpenAI itself runs are not available."
        )
    return wire_tool(tool, place, is_nested=True)
