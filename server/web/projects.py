"""Which requests may see and change projects, and a project as JSON.

Projects are the user's, whichever key asks. On this computer a request without an app's own key sees all of them, and
an app's key those that it may use. From other devices a key sees only projects that the user gave it by hand.
"""

import json
from datetime import UTC, datetime

from server.config import Config
from server.errors import ProjectsDenied
from server.projects.project import Project
from server.web.access.policy import Access

# What only the user may give: each runs programs or reaches what is outside of the folder.
BY_HAND = ("mcp_servers", "computer_use", "remote_keys", "web")
_ON_PAGE = "Only you can give it, in the section Projects of Drawbridge's dashboard or with 'drawbridge projects'."


def may_see(access: Access, project: Project) -> bool:
    """Whether the request may see and name the project. Raises `ProjectsDenied` if its key may use none."""
    key = access.key
    if key is not None and not (key.rights.agent or key.rights.projects):
        raise ProjectsDenied(
            f"The access key '{key.name}' may not use projects.",
            hint=f"Allow agent mode for it in the section Keys of Drawbridge's dashboard, or with "
            f"'drawbridge keys set \"{key.name}\" --agent'.",
        )
    if access.policy.name == "local":
        return True
    return key is not None and key.id in project.remote_keys


def check_may_change(access: Access, config: Config) -> None:
    """Raises `ProjectsDenied`, saying where to allow it, unless the request may add and remove projects."""
    key = access.key
    if access.policy.name != "local":
        raise ProjectsDenied(
            "Projects can be added and removed only from the computer on which Drawbridge runs.",
            hint="Use the dashboard or 'drawbridge projects' there.",
        )
    if key is not None and not key.rights.projects:
        raise ProjectsDenied(
            f"The access key '{key.name}' may not add or remove projects.",
            hint=f"Allow it in the section Keys of Drawbridge's dashboard, or with "
            f"'drawbridge keys set \"{key.name}\" --projects'.",
        )
    if key is None and not config.projects_by_api:
        raise ProjectsDenied(
            "Apps may not add or remove projects.",
            hint="Do it in the section Projects of Drawbridge's dashboard or with 'drawbridge projects', or allow it "
            "with the setting projects_by_api (DRAWBRIDGE_PROJECTS_BY_API).",
        )


def check_given(given: dict[str, object]) -> None:
    """Raises `ProjectsDenied` for what an app may not give a project."""
    if given.get("permission") == "full":
        raise ProjectsDenied("An app may not give the permission 'full'.", param="permission", hint=_ON_PAGE)
    for name in BY_HAND:
        if given.get(name):
            raise ProjectsDenied(f"An app may not give a project {name}.", param=name, hint=_ON_PAGE)


def project_json(project: Project, problem: str) -> dict[str, object]:
    """The project with the field names of claude-code-api, and ours. `problem`: why its folder cannot be used."""
    return {
        "id": project.id,
        "object": "project",
        "name": project.name,
        "description": project.description,
        "path": str(project.folder),
        "folder": str(project.folder),
        "permission": project.permission,
        "tools": list(project.tools),
        "web": project.web,
        "reads_claude_md": project.reads_claude_md,
        "mcp_servers": list(json.loads(project.mcp_servers or "{}")),
        "computer_use": project.computer_use,
        "is_active": not problem,
        "problem": problem or None,
        "created_at": _time(project.created_at),
        "updated_at": _time(project.changed_at),
    }


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
