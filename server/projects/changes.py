"""Adds, changes and removes projects as the page, the API and the command line ask for it, by the rules of folders."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from server.errors import DrawbridgeError, FolderRefused, InvalidRequest
from server.projects.fields import PARSERS, changed, checked_name
from server.projects.folders import checked_folder, is_within
from server.projects.made_folders import delete_folder, folder_in_root, unmake_folder
from server.projects.project import Project
from server.projects.store import ProjectStore

FIELDS = frozenset({"folder", *PARSERS})
"""What can be given of a project."""


async def add_project(store: ProjectStore, given: Mapping[str, object], *, in_root: bool = False) -> Project:
    """Adds the project that `given` describes. Raises `InvalidRequest`, `FolderRefused` or `NameTaken`.

    `in_root`: the folder must be in the user's folder for projects, and is made there if it is missing; without one
    it is named like the project.
    """
    project = changed(Project("", checked_name(given.get("name")), Path()), given)
    await store.check_name(project)
    rules, folder = store.rules(), given.get("folder")
    if in_root:
        place = project.name if folder is None else _text(folder)
        path, identity = await asyncio.to_thread(folder_in_root, place, rules)
        project = replace(project, folder=path, is_ours=identity != "", identity=identity)
    else:
        project = replace(project, folder=await asyncio.to_thread(checked_folder, _text(folder), rules))
    try:
        return await store.add(project)
    except DrawbridgeError:
        await asyncio.to_thread(unmake_folder, project)
        raise


async def change_project(store: ProjectStore, name_or_id: str, given: Mapping[str, object]) -> Project:
    """Changes what `given` names. Raises `NotFound`, `InvalidRequest`, `FolderRefused` or `NameTaken`."""
    project = changed(await store.named(name_or_id), given)
    if "folder" in given:
        folder = await asyncio.to_thread(checked_folder, _text(given["folder"]), store.rules())
        if folder != project.folder:
            project = replace(project, folder=folder, is_ours=False, identity="")
    return await store.change(project)


async def remove_project(store: ProjectStore, name_or_id: str, *, with_folder: bool = False) -> tuple[Project, bool]:
    """Removes the project, and returns it with whether its folder was deleted.

    `with_folder`: its folder is deleted too, which only one that Drawbridge made is. Raises `NotFound`; or
    `FolderRefused`, and then the project stays: it is also refused while another project is in that folder.
    """
    project = await store.named(name_or_id)
    if with_folder:
        others = [other for other in await store.listed() if other.id != project.id]
        await asyncio.to_thread(_check_unshared, project, others)
    is_deleted = with_folder and await asyncio.to_thread(delete_folder, project, store.rules())
    await store.remove(project)
    return project, is_deleted


async def problem_of(store: ProjectStore, project: Project) -> str:
    """Why the project's folder cannot be used now; empty if it can."""
    try:
        await store.check_folder(project)
    except InvalidRequest as error:
        return str(error)
    return ""


def _check_unshared(project: Project, others: Sequence[Project]) -> None:
    for other in others:
        if is_within(other.folder, project.folder):
            raise FolderRefused(
                f"The folder {str(project.folder)!r} is not deleted, because the project {other.name!r} is in it.",
                hint="Remove that project first, or this one without its folder.",
                param="delete_folder",
            )


def _text(folder: object) -> str:
    if not isinstance(folder, str):
        raise InvalidRequest("folder must be the path of a folder.", param="folder")
    return folder
