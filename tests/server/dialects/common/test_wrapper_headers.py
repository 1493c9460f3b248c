import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.conversation.parts import Message, Text
from server.conversation.request import ModelRequest, ModelSettings, Work
from server.dialects.common.wrapper_headers import (
    ALLOWED,
    DISALLOWED,
    HEADERS,
    MODE,
    THINKING,
    TURNS,
    with_tools_switch,
    with_wrapper_headers,
    wrapper_headers,
)
from server.errors import InvalidRequest
from server.projects.project import DESKTOP_ONLY, PERMISSIONS, TOOLS, WEB_TOOLS, Permission, Project

REQUEST = ModelRequest(
    (Message("user", (Text("hi"),)),), settings=ModelSettings(shows_thinking=True), ignored=("seed",)
)


def test_a_request_without_the_headers_is_unchanged() -> None:
    assert with_wrapper_headers(REQUEST, {"x-claude-code-session-id": "a", "user-agent": "b"}) is REQUEST
    assert with_wrapper_headers(REQUEST, dict.fromkeys(HEADERS, " ")) is REQUEST


def test_a_budget_of_zero_switches_thinking_off() -> None:
    request = with_wrapper_headers(REQUEST, {THINKING: "0"})
    assert not request.settings.thinks
    assert not request.settings.shows_thinking
    assert request.ignored == ("seed",)


@pytest.mark.parametrize("value", ["1", "8000", "lots", "-1"])
def test_another_budget_is_named_as_ignored(value: str) -> None:
    request = with_wrapper_headers(REQUEST, {THINKING: value})
    assert request.settings == REQUEST.settings
    assert request.ignored == ("seed", THINKING)


@given(st.sets(st.sampled_from([name for name in HEADERS if name != THINKING])))
def test_every_other_header_is_named_in_a_chat(names: set[str]) -> None:
    request = with_wrapper_headers(REQUEST, dict.fromkeys(names, "bypassPermissions"))
    assert set(request.ignored) == {"seed", *names}
    assert request.settings == REQUEST.settings


EDIT = ("Read", "Glob", "Grep", "Write", "Edit")


@pytest.mark.parametrize(
    ("permission", "headers", "tools", "ignored"),
    [
        ("full", {ALLOWED: "Read, Bash,"}, ("Read", "Bash"), ()),
        ("read-only", {ALLOWED: "Bash,Read"}, ("Read",), (f"{ALLOWED}.Bash",)),
        ("full", {ALLOWED: "Bash(git:*),Grep,Task"}, ("Grep",), ()),
        ("full", {DISALLOWED: "Bash(rm:*), Task"}, EDIT, ()),
        ("edit", {DISALLOWED: "Bash"}, EDIT, ()),
        ("edit", {ALLOWED: "Read,Write", DISALLOWED: "Write"}, ("Read",), ()),
        # As Claude Code reads lists: with spaces, and with rules that contain commas or spaces.
        ("full", {DISALLOWED: "bash"}, EDIT, ()),
        ("full", {DISALLOWED: "Bash(git log:*, x) WRITE"}, ("Read", "Glob", "Grep", "Edit"), ()),
        ("full", {ALLOWED: "read bash(ls,a) GREP"}, ("Read", "Grep"), ()),
        ("read-only", {ALLOWED: "bash,read"}, ("Read",), (f"{ALLOWED}.Bash",)),
        ("full", {DISALLOWED: "B*,G*"}, ("Read", "Write", "Edit"), ()),
        ("full", {MODE: "plan"}, EDIT[:3], ()),
        ("full", {MODE: "acceptEdits"}, EDIT, ()),
        ("full", {MODE: "default"}, (*EDIT, "Bash"), ()),
        ("read-only", {MODE: "default"}, EDIT[:3], ()),
        ("read-only", {MODE: "acceptEdits"}, EDIT[:3], (MODE,)),
        ("edit", {MODE: "bypassPermissions"}, EDIT, (MODE,)),
        ("edit", {MODE: "full"}, EDIT, (MODE,)),
        ("full", {MODE: "plan", ALLOWED: "Read,Write,WebFetch"}, ("Read",), (f"{ALLOWED}.WebFetch",)),
        ("edit", {TURNS: "many"}, EDIT, (TURNS,)),
    ],
)
def test_headers_narrow_a_project_and_never_widen_it(
    permission: Permission, headers: dict[str, str], tools: tuple[str, ...], ignored: tuple[str, ...]
) -> None:
    request = with_wrapper_headers(working(Project("1", "shop", Path("/shop"), permission)), headers)
    assert request.work is not None
    assert request.work.project.tools == tools
    assert PERMISSIONS.index(request.work.project.permission) <= PERMISSIONS.index(permission)
    assert request.ignored == ("seed", *ignored)


@pytest.mark.parametrize(
    "headers",
    [
        {ALLOWED: "Bash"},
        {ALLOWED: "nothing"},
        {DISALLOWED: "Read,Glob,Grep"},
        {ALLOWED: "Read(a.py)"},
        {DISALLOWED: "*"},
    ],
)
def test_headers_that_leave_no_tool_are_refused(headers: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest, match="leave no tool of the project 'shop'"):
        with_wrapper_headers(working(Project("1", "shop", Path("/shop"))), headers)
    # A project for commands only has none that reads.
    with pytest.raises(InvalidRequest):
        with_wrapper_headers(working(Project("1", "s", Path("/s"), "full", ("Bash",))), {MODE: "plan"})


