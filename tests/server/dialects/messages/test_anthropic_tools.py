"""Anthropic's own tools: those that the client runs are offered to Claude, the others are refused by name."""

import json
from typing import Any

import pytest

from server.config import Config
from server.conversation.request import ModelRequest
from server.dialects.base import ParseOptions
from server.dialects.messages.dialect import Messages
from server.errors import InvalidRequest
from tests.server.dialects.bodies import HI, LOOK, OWN, OWNER


def parsed(**fields: Any) -> ModelRequest:
    return Messages().parse({"messages": [HI], **fields}, OWNER, ParseOptions(Config(), "t", 0)).request


@pytest.mark.parametrize(
    ("kind", "name", "arguments"),
    [
        ("bash_20250124", "bash", {"command", "restart"}),
        ("text_editor_20250728", "str_replace_based_edit_tool", {"command", "path", "old_str", "insert_text"}),
        ("text_editor_20250124", "str_replace_editor", {"command", "path", "view_range"}),
        ("memory_20250818", "memory", {"command", "path", "new_path"}),
        ("computer_20250124", "computer", {"action", "coordinate", "scroll_direction"}),
    ],
)
def test_a_tool_that_the_client_runs_is_offered_with_its_arguments(kind: str, name: str, arguments: set[str]) -> None:
    size = {"display_width_px": 1024, "display_height_px": 768} if name == "computer" else {}
    request = parsed(tools=[{"type": kind, "name": name, **size}, OWN])
    tool, own = request.profile.tools
    assert (tool.name, own) == (name, LOOK)
    assert arguments <= set(json.loads(tool.schema)["properties"])
    assert ("1024 x 768" in tool.description) == (name == "computer")
    assert request.ignored == ()


@pytest.mark.parametrize(
    "kind", ["web_search_20250305", "web_fetch_20250910", "code_execution_20250825", "mcp_toolset", "something_new"]
)
def test_a_tool_that_anthropic_runs_is_refused_by_name(kind: str) -> None:
    with pytest.raises(InvalidRequest, match=f"'{kind}' is not available") as caught:
        parsed(tools=[OWN, {"type": kind, "name": "x"}])
    assert caught.value.param == "tools[1].type"


@pytest.mark.parametrize("field", ["mcp_servers", "container"])
def test_what_anthropic_runs_otherwise_is_refused_by_name(field: str) -> None:
    with pytest.raises(InvalidRequest, match=f"{field} is not available"):
        parsed(**{field: [{"type": "url", "url": "https://e.org"}]})
    assert parsed(**{field: None}).ignored == ()


def test_a_search_among_tools_is_left_out_because_all_are_offered() -> None:
    search = {"type": "tool_search_tool_regex_20251119", "name": "tool_search_tool_regex"}
    request = parsed(tools=[search, {**OWN, "defer_loading": True}])
    assert request.profile.tools == (LOOK,)
    assert request.ignored == ("tools[0] (tool_search_tool_regex_20251119)",)


def test_a_tool_of_such_a_type_with_a_schema_is_the_clients_own() -> None:
    (tool,) = parsed(tools=[{**OWN, "type": "bash_20250124"}]).profile.tools
    assert tool == LOOK
