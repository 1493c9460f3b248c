"""What /docs shows of the list of Claude Code's own tools."""

from server.web.openapi.error_examples import ACCESS, Responses, error_responses
from server.web.openapi.examples import json_response

_TOOL = {
    "id": "Read",
    "object": "tool",
    "name": "Read",
    "description": "Reads a file",
    "permission": "read-only",
    "is_default_enabled": False,
}
LISTED: Responses = {
    200: json_response(
        "The tools",
        {"object": "list", "data": [_TOOL], "tools": [_TOOL], "total": 1, "note": "They work only in a project."},
    ),
    **error_responses(ACCESS),
}