def test_a_list_in_several_headers_is_one() -> None:
    sent = [(DISALLOWED, "Bash"), ("x", "y"), (MODE, "plan"), (DISALLOWED, "Read"), (MODE, "default")]
    assert wrapper_headers(sent) == {DISALLOWED: "Bash,Read", MODE: "plan"}


SERVERS = '{"files": {"command": "x"}, "web": {"url": "y"}}'


@pytest.mark.parametrize(
    ("headers", "servers", "uses_desktop"),
    [
        ({MODE: "default"}, ["files", "web"], True),
        ({MODE: "acceptEdits", TURNS: "5"}, ["files", "web"], True),
        ({MODE: "plan"}, [], False),
        ({ALLOWED: "Read,mcp__files,mcp__web__get"}, ["files"], False),
        ({ALLOWED: "mcp__files"}, ["files"], False),
        ({DISALLOWED: "mcp__files"}, ["web"], True),
        ({DISALLOWED: "mcp__files__read,mcp__we"}, ["web"], True),
        ({DISALLOWED: "mcp__web2"}, ["files", "web"], True),
        ({DISALLOWED: "MCP__Files__read mcp__f"}, ["web"], True),
        ({DISALLOWED: "mcp__files__*"}, ["web"], True),
        ({DISALLOWED: "mcp__*"}, [], True),
    ],
)
def test_headers_narrow_servers_and_the_desktop_too(
    headers: dict[str, str], servers: list[str], uses_desktop: bool
) -> None:
    request = working(Project("1", "shop", Path("/shop"), mcp_servers=SERVERS), uses_desktop=True)
    work = with_wrapper_headers(request, headers).work
    assert work is not None
    assert (list(json.loads(work.project.mcp_servers or "{}")), work.uses_desktop) == (servers, uses_desktop)
    # Without a tool of its own it has none, which is not the same as all of them.
    assert work.project.tools == (() if headers == {ALLOWED: "mcp__files"} else work.project.tools)
    assert set(work.project.tools) <= set(EDIT[:3])


def test_the_desktop_alone_stays_as_it_is_unless_it_is_taken_away() -> None:
    request = working(DESKTOP_ONLY, uses_desktop=True)
    work = with_wrapper_headers(request, {MODE: "default", DISALLOWED: "Bash", TURNS: "3"}).work
    assert work is not None
    assert (work.project is DESKTOP_ONLY, work.uses_desktop) == (True, True)
    with pytest.raises(InvalidRequest, match="leave no tool"):
        with_wrapper_headers(request, {MODE: "plan"})


_lists = st.lists(st.sampled_from((*TOOLS["full"], *WEB_TOOLS, "Task", "Bash(git:*)"))).map(",".join)


@given(
    st.sampled_from(PERMISSIONS),
    st.booleans(),
    st.sets(st.sampled_from(TOOLS["full"])),
    st.fixed_dictionaries(
        {},
        optional={
            ALLOWED: _lists,
            DISALLOWED: _lists,
            MODE: st.sampled_from(("plan", "acceptEdits", "default", "bypassPermissions", "dontAsk")),
        },
    ),
)
def test_whatever_is_sent_a_project_gets_no_more(
    permission: Permission, web: bool, allowed: set[str], headers: dict[str, str]
) -> None:
    project = Project("1", "shop", Path("/shop"), permission, tuple(allowed), web)
    try:
        request = with_wrapper_headers(working(project), headers)
    except InvalidRequest:
        return
    assert request.work is not None
    assert request.work.turns is None
    after = request.work.project
    assert set(after.tools) <= set(project.tools)
    assert PERMISSIONS.index(after.permission) <= PERMISSIONS.index(permission)
    assert replace(after, permission=permission, allowed_tools=project.allowed_tools) == project


@pytest.mark.parametrize(
    ("has_project", "value", "named"),
    [
        (False, True, ("enable_tools (needs a project)",)),
        (False, False, ()),
        (True, True, ()),
        (True, False, ("enable_tools (the project has tools)",)),
        (False, "yes", ("enable_tools",)),
    ],
)
def test_the_switch_for_tools_is_named_where_it_has_no_effect(
    has_project: bool, value: object, named: tuple[str, ...]
) -> None:
    request = working(Project("1", "shop", Path("/shop"))) if has_project else REQUEST
    request = replace(request, ignored=("enable_tools", "seed"))
    assert {*with_tools_switch(request, value).ignored} == {"seed", *named}
    assert with_tools_switch(REQUEST, value) is REQUEST


def working(project: Project, *, uses_desktop: bool = False) -> ModelRequest:
    return replace(REQUEST, work=Work(project, session="s", uses_desktop=uses_desktop))


@pytest.mark.parametrize(
    ("header", "turns"), [("5", 5), ("0", None), ("-1", None), ("1e3", None), ("9" * 12, None), ("\u0663", None)]
)
def test_the_number_of_turns_is_a_limit_of_an_agent(header: str, turns: int | None) -> None:
    request = with_wrapper_headers(working(Project("1", "shop", Path("/shop"))), {TURNS: header})
    assert request.work is not None
    assert request.work.turns == turns
    assert (TURNS in request.ignored) is (turns is None)
    assert with_wrapper_headers(REQUEST, {TURNS: header}).ignored == ("seed", TURNS)
