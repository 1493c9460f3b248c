"""Keeps the user's projects in a file of the data folder, which the server and the commands open side by side.

Each question is answered from the file, so that a project which a command adds counts for the next request.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NoReturn, TypeVar

from server.errors import InvalidRequest, NotFound, ProjectsUnreadable
from server.projects import tables
from server.projects.folders import FolderRules, check_unchanged
from server.projects.project import Project, new_id
from server.storage.database import Database, NotStored

T = TypeVar("T")

MOST_PROJECTS = 500
# A disk that does not respond must not keep a request for long.
_PATIENCE_S = 5.0


class NameTaken(InvalidRequest):
    """Another project has the name."""


class ProjectStore:
    """The projects of the user, whichever key asks. Without a file all is kept in memory.

    `rules` returns the rules for folders under the settings in force. All other methods raise `ProjectsUnreadable` if
    the file cannot be read or written. `on_trouble` is called in another thread when `trouble` changes.
    """

    def __init__(
        self,
        file: Path | None = None,
        *,
        rules: Callable[[], FolderRules],
        on_trouble: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = Database(file, tables.MIGRATIONS, on_trouble=on_trouble)
        self._is_open = False
        self.rules = rules
        self._clock = clock

    @property
    def trouble(self) -> str | None:
        """Why projects can neither be read nor changed."""
        return self._database.trouble

    def close(self) -> None:
        """Closes the file."""
        self._database.close()

    async def find(self, name_or_id: str) -> Project | None:
        """The project with this id or name, in any case of its letters; None if there is none."""
        return await self._ask(lambda connection: tables.find(connection, name_or_id))

    async def named(self, name_or_id: str) -> Project:
        """The project with this id or name. Raises `NotFound`."""
        if (project := await self.find(name_or_id)) is None:
            raise unknown_project(name_or_id)
        return project

    async def listed(self) -> tuple[Project, ...]:
        """All projects in the order in which they were added."""
        return await self._ask(tables.listed)

    async def check_folder(self, project: Project) -> None:
        """Checks the project's folder again, as before it is used. Raises `FolderRefused`."""
        await asyncio.to_thread(check_unchanged, project.folder, self.rules())

    async def add(self, project: Project) -> Project:
        """Adds the project and returns it with its id and time. Raises `NameTaken`."""
        if len(await self.listed()) >= MOST_PROJECTS:
            raise InvalidRequest(f"There are {MOST_PROJECTS} projects already.", hint="Remove one first.")
        now = self._clock()
        added = replace(project, id=new_id(), created_at=now, changed_at=now)
        is_saved = await self._ask(lambda connection: tables.save(connection, added))
        return added if is_saved else _refuse(added)

    async def check_name(self, project: Project) -> None:
        """Raises `NameTaken` if another project has the name."""
        other = await self.find(project.name)
        if other is not None and other.id != project.id:
            _refuse(project)

    async def change(self, project: Project) -> Project:
        """Replaces the project with the id of `project`. Raises `NotFound` if there is none, or `NameTaken`."""

        def change(connection: sqlite3.Connection) -> bool | None:
            if tables.find(connection, project.id) is None:
                return None
            return tables.save(connection, after)

        after = replace(project, changed_at=self._clock())
        if (is_saved := await self._ask(change)) is None:
            raise unknown_project(project.id)
        return after if is_saved else _refuse(project)

    async def remove(self, project: Project) -> None:
        """Removes the project from the list; its folder stays. Raises `NotFound`."""
        if not await self._ask(lambda connection: tables.delete(connection, project.id)):
            raise unknown_project(project.id)

    async def _ask(self, what: Callable[[sqlite3.Connection], T]) -> T:
        if not self._is_open:
            self._is_open = True
            self._database.open()
        try:
            return await asyncio.wait_for(asyncio.wrap_future(self._database.call(what)), _PATIENCE_S)
        except NotStored as error:
            raise ProjectsUnreadable(f"The projects cannot be read or changed: {error}.") from error
        except TimeoutError as error:
            raise ProjectsUnreadable("The projects cannot be read or changed: the disk does not respond.") from error


def _refuse(project: Project) -> NoReturn:
    raise NameTaken(
        f"There is a project named {project.name!r} already.",
        param="name",
        hint="Choose another name, or change that one.",
    )


def unknown_project(name_or_id: str) -> NotFound:
    """The error for a name or id that no project has."""
    return NotFound(
        f"There is no project {name_or_id[:100]!r}.",
        hint="The section Projects of Drawbridge's dashboard and 'drawbridge projects' list the projects.",
    )


def projects_file(data: Path, *, is_demo: bool) -> Path:
    """The file of the projects in the data folder; the demo has its own."""
    return data / ("projects-demo.sqlite3" if is_demo else "projects.sqlite3")
