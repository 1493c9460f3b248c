"""The client's tools: offered to Claude unchanged, and called by a process that waits for the client's results.

Claude Code knows a single tool, and each of the client's names as an alias of it (`toolAliases`). So it does not change
names, descriptions or schemas, and no name selects one of its own tools. A live process, whose aliases cannot change,
knows the client's tools as well, with nothing but their names. Claude sees the `tools` of the request, which are part
of the extra body.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping

from server.claude.protocol.frames import SERVER, Frame
from server.claude.protocol.mcp import handshake, mcp_response
from server.claude.protocol.tool_names import legal_name
from server.conversation.parts import Image, Message, Text, ToolResult
from server.conversation.request import Tool, ToolChoice
from server.conversation.text import is_blank
from server.large_json import loads

TOOL = "call"
_MCP_TOOL = f"mcp__{SERVER}__{TOOL}"
# In UTF-16 code units, as Claude Code counts. It writes a longer result to a file and sends the first 2 kB.
LONGEST_RESULT = 500_000
_LISTED = {
    "description": "A tool of the client.",
    "inputSchema": {"type": "object"},
    # Otherwise the calls of one message arrive one by one, each after the result of the call before.
    "annotations": {"readOnlyHint": True},
    "_meta": {"anthropic/maxResultSizeChars": LONGEST_RESULT},
}


def offered(tools: Iterable[Tool]) -> dict[str, object]:
    """The tools' fields of `initialize` for a process that is not live; empty without tools."""
    aliases = {legal_name(tool.name): _MCP_TOOL for tool in tools}
    return {"sdkMcpServers": [SERVER], "toolAliases": aliases} if aliases else {}


def tools_body(tools: Iterable[Tool], choice: ToolChoice, *, is_live: bool = False) -> dict[str, object]:
    """The fields `tools` and `tool_choice` of the request. A live process would add the tools that it has listed."""
    definitions = [_definition(tool) for tool in tools]
    if not definitions:
        return {"tools": []} if is_live else {}
    return {"tools": definitions} | choice_body(choice, legal_name(choice.name))


def choice_body(choice: ToolChoice, name: str) -> dict[str, object]:
    """The field `tool_choice`; empty for Claude's own choice. `name` is the wanted tool's, as Claude sees it."""
    chosen: dict[str, object] = {"type": choice.mode}
    if choice.mode == "tool":
        chosen["name"] = name
    if not choice.parallel and choice.mode != "none":
        chosen["disable_parallel_tool_use"] = True
    return {} if chosen == {"type": "auto"} else {"tool_choice": chosen}


def _definition(tool: Tool) -> dict[str, object]:
    description = {"description": tool.description} if tool.description else {}
    return {"name": legal_name(tool.name), **description, "input_schema": loads(tool.schema)}


def live_results(message: Message, calls: Iterable[str]) -> dict[str, ToolResult] | None:
    """The results in `message` of exactly these calls; None if a waiting process would change them.

    Claude Code joins and cuts the texts of an error, re-encodes images, replaces an empty result and stores a long one
    in a file. A message with other parts beside the results cannot be passed on at all.
    """
    results = {part.id: part for part in message.parts if isinstance(part, ToolResult)}
    is_exact = len(results) == len(message.parts) and results.keys() == set(calls)
    return results if is_exact and all(_is_sent_unchanged(result) for result in results.values()) else None


