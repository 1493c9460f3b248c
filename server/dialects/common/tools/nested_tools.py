"""Reads the tools of a request in the nested form of OpenAI's chat, which Ollama has, too."""

import re
from collections.abc import Iterator, Sequence
from typing import Annotated

from pydantic import BeforeValidator

from server.conversation.request import Tool
from server.dialects.common.refusals import unknown_type
from server.dialects.common.tools.conversion import openai_tool
from server.dialects.common.tools.tool_types import OpenAITool


def _openai_tool(tool: object) -> object:
    """Returns a tool of Anthropic's Messages API as a function."""
    if not isinstance(tool, dict) or tool.get("input_schema") is None or tool.get("function") is not None:
        return tool
    return {**tool, "type": "function", "parameters": tool["input_schema"]}


AnyTool = Annotated[OpenAITool, BeforeValidator(_openai_tool)]
"""A tool in OpenAI's form or in Anthropic's."""


def nested_tools(tools: Sequence[OpenAITool]) -> Iterator[tuple[str, Tool]]:
    """Yields the client's own tools with their places. Raises `InvalidRequest` that names a bad one."""
    for number, tool in enumerate(tools):
        if not _is_anthropics(tool):
            yield f"tools[{number}]", _tool_from(tool, f"tools[{number}]")


def ignored_in(tools: Sequence[OpenAITool]) -> Iterator[str]:
    """Yields what has no effect: `strict`, and the tools that Anthropic runs, such as `web_search_20250305`."""
    if any(tool.strict or (tool.function and tool.function.strict) for tool in tools):
        yield "tools[].function.strict"
    yield from (f"tools[{number}] ({tool.type})" for number, tool in enumerate(tools) if _is_anthropics(tool))


def _is_anthropics(tool: OpenAITool) -> bool:
    return re.fullmatch(r"\w+_\d{8}", tool.type) is not None


def _tool_from(tool: OpenAITool, place: str) -> Tool:
    if tool.type not in {"function", "custom"}:
        raise unknown_type(
            place, hint="Send tools of type 'function' or 'custom'; tools that OpenAI itself runs are not available."
        )
    return openai_tool(tool, place, is_nested=True)
