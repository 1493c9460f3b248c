"""What of a call's arguments can be written for Claude Code."""

import pytest

from server.claude.protocol.tool_arguments import object_from


@pytest.mark.parametrize(
    "arguments", ['{"a": 1e999}', '{"a": [-1e999]}', '{"a": NaN}', '{"a": ' + "[" * 5000, "[]", "{"]
)
def test_what_is_no_json_object_for_claude_code_is_none(arguments: str) -> None:
    assert object_from(arguments) is None


def test_numbers_that_fit_stay() -> None:
    assert object_from('{"a": 1e300, "b": 0.5}') == {"a": 1e300, "b": 0.5}
    assert object_from("") == {}
