"""What /docs shows of projects."""

from typing import Any  # OpenAPI documents are foreign JSON; FastAPI takes them as dict[str, Any]

from server.errors import FolderRefused, InvalidRequest, NotFound, ProjectsDenied
from server.projects.fields import ALL_TOOLS, LONGEST_DESCRIPTION, LONGEST_NAME
from server.web.openapi.error_examples import ACCESS, PROJECTS, Responses, error_responses
from server.web.openapi.examples import json_response

PROJECT_ID = "proj-4be1c2a90d17"
_PROJECT = {
    "id": PROJECT_ID,
    "object": "project",
    "name": "shop",
    "description": "The web shop",
    "path": "/home/me/projects/shop",
    "folder": "/home/me/projects/shop",
    "permission": "edit",
    "tools": ["Read", "Glob", "Grep", "Write", "Edit"],
    "web": False,
    "reads_claude_md": True,
    "mcp_servers": [],
    "computer_use": False,
    "is_active": True,
    "problem": None,
    "created_at": "2026-11-29T12:00:00Z",
    "updated_at": "2026-11-29T12:00:00Z",
}
_PAGE = {"page": 1, "per_page": 20, "total_items": 1, "total_pages": 1, "has_next": False, "has_prev": False}
_USE = (*ACCESS, *PROJECTS[:1], *PROJECTS[2:])
_MISSING = NotFound("There is no project 'shop'.")
_CHANGE = ProjectsDenied(
    "Apps may not add or remove projects.",
    hint="Allow it with the setting projects_by_api (DRAWBRIDGE_PROJECTS_BY_API).",
)
LISTED: Responses = {
    200: json_response("The projects", {"object": "list", "data": [_PROJECT], "pagination": _PAGE}),
    **error_responses((*_USE, InvalidRequest("per_page must be an integer from 1 to 100.", param="per_page"))),
}
ONE: Responses = {200: json_response("The project", _PROJECT), **error_responses((*_USE, _MISSING))}
ADDED: Responses = {
    200: json_response("The new project", _PROJECT),
    **error_responses(
        (
            *_USE,
            _CHANGE,
            PROJECTS[1],
            InvalidRequest("permission must be one of read-only, edit, full.", param="permission"),
            FolderRefused("The folder '/etc' is not inside '/home/me/projects'.", param="folder"),
        )
    ),
}
REMOVED: Responses = {
    200: json_response(
        "It is removed",
        {
            "id": PROJECT_ID,
            "object": "project",
            "deleted": True,
            "project_id": PROJECT_ID,
            "status": "deleted",
            "folder_deleted": False,
        },
    ),
    **error_responses((*_USE, _CHANGE, _MISSING)),
}
ADD_EXTRA: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["name"],
                    "properties": {
                        "name": {"type": "string", "minLength": 1, "maxLength": LONGEST_NAME},
                        "description": {"type": ["string", "null"], "maxLength": LONGEST_DESCRIPTION},
                        "path": {
                            "type": ["string", "null"],
                            "description": "A folder in the user's folder for projects; by default one named like the "
                            "project. It is made if it is missing. `folder` is the same.",
                        },
                        "permission": {"type": "string", "enum": ["read-only", "edit"], "default": "read-only"},
                        "allowed_tools": {"type": "array", "items": {"type": "string", "enum": list(ALL_TOOLS)}},
                        "reads_claude_md": {"type": "boolean", "default": False},
                    },
                },
                "examples": {
                    "project": {
                        "summary": "A project with a folder of its own",
                        "value": {"name": "shop", "description": "The web shop", "permission": "edit"},
                    }
                },
            }
        },
    }
}
DELETE_EXTRA: dict[str, Any] = {
    "parameters": [
        {
            "name": "delete_folder",
            "in": "query",
            "schema": {"type": "boolean", "default": False},
            "description": "Also delete the folder with all in it, if Drawbridge made it and it is still the same one.",
        }
    ]
}
