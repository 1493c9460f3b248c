"""The projects of a running server, for the client library."""

from typing import TYPE_CHECKING, Any  # Any: JSON of the server
from urllib.parse import quote

if TYPE_CHECKING:
    from openai import AsyncOpenAI, OpenAI

_PATH = "/projects"
_PAGE = 100


class Projects:
    """The projects that the client's key may use. Failed requests raise the errors of the openai client."""

    def __init__(self, client: "OpenAI") -> None:
        self._client = client

    def list(self) -> list[dict[str, Any]]:
        """All projects."""
        projects: list[dict[str, Any]] = []
        page: int | None = 1
        while page is not None:
            reply: Any = self._client.get(_PATH, cast_to=object, options=_paged(page))
            projects += reply["data"]
            page = _next(reply)
        return projects

    def create(self, name: str, **fields: Any) -> dict[str, Any]:
        """Adds a project, where the user allowed that. `fields` as `path`, `permission` and `allowed_tools`."""
        return _object(self._client.post(_PATH, cast_to=object, body={"name": name, **fields}))

    def get(self, project: str) -> dict[str, Any]:
        """The project with this id or name."""
        return _object(self._client.get(_of(project), cast_to=object))

    def delete(self, project: str, *, folder: bool = False) -> None:
        """Removes the project from the list; `folder`: also its folder, if the server made it."""
        self._client.delete(_of(project), cast_to=object, options=_with_folder(folder))


class AsyncProjects:
    """As `Projects`, for asyncio."""

    def __init__(self, client: "AsyncOpenAI") -> None:
        self._client = client

    async def list(self) -> list[dict[str, Any]]:
        """All projects."""
        projects: list[dict[str, Any]] = []
        page: int | None = 1
        while page is not None:
            reply: Any = await self._client.get(_PATH, cast_to=object, options=_paged(page))
            projects += reply["data"]
            page = _next(reply)
        return projects

    async def create(self, name: str, **fields: Any) -> dict[str, Any]:
        """Adds a project, where the user allowed that. `fields` as `path`, `permission` and `allowed_tools`."""
        return _object(await self._client.post(_PATH, cast_to=object, body={"name": name, **fields}))

    async def get(self, project: str) -> dict[str, Any]:
        """The project with this id or name."""
        return _object(await self._client.get(_of(project), cast_to=object))

    async def delete(self, project: str, *, folder: bool = False) -> None:
        """Removes the project from the list; `folder`: also its folder, if the server made it."""
        await self._client.delete(_of(project), cast_to=object, options=_with_folder(folder))


def _of(project: str) -> str:
    return f"{_PATH}/{quote(project, safe='')}"


def _paged(page: int) -> Any:
    return {"params": {"page": page, "per_page": _PAGE}}


def _next(reply: Any) -> int | None:
    """The number of the next page; None after the last one."""
    pages: dict[str, Any] = reply.get("pagination") or {}
    return pages["page"] + 1 if pages.get("has_next") else None


def _with_folder(folder: bool) -> Any:  # noqa: FBT001 # for one caller
    return {"params": {"delete_folder": "true"}} if folder else {}


def _object(reply: Any) -> dict[str, Any]:
    return dict(reply)
