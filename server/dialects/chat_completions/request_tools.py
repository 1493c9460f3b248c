"""Converts the tools of a Chat Completions request, and its tool choice."""

from collections.abc import Iterator

from server.conversation.request import Tool, ToolChoice
from server.dialects.chat_completions.request_types import ChatRequest
from server.dialects.common.tools.conversion import (
    openai_choice,
    resolved_choice,
    tool_of,
    unique_tools,
)
from server.dialects.common.tools.nested_tools import nested_tools
from server.dialects.common.tools.tool_types import ChosenTool


def tools_from(request: ChatRequest) -> tuple[Tool, ...]:
    """Returns the tools, also those in the `functions` of 2023. Raises `InvalidRequest` that names a bad one."""
    return unique_tools(_placed(request))


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
    yield from nested_tools(request.tools or ())
    for number, function in enumerate(request.functions or ()):
        place = f"functions[{number}]"
        yield place, tool_of([("", function)], place)