def _is_sent_unchanged(result: ToolResult) -> bool:
    texts = [part.text for part in result.parts if isinstance(part, Text)]
    is_plain = len(texts) == len(result.parts) and not result.is_error
    units = sum(len(text.encode("utf-16-le", "surrogatepass")) // 2 for text in texts)
    return is_plain and bool(texts) and not any(map(is_blank, texts)) and units <= LONGEST_RESULT


class OpenCalls:
    """The MCP server: lists the tools, and keeps the calls that wait for the client's results.

    `post` writes a small frame to the process. `definitions`: the tools with their descriptions and schemas, where
    Claude Code itself tells Claude about them; otherwise the tools that `offer` adds are listed by their names.
    """

    def __init__(self, post: Callable[[Frame], None], definitions: Iterable[Mapping[str, object]] = ()) -> None:
        self._post = post
        self._definitions = tuple(definitions)
        self._waiting: dict[str, tuple[str, object]] = {}
        self._ready: dict[str, ToolResult] = {}
        self._offered: frozenset[str] = frozenset()
        self._listed: frozenset[str] = frozenset()
        self._arrival = asyncio.Event()
        self.on_arrival: Callable[[], None] = lambda: None
        """Called when a call has arrived."""

    def take(self, frame: Frame) -> bool:
        """Handles a control request to the tools' MCP server. Returns False for any other frame."""
        request = frame.get("request")
        if not isinstance(request, dict) or request.get("server_name") != SERVER:
            return False
        message = request.get("message")
        if isinstance(message, dict):
            self._handle(str(frame.get("request_id")), message)
        return True

    def _handle(self, request_id: str, message: Mapping[str, object]) -> None:
        number, given = message.get("id"), message.get("params")
        params = given if isinstance(given, dict) else {}
        result: dict[str, object] = {}
        match message.get("method"):
            case "tools/call":
                self._arrived(str(params.get("_meta", {}).get("claudecode/toolUseId")), request_id, number)
                return
            case "notifications/cancelled":
                cancelled = params.get("requestId")
                self._waiting = {call: ids for call, ids in self._waiting.items() if ids[1] != cancelled}
            case "initialize":
                result = handshake(params, SERVER)
            case "tools/list":
                self._listed = self._offered
                result = {"tools": [{**_LISTED, **tool} for tool in self._definitions or self._names()]}
                self._arrival.set()
        self._post(mcp_response(request_id, number, result))

    def _names(self) -> list[Mapping[str, object]]:
        return [{"name": name} for name in (TOOL, *self._offered)]

    def _arrived(self, call: str, request_id: str, number: object) -> None:
        self._waiting[call] = (request_id, number)
        if call in self._ready:
            for frame in self.frames_for({call: self._ready.pop(call)}):
                self._post(frame)
            return
        self._arrival.set()
        self.on_arrival()

    @property
    def waiting(self) -> frozenset[str]:
        """The ids of the open calls."""
        return frozenset(self._waiting)

    def has(self, calls: Iterable[str]) -> bool:
        """Whether all of these calls are open."""
        return set(calls) <= self._waiting.keys()

    async def arrived(self, calls: Iterable[str], *, timeout_s: float) -> bool:
        """Waits until all of these calls are open; False after the timeout."""
        return await self._until(lambda: self.has(calls), timeout_s)

    def offer(self, names: frozenset[str]) -> None:
        """Adds tools to the list that Claude Code reads next. It keeps those that it has read once."""
        self._offered |= names - {TOOL}

    def are_listed(self, names: frozenset[str]) -> bool:
        """Whether Claude Code has read all of these tools."""
        return names - {TOOL} <= self._listed

    async def listed(self, names: frozenset[str], *, timeout_s: float) -> bool:
        """Waits until Claude Code has read all of these tools; False after the timeout."""
        return await self._until(lambda: self.are_listed(names), timeout_s)

    async def _until(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        try:
            async with asyncio.timeout(timeout_s):
                while not condition():
                    self._arrival.clear()
                    await self._arrival.wait()
        except TimeoutError:
            return False
        return True

    def frames_for(self, results: Mapping[str, ToolResult]) -> list[Frame]:
        """The frames that answer these open calls."""
        return [mcp_response(*self._waiting.pop(call), _as_mcp(result)) for call, result in results.items()]

    def supply(self, results: Mapping[str, ToolResult]) -> list[Frame]:
        """The frames that answer those of the calls that are open. The others are answered when they arrive."""
        self._ready = {call: result for call, result in results.items() if call not in self._waiting}
        return self.frames_for({call: result for call, result in results.items() if call in self._waiting})

    def forget(self) -> None:
        """Forgets all calls: their results will not come."""
        self._waiting.clear()
        self._ready.clear()


def _as_mcp(result: ToolResult) -> dict[str, object]:
    """A result of texts and of pictures that the client sent, as MCP has it."""
    content: list[dict[str, object]] = []
    for part in result.parts:
        if isinstance(part, Text):
            content.append({"type": "text", "text": part.text})
        elif isinstance(part, Image):
            content.append({"type": "image", "data": part.data, "mimeType": part.media_type})
    return {"content": content, **({"isError": True} if result.is_error else {})}
