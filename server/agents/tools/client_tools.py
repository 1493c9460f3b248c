"""The client's own tools beside Claude Code's: Claude may call both, and the client gets the calls of its own."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from server.claude.protocol.tool_names import legal_name
from server.claude.protocol.tools import LONGEST_RESULT, choice_body
from server.conversation.parts import Image, Message, Text, ToolResult
from server.conversation.request import Tool, ToolChoice
from server.large_json import loads

# The names of Claude Code's own tools, whether this project has them or not: none of the client's may pass for one.
_OWN = frozenset(
    {
        *("Agent", "AskUserQuestion", "Bash", "BashOutput", "CronCreate", "CronDelete", "CronList", "Edit"),
        *("EnterPlanMode", "EnterWorktree", "ExitPlanMode", "ExitWorktree", "Glob", "Grep", "KillBash", "KillShell"),
        *("LS", "LSP", "ListMcpResourcesTool", "MultiEdit", "Monitor", "NotebookEdit", "NotebookRead", "Read"),
        *("ReadMcpResourceTool", "SandboxNetworkAccess", "SendMessage", "Skill", "SlashCommand", "StructuredOutput"),
        *("Task", "TaskCreate", "TaskGet", "TaskList", "TaskOutput", "TaskStop", "TaskUpdate", "TodoRead", "TodoWrite"),
        *("ToolSearch", "WebFetch", "WebSearch", "Workflow", "Write"),
    }
)
_PREFIX = "client_"
# Claude Code cuts a longer description.
_LONGEST_DESCRIPTION = 2_000
# In base64. Claude Code encodes a larger picture again.
_LARGEST_PICTURE = 600_000


def offered_names(tools: Sequence[Tool], taken: Collection[str] = ()) -> dict[str, str]:
    """The client's names by those that Claude sees, in order. `taken`: names of other tools that it is offered."""
    reserved = {name.casefold() for name in (*_OWN, *taken)}
    found: dict[str, str] = {}
    for tool in tools:
        name = legal_name(tool.name)
        while name in found or name.casefold() in reserved or name.startswith("mcp__"):
            name = legal_name(f"{_PREFIX}{name}")
        found[name] = tool.name
    return found


def definitions(tools: Sequence[Tool], names: Mapping[str, str]) -> tuple[dict[str, object], ...]:
    """The tools as an MCP server lists them."""
    return tuple(
        {"name": name, "description": tool.description[:_LONGEST_DESCRIPTION], "inputSchema": loads(tool.schema)}
        for name, tool in zip(names, tools, strict=True)
    )


def more_about(tools: Sequence[Tool], names: Mapping[str, str]) -> str:
    """The whole descriptions that are too long for the list, for the system prompt; empty if there are none."""
    return "\n\n".join(
        f"# The tool {name}\n\n{tool.description}"
        for name, tool in zip(names, tools, strict=True)
        if len(tool.description) > _LONGEST_DESCRIPTION
    )


def choice_for(choice: ToolChoice, names: Mapping[str, str]) -> dict[str, object]:
    """The field `tool_choice` of the requests to Claude; empty for Claude's own choice."""
    return choice_body(choice, next((name for name, clients in names.items() if clients == choice.name), choice.name))


def results_in(message: Message, calls: Collection[str]) -> dict[str, ToolResult] | None:
    """The results of exactly these calls; None if a running process could not pass them on.

    Text beside the results is added to the last one: while Claude Code works it takes no other message.
    """
    results = {part.id: part for part in message.parts if isinstance(part, ToolResult)}
    beside = tuple(part for part in message.parts if not isinstance(part, ToolResult))
    if not results or results.keys() != set(calls) or not all(isinstance(part, Text) for part in beside):
        return None
    last = list(results)[-1]
    results[last] = replace(results[last], parts=(*results[last].parts, *(p for p in beside if isinstance(p, Text))))
    return results if all(map(_passes, results.values())) else None


def _passes(result: ToolResult) -> bool:
    units = 0
    for part in result.parts:
        if isinstance(part, Text):
            units += len(part.text.encode("utf-16-le", "surrogatepass")) // 2
        elif not isinstance(part, Image) or part.data is None or len(part.data) > _LARGEST_PICTURE:
            return False
    return units <= LONGEST_RESULT
