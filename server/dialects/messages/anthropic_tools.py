"""Anthropic's own tools, which a request names by a type with a date: those that the client runs, and the others.

The client runs bash, the text editor, the memory and the computer. Claude Code cannot pass their types on, so Claude
gets them as ordinary tools with the arguments that Anthropic documents.
"""

import re
from collections.abc import Iterable, Mapping

from server.conversation.request import Tool
from server.dialects.messages import request_types as wire
from server.errors import InvalidRequest
from server.large_json import dumps

_DATED = re.compile(r"(?P<kind>[a-z_]+?)_\d{8}")
# All tools are offered at once, so there is nothing to search.
_NEEDLESS = re.compile(r"tool_search_tool_\w+")

_STRING, _INTEGER, _BOOLEAN = ({"type": kind} for kind in ("string", "integer", "boolean"))
_PAIR = {"type": "array", "items": _INTEGER, "minItems": 2, "maxItems": 2}
_EDITS = {
    "path": _STRING,
    "view_range": {**_PAIR, "description": "For view: the first and the last line, from 1; -1 is the end."},
    "file_text": {**_STRING, "description": "For create: the content."},
    "old_str": {**_STRING, "description": "For str_replace: the text to replace, which must occur once."},
    "new_str": {**_STRING, "description": "For str_replace: the new text."},
    "insert_line": {**_INTEGER, "description": "For insert: the line after which the text goes; 0 is the start."},
    "insert_text": {**_STRING, "description": "For insert: the text."},
}
_ACTIONS = (
    *("screenshot", "left_click", "right_click", "middle_click", "double_click", "triple_click", "mouse_move"),
    *("left_click_drag", "left_mouse_down", "left_mouse_up", "scroll", "type", "key", "hold_key", "wait", "zoom"),
    "cursor_position",
)


def _schema(required: str, **properties: object) -> str:
    return dumps({"type": "object", "properties": properties, "required": [required]})


def _commands(*names: str) -> dict[str, object]:
    return {"type": "string", "enum": list(names)}


_RUN_BY_CLIENT: Mapping[str, tuple[str, str]] = {
    "bash": (
        "Runs a command in a bash session that persists between calls. `restart` starts a new session.",
        dumps({"type": "object", "properties": {"command": _STRING, "restart": _BOOLEAN}}),
    ),
    "text_editor": (
        "Views, creates and edits files.",
        _schema("command", command=_commands("view", "create", "str_replace", "insert"), **_EDITS),
    ),
    "memory": (
        "Stores what must be remembered between conversations, as files below /memories. Look there first.",
        _schema(
            "command",
            command=_commands("view", "create", "str_replace", "insert", "delete", "rename"),
            **_EDITS,
            old_path={**_STRING, "description": "For rename."},
            new_path={**_STRING, "description": "For rename."},
        ),
    ),
    "computer": (
        "Uses the mouse and the keyboard of a computer, and takes screenshots of its display.",
        _schema(
            "action",
            action=_commands(*_ACTIONS),
            coordinate={**_PAIR, "description": "x and y in pixels from the top left."},
            start_coordinate={**_PAIR, "description": "For left_click_drag: where it begins."},
            text={**_STRING, "description": "For type: the text. For key and hold_key: the keys, such as ctrl+s."},
            scroll_direction=_commands("up", "down", "left", "right"),
            scroll_amount=_INTEGER,
            duration={"type": "number", "description": "For wait and hold_key: seconds."},
            region={**_PAIR, "minItems": 4, "maxItems": 4, "description": "For zoom: x0, y0, x1, y1."},
        ),
    ),
}


def client_tool(tool: wire.Tool) -> Tool | None:
    """Returns one of Anthropic's tools that the client runs; None if `tool` is no such tool."""
    kind = _kind(tool)
    if kind not in _RUN_BY_CLIENT or tool.name is None or tool.is_clients:
        return None
    description, schema = _RUN_BY_CLIENT[kind]
    if tool.display_width_px and tool.display_height_px:
        description += f" The display has {tool.display_width_px} x {tool.display_height_px} pixels."
    return Tool(tool.name, description, schema)


def refuse_server_tools(messages: wire.MessagesRequest) -> None:
    """Raises `InvalidRequest` for tools that Anthropic runs: the client would wait for results that cannot come."""
    for number, tool in enumerate(messages.tools or ()):
        if _is_run_elsewhere(tool):
            raise InvalidRequest(
                f"tools[{number}]: the tool '{tool.type}' is not available: Anthropic runs it, not the client.",
                param=f"tools[{number}].type",
                hint="Leave it out, or offer a tool of the client's own.",
            )
    for name in _given(messages, ("mcp_servers", "container")):
        raise InvalidRequest(
            f"{name} is not available: Anthropic runs it, not the client.", param=name, hint="Leave it out."
        )


def _is_run_elsewhere(tool: wire.Tool) -> bool:
    return not tool.is_clients and _kind(tool) not in _RUN_BY_CLIENT and not _NEEDLESS.fullmatch(tool.type)


def _kind(tool: wire.Tool) -> str:
    dated = _DATED.fullmatch(tool.type)
    return dated["kind"] if dated else ""


def _given(messages: wire.MessagesRequest, names: Iterable[str]) -> Iterable[str]:
    return (name for name in names if getattr(messages, name))
