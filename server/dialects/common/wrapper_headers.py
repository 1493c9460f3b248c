"""The request headers of claude-code-openai-wrapper, and its field `enable_tools`, which clients of it still send.

They choose what Claude Code's own tools may do. Here the user decides that for a project, so a request can only narrow
it, and a chat has no such tools.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from server.conversation.request import ModelRequest, Work
from server.errors import InvalidRequest
from server.projects.narrowing import has_level, narrowed
from server.projects.project import TOOLS, WEB_TOOLS, Permission

TURNS = "x-claude-max-turns"
ALLOWED = "x-claude-allowed-tools"
DISALLOWED = "x-claude-disallowed-tools"
MODE = "x-claude-permission-mode"
THINKING = "x-claude-max-thinking-tokens"
HEADERS = (TURNS, ALLOWED, DISALLOWED, MODE, THINKING)
"""All of them."""
_LISTS = (ALLOWED, DISALLOWED)
SWITCH = "enable_tools"
_KNOWN = frozenset({*TOOLS["full"], *WEB_TOOLS})
_BY_CASE = {name.casefold(): name for name in _KNOWN}
# Commas or spaces stand between names, and may stand in the rule of a name, as in Bash(git log:*).
_NAME = re.compile(r"([^\s,(]+)(\([^)]*\)?)?")
# Claude Code's modes, in small letters, with what a project may do at most in them.
_LEVELS: Mapping[str, Permission] = {"plan": "read-only", "acceptedits": "edit"}


def wrapper_headers(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Those of `headers` that are of the wrapper. A list that is sent in several headers is one."""
    found: dict[str, str] = {}
    for name, value in headers:
        if name in _LISTS and name in found:
            found[name] += f",{value}"
        elif name in HEADERS:
            found.setdefault(name, value)
    return found


def with_wrapper_headers(request: ModelRequest, headers: Mapping[str, str]) -> ModelRequest:
    """`request` with what the headers ask for. What has no effect is named in `ignored`.

    A budget of 0 tokens switches thinking off; otherwise Claude itself decides how long it thinks. The other headers
    narrow what an agent may do. Raises `InvalidRequest` if they leave it nothing.
    """
    sent = {name: value for name in HEADERS if (value := headers.get(name, "").strip())}
    if not sent:
        return request
    settings, work = request.settings, request.work
    if sent.get(THINKING) == "0":
        del sent[THINKING]
        settings = replace(settings, thinks=False, shows_thinking=False)
    ignored = list(sent) if work is None else [name for name in sent if name == THINKING]
    if work is not None:
        work, more = _narrowed(work, sent)
        ignored += more
    return replace(request, settings=settings, work=work, ignored=(*request.ignored, *ignored))


def with_tools_switch(request: ModelRequest, value: object) -> ModelRequest:
    """`request` with `enable_tools` in `ignored` only where it has no effect, and why.

    Claude Code's own tools are on with a project, and off without one.
    """
    if SWITCH not in request.ignored or not isinstance(value, bool):
        return request
    why = " (needs a project)" if value else " (the project has tools)"
    named = [] if value is (request.work is not None) else [f"{SWITCH}{why}"]
    return replace(request, ignored=(*(name for name in request.ignored if name != SWITCH), *named))


def _narrowed(work: Work, sent: Mapping[str, str]) -> tuple[Work, list[str]]:
    """The work with fewer turns, tools and servers, and what of the headers would give it more, or is unknown."""
    project, ignored = work.project, []
    turns = _count(sent.get(TURNS, ""))
    if TURNS in sent and turns is None:
        ignored.append(TURNS)
    mode = sent.get(MODE, "").lower()
    level = _LEVELS.get(mode, project.permission)
    if not has_level(project, level) or (mode and mode not in {*_LEVELS, "default"}):
        ignored.append(MODE)
    only_reads = mode == "plan"
    allowed, refused = _names(sent.get(ALLOWED, "")), _names(sent.get(DISALLOWED, ""))
    ignored += [f"{ALLOWED}.{name}" for name in sorted(_KNOWN & set(allowed) - set(project.tools))]
    after = narrowed(project, level=level, allowed=allowed, refused=refused, only_reads=only_reads)
    # Pointer and keyboard have no names among these tools.
    work = replace(work, project=after, turns=turns, uses_desktop=work.uses_desktop and not only_reads and not allowed)
    if not (after.tools or after.mcp_servers or work.uses_desktop):
        names = ", ".join(name for name in (MODE, ALLOWED, DISALLOWED) if name in sent)
        raise InvalidRequest(
            f"{names} leave no tool of the project '{project.name}'.",
            hint=f"Without these headers it has {', '.join(project.tools) or 'the tools for the desktop'}.",
        )
    return work, ignored


def _count(header: str) -> int | None:
    """The number in a header; None if it is none above 0."""
    return int(header) if header.isascii() and header.isdigit() and len(header) < 10 and int(header) > 0 else None


def _names(header: str) -> list[str]:
    """The names in a list, as Claude Code reads it, with ours as they are written here."""
    found = (match.groups("") for match in _NAME.finditer(header))
    return [f"{_BY_CASE.get(name.casefold(), name)}{rule}" for name, rule in found]
