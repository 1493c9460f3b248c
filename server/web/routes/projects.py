"""The routes of projects: list and read them; add and remove them, where the user allowed that."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from server.config import Config
from server.errors import InvalidRequest
from server.projects.changes import FIELDS, add_project, problem_of, remove_project
from server.projects.project import Project
from server.projects.store import ProjectStore, unknown_project
from server.web.access.policy import access_of
from server.web.json_body import json_body
from server.web.openapi.projects import ADD_EXTRA, ADDED, DELETE_EXTRA, LISTED, ONE, PROJECT_ID, REMOVED
from server.web.pagination import pagination
from server.web.projects import check_given, check_may_change, may_see, project_json
from server.web.replies import JsonReply, header_value

_MOST, _USUAL = 100, 20
_MOST_PAGE = 100_000
ProjectId = Annotated[str, Path(examples=[PROJECT_ID])]


def projects_router(store: ProjectStore, config: Callable[[], Config]) -> APIRouter:
    """The routes over `store` under the settings in force."""
    router = APIRouter(prefix="/v1/projects", tags=["Projects"])

    async def found(http: Request, name_or_id: str) -> Project:
        access = access_of(http)
        project = await store.named(name_or_id)
        if not may_see(access, project):
            raise unknown_project(name_or_id)
        return project

    @router.get("", summary="List the projects that you may use", responses=LISTED)
    async def list_projects(http: Request) -> Response:
        """Lists the projects that your key may use; `page` and `per_page` choose some of them."""
        page, size = _number(http, "page", 1, _MOST_PAGE), _number(http, "per_page", _USUAL, _MOST)
        access = access_of(http)
        seen = [project for project in await store.listed() if may_see(access, project)]
        shown = seen[(page - 1) * size : page * size]
        rows = [project_json(project, await problem_of(store, project)) for project in shown]
        return JsonReply({"object": "list", "data": rows, "pagination": pagination(page, size, len(seen))})

    @router.post("", summary="Add a project", responses=ADDED, openapi_extra=ADD_EXTRA)
    async def add(http: Request) -> Response:
        """Adds a project whose folder is in the user's folder for projects, if the user allowed that."""
        check_may_change(access_of(http), config())
        given, ignored = _given(await json_body(http))
        check_given(given)
        project = await add_project(store, given, in_root=True)
        headers = {"x-drawbridge-ignored": header_value(", ".join(ignored))} if ignored else {}
        return JsonReply(project_json(project, ""), headers=headers)

    @router.get("/{project_id}", summary="Read a project", responses=ONE)
    async def read(http: Request, project_id: ProjectId) -> Response:
        """Returns the project with this id or name."""
        project = await found(http, project_id)
        return JsonReply(project_json(project, await problem_of(store, project)))

    @router.delete("/{project_id}", summary="Remove a project", responses=REMOVED, openapi_extra=DELETE_EXTRA)
    async def remove(http: Request, project_id: ProjectId) -> Response:
        """Removes the project from the list, if the user allowed that. Its folder stays unless you ask otherwise."""
        check_may_change(access_of(http), config())
        project = await found(http, project_id)
        wish = http.query_params.get("delete_folder", "false")
        if wish not in {"true", "false"}:
            raise InvalidRequest("delete_folder must be true or false.", param="delete_folder")
        project, is_deleted = await remove_project(store, project.id, with_folder=wish == "true")
        row = {"id": project.id, "object": "project", "deleted": True, "project_id": project.id, "status": "deleted"}
        return JsonReply({**row, "folder_deleted": is_deleted})

    return router


def _given(body: object) -> tuple[dict[str, object], list[str]]:
    """The fields of the body by our names, and those that have no effect. Raises `InvalidRequest`."""
    if not isinstance(body, dict):
        raise InvalidRequest("The request body must be a JSON object.")
    aliases = {"path": "folder", "tools": "allowed_tools"}
    given: dict[str, object] = {}
    for key, value in body.items():
        name = str(key)
        field = aliases.get(name, name)
        if field in given:
            raise InvalidRequest(f"{name} is given twice, also as another name for it.", param=name)
        if value is not None:
            given[field] = value
    return {name: given[name] for name in given if name in FIELDS}, [name for name in given if name not in FIELDS]


def _number(http: Request, name: str, usual: int, most: int) -> int:
    text = http.query_params.get(name) or str(usual)
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= most):
        raise InvalidRequest(f"{name} must be an integer from 1 to {most}.", param=name)
    return int(text)
