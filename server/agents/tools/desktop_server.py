"""The MCP server with the tools for the desktop. The session of computer use carries their calls out."""

import asyncio
import base64
import logging
from collections.abc import Callable, Mapping

from server.agents.rules.launch import DESKTOP
from server.claude.protocol.frames import Frame
from server.claude.protocol.mcp import handshake, mcp_response
from server.desktop_tools.actions import Outcome
from server.desktop_tools.session import ComputerSession, tools_for

logger = logging.getLogger(__name__)


class DesktopServer:
    """The tools of `session` for one process. `post` writes a small frame to it."""

    def __init__(self, session: ComputerSession, post: Callable[[Frame], None]) -> None:
        self._session = session
        self._post = post
        self._tools = tools_for(session)
        self._calls: dict[object, asyncio.Task[None]] = {}

    @property
    def names(self) -> frozenset[str]:
        """The names of the tools."""
        return frozenset(tool.name for tool in self._tools)

    def take(self, frame: Frame) -> bool:
        """Handles a control request to this server. Returns False for any other frame."""
        request = frame.get("request")
        if not isinstance(request, dict) or request.get("server_name") != DESKTOP:
            return False
        message = request.get("message")
        if isinstance(message, dict):
            self._handle(str(frame.get("request_id")), message)
        return True

    async def close(self) -> None:
        """Cancels the calls that are carried out."""
        tasks = list(self._calls.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _handle(self, request_id: str, message: Mapping[str, object]) -> None:
        number, given = message.get("id"), message.get("params")
        params = given if isinstance(given, dict) else {}
        result: dict[str, object] = {}
        match message.get("method"):
            case "tools/call":
                task = asyncio.get_running_loop().create_task(self._call(request_id, number, params))
                self._calls[number] = task
                task.add_done_callback(lambda _: self._calls.pop(number, None))
                return
            case "notifications/cancelled":
                if (running := self._calls.get(params.get("requestId"))) is not None:
                    running.cancel()
            case "initialize":
                result = handshake(params, DESKTOP)
            case "tools/list":
                result = {
                    "tools": [
                        {"name": tool.name, "description": tool.description, "inputSchema": tool.schema}
                        for tool in self._tools
                    ]
                }
        self._post(mcp_response(request_id, number, result))

    async def _call(self, request_id: str, number: object, params: Mapping[str, object]) -> None:
        arguments = params.get("arguments")
        try:
            outcome = await self._session.call(
                str(params.get("name")), arguments if isinstance(arguments, dict) else {}
            )
        except Exception as error:  # noqa: BLE001 # the top of this task: without an answer Claude Code would wait
            # Its text may hold what was on the screen.
            logger.error("cannot carry out an action on the desktop: %s", type(error).__name__)
            outcome = Outcome("Drawbridge could not carry this out.", is_error=True)
        self._post(mcp_response(request_id, number, _as_mcp(outcome)))


def _as_mcp(outcome: Outcome) -> dict[str, object]:
    content: list[dict[str, object]] = []
    if outcome.picture is not None:
        data = base64.b64encode(outcome.picture.data).decode()
        content.append({"type": "image", "data": data, "mimeType": outcome.picture.media_type})
    if outcome.text or not content:
        content.append({"type": "text", "text": outcome.text or "Done."})
    return {"content": content, **({"isError": True} if outcome.is_error else {})}
