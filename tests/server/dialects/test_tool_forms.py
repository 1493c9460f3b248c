"""A tool is read in the same way in all dialects, in whatever form and under whatever names a client writes it."""

import json
from typing import Any

import pytest

from server.config import Config
from server.conversation.request import ModelRequest, Tool
from server.dialects.base import Dialect, ParseOptions
from server.dialects.chat_path import ChatCompletions
from server.dialects.messages.dialect import Messages
from server.dialects.ollama.dialect import OllamaChat
from server.dialects.responses.dialect import Responses
from server.errors import InvalidRequest

SCHEMA = {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]}
LOOK = Tool("look", "Looks.", json.dumps(SCHEMA))
NAMES = ("parameters", "input_schema", "inputSchema", "parametersJsonSchema")
DIALECTS: dict[str, Dialect] = {
    "chat": ChatCompletions(),
    "responses": Responses(),
    "messages": Messages(),
    "ollama": OllamaChat(),
}
FORMS: dict[str, Any] = {
    "flat": lambda name: {"type": "function", "name": "look", "description": "Looks.", name: SCHEMA},
    "without a type": lambda name: {"name": "look", "description": "Looks.", name: SCHEMA},
    "nested": lambda name: {"type": "function", "function": {"name": "look", "description": "Looks.", name: SCHEMA}},
    "schema outside": lambda name: {"function": {"name": "look", "description": "Looks."}, name: SCHEMA},
    "name outside": lambda name: {"name": "look", "description": "Looks.", "function": {name: SCHEMA}},
    "Anthropic's custom": lambda name: {"type": "custom", "name": "look", "description": "Looks.", name: SCHEMA},
    "another type": lambda name: {"type": "mcp", "name": "look", "description": "Looks.", name: SCHEMA},
}

each_dialect = pytest.mark.parametrize("dialect", DIALECTS)


def parsed(dialect: str, *tools: object) -> ModelRequest:
    asked = "input" if dialect == "responses" else "messages"
    body = {"model": "sonnet", asked: [{"role": "user", "content": "Hi"}], "max_tokens": 9, "tools": tools and [*tools]}
    return DIALECTS[dialect].parse(body, "local", ParseOptions(Config(), "t", 0)).request


@each_dialect
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("form", FORMS)
def test_a_tool_means_the_same_everywhere(dialect: str, form: str, name: str) -> None:
    assert parsed(dialect, FORMS[form](name)).profile.tools == (LOOK,)


@each_dialect
def test_of_two_schemas_the_one_that_says_something_wins(dialect: str) -> None:
    both = {"name": "look", "description": "Looks.", "parameters": {}, "input_schema": SCHEMA}
    assert parsed(dialect, both).profile.tools == (LOOK,)


@each_dialect
def test_a_custom_tool_with_a_format_takes_text(dialect: str) -> None:
    forms = ({"type": "custom", "name": "a", "format": "text"}, {"type": "custom", "custom": {"name": "a"}})
    for form in forms:
        (tool,) = parsed(dialect, form).profile.tools
        assert (tool.name, tool.takes_text) == ("a", True)


@each_dialect
@pytest.mark.parametrize(
    ("tool", "place"),
    [
        ({"name": "t", "input_schema": 5}, "tools[0].input_schema"),
        ({"name": "t", "inputSchema": "x"}, "tools[0].inputSchema"),
        ({"function": {"name": "t", "parametersJsonSchema": 5}}, "tools[0].function.parametersJsonSchema"),
        ({"function": {"description": "d"}}, "tools[0].function.name"),
    ],
)
def test_an_error_names_the_field_that_the_client_wrote(dialect: str, tool: dict[str, Any], place: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parsed(dialect, tool)
    assert caught.value.param == place
