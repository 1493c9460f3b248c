"""The frames of an MCP server that lives in this process: Claude Code reaches it by control requests."""

from collections.abc import Mapping

from server.claude.protocol.frames import Frame


def handshake(params: Mapping[str, object], name: str) -> dict[str, object]:
    """The result of `initialize` for the server `name`, which has tools."""
    return {
        "protocolVersion": params.get("protocolVersion"),
        "capabilities": {"tools": {"listChanged": True}},
        "serverInfo": {"name": name, "version": "1"},
    }


def mcp_response(request_id: str, number: object, result: Mapping[str, object]) -> Frame:
    """The frame with the result of the MCP request `number`, which came in the control request `request_id`."""
    answer = {"jsonrpc": "2.0", **({} if number is None else {"id": number}), "result": result}
    response = {"subtype": "success", "request_id": request_id, "response": {"mcp_response": answer}}
    return {"type": "control_response", "response": response}
