"""Several definitions of one tool, and how changed definitions are named."""

from server.conversation.request import Tool
from server.dialects.common.tools.conversion import changes_in, function_tool, unique_tools

FIRST = Tool("look", "Looks.", '{"type": "object", "properties": {}}')


def test_the_same_definition_twice_is_one_tool() -> None:
    assert unique_tools([("tools[0]", FIRST), ("tools[1]", function_tool("look", "Looks.", {}, "x"))]) == (FIRST,)


def test_another_definition_of_a_name_has_no_effect_and_is_named() -> None:
    other = function_tool("look", "Looks elsewhere.", {}, "x")
    (tool,) = unique_tools([("tools[0]", FIRST), ("tools[1]", other), ("tools[2]", FIRST), ("tools[3]", other)])
    assert tool == FIRST
    assert list(changes_in([tool])) == ["tools[1]", "tools[3]"]


def test_many_changes_are_counted() -> None:
    parameters = {"properties": {f"p{number}": {"type": "blob"} for number in range(30)}}
    named = list(changes_in([function_tool("f", "", parameters, "tools[0].parameters")]))
    assert named[:2] == ["tools[0].parameters.properties.p0.type", "tools[0].parameters.properties.p1.type"]
    assert named[-1] == "20 more in tools"
    assert len(named) == 11


def test_long_places_leave_room_for_others() -> None:
    parameters = {"properties": {letter * 300: {"type": "blob"} for letter in "abcd"}}
    named = list(changes_in([function_tool("f", "", parameters, "tools[0].parameters")]))
    assert sum(map(len, named)) < 600
    assert named[-1].endswith("more in tools")
