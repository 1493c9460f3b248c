"""A project's fields as the dashboard, the API and the command line give them."""

import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import replace

from server.errors import InvalidRequest
from server.projects.project import PERMISSIONS, TOOLS, WEB_TOOLS, Permission, Project, is_id

LONGEST_NAME, LONGEST_DESCRIPTION = 40, 500
_LONGEST_MCP = 100_000
_MOST_KEYS = 100
_SERVER_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
# Through which the client's tools and those for the desktop reach Claude.
_OUR_SERVERS = frozenset({"client", "desktop"})
_FORBIDDEN = frozenset("/\\@")
ALL_TOOLS = (*TOOLS["full"], *WEB_TOOLS)


def changed(project: Project, given: Mapping[str, object]) -> Project:
    """`project` with the fields that `given` names; others are ignored. Raises `InvalidRequest`.

    The folder is none of them: it has rules of its own.
    """
    found = {name: parse(given[name], name) for name, parse in PARSERS.items() if name in given}
    after = replace(project, **found)  # type: ignore[arg-type] # each parser gives its field's type
    _check_tools(after)
    return after


def checked_name(name: object, field: str = "name") -> str:
    """A project's name without white space around it. Raises `InvalidRequest`."""
    text = unicodedata.normalize("NFC", name).strip() if isinstance(name, str) else ""
    is_long = not 0 < len(text) <= LONGEST_NAME
    # It is part of URLs and of names of models such as sonnet@shop.
    if is_long or not text.isprintable() or not text.strip(".") or _FORBIDDEN & set(text) or is_id(text):
        raise InvalidRequest(
            f"{field} must be a name of 1 to {LONGEST_NAME} printable characters without / \\ @, as in shop.",
            param=field,
        )
    return text


def _description(value: object, field: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > LONGEST_DESCRIPTION:
        raise InvalidRequest(f"{field} must be a text of at most {LONGEST_DESCRIPTION} characters.", param=field)
    return value.strip()


def _permission(value: object, field: str) -> Permission:
    for level in PERMISSIONS:
        if value == level:
            return level
    raise InvalidRequest(f"{field} must be one of {', '.join(PERMISSIONS)}.", param=field)


def _tools(value: object, field: str) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or any(one not in ALL_TOOLS for one in value):
        raise InvalidRequest(f"{field} must be an array with some of {', '.join(ALL_TOOLS)}.", param=field)
    return tuple(tool for tool in ALL_TOOLS if tool in value)


def _check_tools(project: Project) -> None:
    level = TOOLS[project.permission] + (WEB_TOOLS if project.web else ())
    for tool in project.allowed_tools:
        if tool not in level:
            where = "web is off" if tool in WEB_TOOLS else f"the permission {project.permission!r} does not have it"
            raise InvalidRequest(f"allowed_tools cannot have {tool}: {where}.", param="allowed_tools")


def _switch(value: object, field: str) -> bool:
    if not isinstance(value, bool):
        raise InvalidRequest(f"{field} must be a boolean.", param=field)
    return value


def _keys(value: object, field: str) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or len(value) > _MOST_KEYS:
        raise InvalidRequest(f"{field} must be an array of at most {_MOST_KEYS} ids of keys.", param=field)
    if not all(isinstance(one, str) and 0 < len(one) <= LONGEST_NAME for one in value):
        raise InvalidRequest(f"{field} must be an array of ids of keys.", param=field)
    return tuple(dict.fromkeys(value))


def _mcp_servers(value: object, field: str) -> str:
    """Takes the object, its text, or the whole of Claude Code's file with `mcpServers` in it."""
    if isinstance(value, str):
        if not value.strip():
            return ""
        try:
            value = json.loads(value) if len(value) <= _LONGEST_MCP else None
        except (ValueError, RecursionError) as error:
            raise InvalidRequest(f"{field} is not JSON: {error}.", param=field) from error
    if isinstance(value, dict) and set(value) == {"mcpServers"}:
        value = value["mcpServers"]
    if not isinstance(value, dict):
        raise InvalidRequest(f"{field} must be a JSON object with Claude Code's mcpServers.", param=field)
    for name, server in value.items():
        if not _SERVER_NAME.fullmatch(name):
            raise InvalidRequest(f"{field}: {name[:80]!r} is no name of an MCP server.", param=field)
        if name.casefold() in _OUR_SERVERS:
            raise InvalidRequest(f"{field}: {name!r} is Drawbridge's own server; give yours another name.", param=field)
        if not isinstance(server, dict) or not any(isinstance(server.get(key), str) for key in ("command", "url")):
            raise InvalidRequest(f"{field}.{name} must be an object with a command or a url.", param=field)
    text = json.dumps(value, ensure_ascii=False)
    if len(text) > _LONGEST_MCP:
        raise InvalidRequest(f"{field} must have at most {_LONGEST_MCP} characters.", param=field)
    return text if value else ""


PARSERS: Mapping[str, Callable[[object, str], object]] = {
    "name": checked_name,
    "description": _description,
    "permission": _permission,
    "allowed_tools": _tools,
    "web": _switch,
    "reads_claude_md": _switch,
    "mcp_servers": _mcp_servers,
    "computer_use": _switch,
    "remote_keys": _keys,
}
