"""Which arguments Claude Code accepts."""

import pytest

from server.claude.protocol.tool_arguments import object_from


@pytest.mark.parametrize(
    "arguments", ['{"a": 1e999}', '{"a": [-1e999]}', '{"a": NaN}', '{"a": ' + "[" * 5000, "[]", "{"]
)
def test_text_that_claude_code_takes_for_no_object_is_none(arguments: str) -> None:
    assert object_from(arguments) is None


def test_numbers_that_fit_stay() -> None:
    assert object_from('{"a": 1e300, "b": 0.5}') == {"a": 1e300, "b": 0.5}
    assert object_from("") == {}
