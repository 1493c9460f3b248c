"""The list of Claude Code's own tools, as claude-code-openai-wrapper has it: which there are, and what allows them."""

from fastapi import APIRouter, Request, Response

from server.projects.project import PERMISSIONS, TOOLS, WEB_TOOLS
from server.web.access.policy import access_of
from server.web.openapi.tools import LISTED
from server.web.replies import JsonReply

_NOTE = (
    "Chat requests have the tools that they bring. Claude Code's own tools work only in a project;"
    " 'enable_tools' alone does not allow them."
)
_WHAT = {
    "Read": "Reads a file",
    "Glob": "Finds files by their names",
    "Grep": "Searches files for a text",
    "Write": "Writes a file",
    "Edit": "Changes a part of a file",
    "Bash": "Runs a command",
    "WebFetch": "Reads a web page",
    "WebSearch": "Searches the web",
}


def tools_router() -> APIRouter:
    """The route of the list."""
    router = APIRouter(tags=["Projects"])

    @router.get("/v1/tools", summary="List Claude Code's own tools", responses=LISTED)
    async def list_tools(request: Request) -> Response:
        """Lists Claude Code's own tools, and the permission that a project needs for each."""
        access_of(request)
        return JsonReply(tools_json())

    return router


def tools_json() -> dict[str, object]:
    """The tools as JSON."""
    rows = [
        {
            "id": tool,
            "object": "tool",
            "name": tool,
            "description": _WHAT[tool],
            "permission": "web" if tool in WEB_TOOLS else next(one for one in PERMISSIONS if tool in TOOLS[one]),
            "is_default_enabled": False,
        }
        for tool in (*TOOLS["full"], *WEB_TOOLS)
    ]
    return {"object": "list", "data": rows, "tools": rows, "total": len(rows), "note": _NOTE}
