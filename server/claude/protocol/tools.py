"""The client's tools: offered to Claude as they are, and called on a process that waits for the client's results.

Claude Code knows one tool, ours, and each of the client's names as an alias of it (the SDK's option `toolAliases`). So
it neither sees nor changes a name, a description or a schema, and no name means one of its own tools. What Claude sees
is the `tools` of the request, which go through the extra body.
"""

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping

from server.claude.protocol.frames import SERVER, Frame
from server.claude.protocol.tool_names import legal_name
from server.conversation.parts import Message, Text, ToolResult
from server.conversation.request import Tool, ToolChoice
from server.conversation.text import is_blank

TOOL = "call"
# In UTF-16, as Claude Code counts: a longer one it would write to a file, and send its first 2 kB.
LONGEST_RESULT = 500_000
_LISTED = {
    "name": TOOL,
    "description": "A tool of the client's.",
    "inputSchema": {"type": "object"},
    # Otherwise the calls of one message come one after the other, each after the result of the one before.
    "annotations": {"readOnlyHint": True},
    "_meta": {"anthropic/maxResultSizeChars": LONGEST_RESULT},
}


def offered(tools: Iterable[Tool]) -> dict[str, object]:
    """What `initialize` says of the tools; nothing where there are none."""
    aliases = {legal_name(tool.name): f"mcp__{SERVER}__{TOOL}" for tool in tools}
    return {"sdkMcpServers": [SERVER], "toolAliases": aliases} if aliases else {}


def tools_body(tools: Iterable[Tool], choice: ToolChoice) -> dict[str, object]:
    """The fields `tools` and `tool_choice` of the request; nothing where there are none."""
    listed = [_listed(tool) for tool in tools]
    if not listed:
        return {}
    chosen: dict[str, object] = {"type": choice.mode}
    if choice.mode == "tool":
        chosen["name"] = legal_name(choice.name)
    if not choice.parallel and choice.mode != "none":
        chosen["disable_parallel_tool_use"] = True
    return {"tools": listed} | ({} if chosen == {"type": "auto"} else {"tool_choice": chosen})


def _listed(tool: Tool) -> dict[str, object]:
    described = {"description": tool.description} if tool.description else {}
    return {"name": legal_name(tool.name), **described, "input_schema": json.loads(tool.schema)}


def live_results(message: Message, calls: Iterable[str]) -> dict[str, ToolResult] | None:
    """The results in `message` of exactly these calls, as far as a waiting process sends them on as they are.

    None where it would not: it makes one text of an error and cuts it, draws pictures anew, has words of its own for
    an empty result, and keeps a long one to itself; and with anything beside the results it is another turn.
    """
    results = {part.id: part for part in message.parts if isinstance(part, ToolResult)}
    is_exact = len(results) == len(message.parts) and results.keys() == set(calls)
    return results if is_exact and all(_goes_live(result) for result in results.values()) else None


def _goes_live(result: ToolResult) -> bool:
    texts = [part.text for part in result.parts if isinstance(part, Text)]
    is_plain = len(texts) == len(result.parts) and not result.is_error
    units = sum(len(text.encode("utf-16-le", "surrogatepass")) // 2 for text in texts)
    return is_plain and bool(texts) and not any(map(is_blank, texts)) and units <= LONGEST_RESULT


class OpenCalls:
    """Claude Code's calls of our tool: they wait here until the client has brought their results.

    `post` writes a small frame to the process.
    """

    def __init__(self, post: Callable[[Frame], None]) -> None:
        self._post = post
        self._waiting: dict[str, tuple[str, object]] = {}
        self._news = asyncio.Event()

    def take(self, frame: Frame) -> bool:
        """Takes a control request that is a message to our tools' server; False for any other frame."""
        request = frame.get("request")
        if not isinstance(request, dict) or request.get("server_name") != SERVER:
            return False
        message = request.get("message")
        if isinstance(message, dict):
            self._hear(str(frame.get("request_id")), message)
        return True

    def _hear(self, request_id: str, message: Mapping[str, object]) -> None:
        number, given = message.get("id"), message.get("params")
        params = given if isinstance(given, dict) else {}
        result: dict[str, object] = {}
        match message.get("method"):
            case "tools/call":
                call = params.get("_meta", {}).get("claudecode/toolUseId")
                self._waiting[str(call)] = (request_id, number)
                self._news.set()
                return
            case "notifications/cancelled":
                gone = params.get("requestId")
                self._waiting = {call: asked for call, asked in self._waiting.items() if asked[1] != gone}
            case "initialize":
                result = {
                    "protocolVersion": params.get("protocolVersion"),
                    "capabilities": {"tools": {}},
                    "serverInfo": {"name": SERVER, "version": "1"},
                }
            case "tools/list":
                result = {"tools": [_LISTED]}
        self._post(_response(request_id, number, result))

    def has(self, calls: Iterable[str]) -> bool:
        """Whether all of these calls wait here."""
        return set(calls) <= self._waiting.keys()

    async def arrived(self, calls: Iterable[str], *, timeout_s: float) -> bool:
        """Waits until all of these calls wait here; False if they do not in time."""
        try:
            async with asyncio.timeout(timeout_s):
                while not self.has(calls):
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            return False
        return True

    def frames_for(self, results: Mapping[str, ToolResult]) -> list[Frame]:
        """What answers calls that wait here."""
        frames = []
        for call, result in results.items():
            request_id, number = self._waiting.pop(call)
            texts = [{"type": "text", "text": part.text} for part in result.parts if isinstance(part, Text)]
            frames.append(_response(request_id, number, {"content": texts}))
        return frames

    def forget(self) -> None:
        """Nobody brings the results any more."""
        self._waiting.clear()


def _response(request_id: str, number: object, result: dict[str, object]) -> Frame:
    answer = {"jsonrpc": "2.0", **({} if number is None else {"id": number}), "result": result}
    response = {"subtype": "success", "request_id": request_id, "response": {"mcp_response": answer}}
    return {"type": "control_response", "response": response}
