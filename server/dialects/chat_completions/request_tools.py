"""Converts the tools of a Chat Completions request, and its tool choice."""

import re
from collections.abc import Iterator

from server.conversation.request import Tool, ToolChoice
from server.dialects.chat_completions.request_types import ChatRequest
from server.dialects.common.refusals import unknown_type
from server.dialects.common.tools.conversion import (
    named_tool,
    openai_choice,
    openai_tool,
    resolved_choice,
    unique_tools,
)
from server.dialects.common.tools.tool_types import ChosenTool, OpenAITool


def tools_from(request: ChatRequest) -> tuple[Tool, ...]:
    """Returns the tools, also those in the `functions` of 2023. Raises `InvalidRequest` that names a bad one."""
    return unique_tools(_placed(request))


def server_tools(request: ChatRequest) -> Iterator[str]:
    """Yields the places and types of the tools that Anthropic runs, such as `web_search_20250305`; they are ignored."""
    return (f"tools[{number}] ({tool.type})" for number, tool in enumerate(request.tools or ()) if _is_anthropics(tool))


def choice_from(request: ChatRequest, tools: tuple[Tool, ...]) -> tuple[ToolChoice, tuple[Tool, ...]]:
    """Returns the tool choice, and the tools that it allows."""
    uses_functions = request.tool_choice is None and request.function_call is not None
    param = "function_call" if uses_functions else "tool_choice"
    wanted = openai_choice(request.function_call if uses_functions else request.tool_choice, param=param)
    # The `function_call` of 2023 can hold only one call.
    is_single = isinstance(request.tool_choice, ChosenTool) and request.tool_choice.disable_parallel_tool_use
    parallel = request.parallel_tool_calls is not False and not is_single and bool(request.tools)
    return resolved_choice(wanted, tools, parallel=parallel, param=param)


def _placed(request: ChatRequest) -> Iterator[tuple[str, Tool]]:
    for number, tool in enumerate(request.tools or ()):
        place = f"tools[{number}]"
        if not _is_anthropics(tool):
            yield place, _tool_from(tool, place)
    for number, function in enumerate(request.functions or ()):
        place = f"functions[{number}]"
        yield place, named_tool(function, place)


def _is_anthropics(tool: OpenAITool) -> bool:
    return re.fullmatch(r"\w+_\d{8}", tool.type) is not None


def _tool_from(tool: OpenAITool, place: str) -> Tool:
    if tool.type not in {"function", "custom"}:
        raise unknown_type(
            place, hint="Send tools of type 'function' or 'custom'; tools that OpenAI itself runs are not available."
        )
    return openai_tool(tool, place, is_nested=True)
