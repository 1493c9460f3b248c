"""`drawbridge projects`: the folders in which agents may work. A change applies to the next request of a server."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar  # Any: a command of click

import click

from server.commands.options import settings_options, settle
from server.commands.output import columns, note, say, table
from server.errors import InvalidRequest
from server.projects.changes import add_project, change_project, problem_of, remove_project
from server.projects.folders import FolderRules, rules_for
from server.projects.project import PERMISSIONS, Project
from server.projects.store import ProjectStore, projects_file

Command = TypeVar("Command", bound=Callable[..., Any])
T = TypeVar("T")

_MEANING = "read-only: reads and searches files; edit: also writes them; full: also runs commands."
_OFF = "Agents work there only while the setting 'agent_mode' is on."


def _project_options(command: Command) -> Command:
    """The options for what a project may do; None means not given."""
    for option in (
        click.option(
            "--computer-use/--no-computer-use",
            default=None,
            help="Claude may also use screen, pointer and keyboard, while you have started computer use in the menu.",
        ),
        click.option(
            "--mcp-servers",
            type=click.Path(dir_okay=False, path_type=Path),
            help="A file with Claude Code's mcpServers for this project, whose tools it allows.",
        ),
        click.option(
            "--claude-md/--no-claude-md",
            "reads_claude_md",
            default=None,
            help="Claude also follows the folder's CLAUDE.md.",
        ),
        click.option("--web/--no-web", default=None, help="Claude may also search the web and read pages."),
        click.option("--tools", help="Only these of the level's tools, as in Read,Grep. '*': all of them."),
        click.option("--permission", type=click.Choice(PERMISSIONS), help=_MEANING),
        click.option("--description", help="What it is, in a few words."),
    ):
        command = option(command)
    return _store_options(command)


def _store_options(command: Command) -> Command:
    return settings_options("data_dir", demo="Use the projects of the demo.")(command)


@click.group("projects", invoke_without_command=True)
@click.pass_context
def projects(context: click.Context) -> int | None:
    """Manage projects: folders in which Claude Code's own tools may work; without a command, list them."""
    return None if context.invoked_subcommand is not None else _list({}, as_json=False)


@projects.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one object a line, for programs.")
@_store_options
def list_projects(*, as_json: bool, **flags: object) -> int:
    """List the projects with their folders and permissions."""
    return _list(flags, as_json=as_json)


@projects.command("add")
@click.argument("name")
@click.argument("folder")
@click.option("--make", is_flag=True, help="Make the folder, which must be inside the setting 'projects_root'.")
@_project_options
def add(name: str, folder: str, *, make: bool, data_dir: object, demo: object, **given: Any) -> int:
    """Add the project NAME, which may use FOLDER. Without options Claude may only read there."""
    fields = {**_fields(given), "name": name, "folder": _place(folder)}
    project = _run({"data_dir": data_dir, "demo": demo}, lambda store: add_project(store, fields, in_root=make))
    say(_described(project))
    note(_OFF)
    return 0


@projects.command("show")
@click.argument("name")
@_store_options
def show(name: str, **flags: object) -> int:
    """Show the project NAME: its folder, and what Claude may do there."""

    async def ask(store: ProjectStore) -> tuple[Project, str]:
        project = await store.named(name)
        return project, await problem_of(store, project)

    project, problem = _run(flags, ask)
    say(_described(project))
    if problem:
        note(problem)
    return 0


@projects.command("set")
@click.argument("name")
@click.option("--name", "new_name", help="Another name.")
@click.option("--folder", help="Another folder.")
@_project_options
def set_project(
    name: str, *, new_name: str | None, folder: str | None, data_dir: object, demo: object, **given: Any
) -> int:
    """Change the project NAME. What no option names stays."""
    fields = _fields(given)
    if new_name is not None:
        fields["name"] = new_name
    if folder is not None:
        fields["folder"] = _place(folder)
    say(_described(_run({"data_dir": data_dir, "demo": demo}, lambda store: change_project(store, name, fields))))
    return 0


