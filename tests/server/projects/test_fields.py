"""A project's fields as they are given: what is taken, and what is named as wrong."""

import json
from pathlib import Path

import pytest

from server.errors import InvalidRequest
from server.projects.fields import changed, checked_name
from server.projects.project import Project

SHOP = Project("proj-0123456789ab", "shop", Path("/shop"))
MCP = {"files": {"command": "mcp-files", "args": ["."]}, "web": {"type": "http", "url": "https://example.org"}}


def test_what_is_not_given_stays() -> None:
    after = changed(SHOP, {"permission": "edit", "unknown": 1, "folder": "/other"})
    assert (after.permission, after.folder, after.name) == ("edit", SHOP.folder, "shop")
    assert changed(after, {"web": True}).permission == "edit"


def test_the_tools_are_those_of_the_level() -> None:
    after = changed(SHOP, {"permission": "full", "web": True, "allowed_tools": ["WebFetch", "Bash", "Read"]})
    assert after.tools == ("Read", "Bash", "WebFetch")


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"permission": "bypass"}, "permission"),
        ({"permission": None}, "permission"),
        ({"allowed_tools": ["Agent"]}, "allowed_tools"),
        ({"allowed_tools": "Read"}, "allowed_tools"),
        ({"allowed_tools": [["Read"]]}, "allowed_tools"),
        ({"allowed_tools": ["Write"]}, "allowed_tools"),
        ({"permission": "full", "allowed_tools": ["WebFetch"]}, "allowed_tools"),
        ({"web": 1}, "web"),
        ({"computer_use": "yes"}, "computer_use"),
        ({"reads_claude_md": None}, "reads_claude_md"),
        ({"remote_keys": [1]}, "remote_keys"),
        ({"remote_keys": [""]}, "remote_keys"),
        ({"description": "x" * 501}, "description"),
        ({"mcp_servers": "{"}, "mcp_servers"),
        ({"mcp_servers": "[" * 50_000}, "mcp_servers"),
        ({"mcp_servers": []}, "mcp_servers"),
        ({"mcp_servers": {"a b": {"command": "x"}}}, "mcp_servers"),
        ({"mcp_servers": {"a": {"comand": "x"}}}, "mcp_servers"),
        ({"mcp_servers": {"a": {"command": "x" * 100_000}}}, "mcp_servers"),
    ],
)
def test_what_is_wrong_is_named(given: dict[str, object], param: str) -> None:
    with pytest.raises(InvalidRequest, match=param) as refused:
        changed(SHOP, given)
    assert refused.value.param == param


@pytest.mark.parametrize("given", [MCP, json.dumps(MCP), {"mcpServers": MCP}, json.dumps({"mcpServers": MCP})])
def test_mcp_servers_are_taken_in_the_forms_that_people_paste(given: object) -> None:
    assert json.loads(changed(SHOP, {"mcp_servers": given}).mcp_servers) == MCP


@pytest.mark.parametrize("given", ["", "  ", {}, "{}"])
def test_no_mcp_servers_are_an_empty_text(given: object) -> None:
    assert changed(SHOP, {"mcp_servers": given}).mcp_servers == ""


@pytest.mark.parametrize(
    "name", ["", " ", ".", "..", "a/b", "a\\b", "a@b", "a\nb", "x" * 41, "proj-0123456789AB", 1, None, "a\u202eb"]
)
def test_a_name_that_could_be_mistaken_is_refused(name: object) -> None:
    with pytest.raises(InvalidRequest, match="name"):
        checked_name(name)


def test_a_name_has_no_white_space_around_it() -> None:
    assert checked_name("  my shop ") == "my shop"
