"""The projects as the dashboard shows and changes them. Everything may be given here: the user asks."""

import json
from collections.abc import Mapping

from fastapi import APIRouter, Request, Response

from server.errors import InvalidRequest, KeysUnreadable, NotFound
from server.keys.rights import LISTENER_NAMES
from server.projects.changes import FIELDS, add_project, change_project, problem_of, remove_project
from server.projects.project import PERMISSIONS, TOOLS, WEB_TOOLS, Project
from server.projects.store import ProjectStore
from server.web.control.admission import Admission
from server.web.control.parts import Parts
from server.web.interfaces import Engine
from server.web.json_body import json_body
from server.web.projects import project_json
from server.web.replies import JsonReply


def projects_control_router(admission: Admission, engine: Engine, parts: Parts) -> APIRouter:
    """The routes over the projects of `parts`."""
    router = APIRouter(prefix="/projects")

    @router.get("")
    async def show(request: Request) -> Response:
        admission.page(request)
        store = _store(parts)
        root = engine.config.projects_root
        return JsonReply(
            {
                "data": [await _row(store, project) for project in await store.listed()],
                "levels": [{"id": level, "tools": list(TOOLS[level])} for level in PERMISSIONS],
                "web_tools": list(WEB_TOOLS),
                "root": None if root is None else str(root),
                "keys": _keys(parts),
            }
        )

    @router.post("")
    async def add(request: Request) -> Response:
        admission.page(request)
        store, given = _store(parts), await _object(request, {"make"})
        _check_keys(given, parts)
        project = await add_project(store, given, in_root=given.get("make") is True)
        return JsonReply(await _row(store, project), status=201)

    @router.patch("/{project_id}")
    async def change(request: Request, project_id: str) -> Response:
        admission.page(request)
        store, given = _store(parts), await _object(request)
        _check_keys(given, parts)
        return JsonReply(await _row(store, await change_project(store, project_id, given)))

    @router.delete("/{project_id}")
    async def remove(request: Request, project_id: str) -> Response:
        admission.page(request)
        is_wanted = request.query_params.get("delete_folder") == "true"
        project, is_deleted = await remove_project(_store(parts), project_id, with_folder=is_wanted)
        return JsonReply({"id": project.id, "name": project.name, "folder_deleted": is_deleted})

    return router


def _store(parts: Parts) -> ProjectStore:
    if parts.projects is None:
        raise NotFound("This server has no projects.")
    return parts.projects


async def _object(request: Request, more: set[str] | None = None) -> Mapping[str, object]:
    """The body. Raises `InvalidRequest`, also for a field with another name than those of a project."""
    body = await json_body(request)
    if not isinstance(body, dict):
        raise InvalidRequest("The request body must be a JSON object.")
    for field in body:
        if field not in FIELDS | (more or set()):
            raise InvalidRequest(f"A project has no field {str(field)[:80]!r}.", param=str(field)[:80])
    return body


async def _row(store: ProjectStore, project: Project) -> dict[str, object]:
    return {
        **project_json(project, await problem_of(store, project)),
        "allowed_tools": list(project.allowed_tools),
        "mcp_servers": json.dumps(json.loads(project.mcp_servers), indent=2, ensure_ascii=False)
        if project.mcp_servers
        else "",
        "is_ours": project.is_ours,
        "remote_keys": list(project.remote_keys),
    }


def _keys(parts: Parts) -> list[dict[str, object]]:
    """The keys of apps that are accepted from elsewhere, which a project may be given to."""
    if parts.keys is None:
        return []
    rows: list[dict[str, object]] = []
    for key in parts.keys.listed():
        places = [LISTENER_NAMES[listener] for listener in key.rights.listeners if listener != "local"]
        if places:
            rows.append({"id": key.id, "name": key.name, "agent": key.rights.agent, "places": places})
    return rows


def _check_keys(given: Mapping[str, object], parts: Parts) -> None:
    wanted = given.get("remote_keys")
    if not isinstance(wanted, list) or not wanted:
        return
    if parts.keys is None or parts.keys.trouble is not None:
        raise KeysUnreadable("The keys of apps cannot be read, so no project can be given to one.")
    known = {key.id for key in parts.keys.listed()}
    for one in wanted:
        if one not in known:
            raise InvalidRequest(f"There is no key with the id {str(one)[:40]!r}.", param="remote_keys")