@projects.command("remove")
@click.argument("name")
@click.option("--delete-folder", is_flag=True, help="Delete its folder with all in it, too, if Drawbridge made it.")
@_store_options
def remove(name: str, *, delete_folder: bool, **flags: object) -> int:
    """Remove the project NAME from the list. Its folder stays."""
    project, is_deleted = _run(flags, lambda store: remove_project(store, name, with_folder=delete_folder))
    end = "was deleted" if is_deleted else "was gone already" if delete_folder else "stays as it is"
    note(f"The project {project.name} is removed. Its folder {project.folder} {end}.")
    return 0


def _place(folder: str) -> str:
    """The path as it is meant here; `~` is the rules' business."""
    return folder if folder.startswith("~") else str(Path.cwd() / folder)


def _fields(given: dict[str, Any]) -> dict[str, object]:
    fields = {name: value for name, value in given.items() if value is not None}
    if isinstance(tools := fields.pop("tools", None), str):
        fields["allowed_tools"] = [] if tools == "*" else [tool.strip() for tool in tools.split(",") if tool.strip()]
    if isinstance(file := fields.pop("mcp_servers", None), Path):
        try:
            fields["mcp_servers"] = file.read_text("utf-8")
        except (OSError, ValueError) as error:
            raise InvalidRequest(f"The file {str(file)!r} cannot be read: {error}.") from error
    return fields


def _run(flags: dict[str, object], work: Callable[[ProjectStore], Awaitable[T]]) -> T:
    """The result of `work` on the projects of this computer, whether or not a server runs."""
    settled = settle(flags, unprefixed=False)

    def rules() -> FolderRules:
        return rules_for(settled.folders, settled.config.projects_root, os.environ)

    store = ProjectStore(projects_file(settled.folders.data, is_demo=settled.config.demo), rules=rules)

    async def ask() -> T:
        return await work(store)

    try:
        return asyncio.run(ask())
    finally:
        store.close()


def _list(flags: dict[str, object], *, as_json: bool) -> int:
    async def ask(store: ProjectStore) -> list[tuple[Project, str]]:
        return [(project, await problem_of(store, project)) for project in await store.listed()]

    found = _run(flags, ask)
    if as_json:
        for project, problem in found:
            say(json.dumps(_as_json(project, problem), ensure_ascii=False))
    elif found:
        rows = [
            (one.name, one.permission, "yes" if one.web else "no", str(one.folder), "not usable" if problem else "")
            for one, problem in found
        ]
        say(columns((("NAME", "PERMISSION", "WEB", "FOLDER", ""), *rows)))
    else:
        note("There is no project. 'drawbridge projects add NAME FOLDER' adds one.")
    return 0


def _as_json(project: Project, problem: str) -> dict[str, object]:
    return {
        "id": project.id,
        "name": project.name,
        "description": project.description,
        "folder": str(project.folder),
        "permission": project.permission,
        "tools": list(project.tools),
        "web": project.web,
        "reads_claude_md": project.reads_claude_md,
        "mcp_servers": json.loads(project.mcp_servers or "{}"),
        "computer_use": project.computer_use,
        "problem": problem or None,
    }


def _described(project: Project) -> str:
    added = datetime.fromtimestamp(project.created_at).astimezone().strftime("%Y-%m-%d %H:%M")
    rows = [
        ("name", project.name),
        ("id", project.id),
        ("description", project.description),
        ("folder", str(project.folder)),
        ("permission", project.permission),
        ("tools", ", ".join(project.tools)),
        ("CLAUDE.md", "read" if project.reads_claude_md else "ignored"),
        ("MCP servers", ", ".join(json.loads(project.mcp_servers or "{}"))),
        ("computer use", "on" if project.computer_use else "off"),
        ("remote keys", str(len(project.remote_keys)) if project.remote_keys else ""),
        ("added", added),
    ]
    return table([(name, _inert(value)) for name, value in rows])


def _inert(text: str) -> str:
    """Without control characters, which a terminal would obey."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
