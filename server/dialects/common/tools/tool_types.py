"""Tools and tool choices as OpenAI's APIs write them, nested (`function`, `custom`) or flat (`name`)."""

from typing import Annotated

from pydantic import AliasChoices, BeforeValidator, Discriminator, Field, Tag

from server.dialects.common.content.lenient_content import text_in
from server.dialects.common.lenient import Flag
from server.dialects.common.wire_types import (
    CUSTOM_ERROR,
    JsonObject,
    Name,
    SchemaJson,
    String,
    WireModel,
    string_or_object,
)


def _object(value: object) -> object:
    return {"type": value} if isinstance(value, str) else value


def _word(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


def present(value: object) -> object:
    """Returns an array without null, which JavaScript writes for what a condition left out. Errors count without it."""
    return [item for item in value if item is not None] if isinstance(value, list) else value


class ToolFields(WireModel):
    """A function or a custom tool, without its type."""

    name: Name | None = None
    description: Annotated[String, BeforeValidator(text_in)] = ""
    # Also under Anthropic's and Gemini's names.
    parameters: Annotated[
        SchemaJson, Field(validation_alias=AliasChoices("parameters", "input_schema", "parametersJsonSchema"))
    ] = None
    # MCP's name of it.
    inputSchema: SchemaJson = None  # noqa: N815
    format: Annotated[JsonObject | None, BeforeValidator(_object)] = None
    strict: Flag = False


class OpenAITool(ToolFields):
    """A tool that the model may call: a function with a JSON schema, or a custom tool that takes raw text."""

    type: Annotated[String, BeforeValidator(_word)] = "function"
    function: ToolFields | None = None
    custom: ToolFields | None = None


class NamedTool(WireModel):
    """The name of a tool."""

    name: Name


class AllowedTools(WireModel):
    """The tools that the model may call now."""

    mode: String = "auto"
    tools: Annotated[list["ChosenTool"] | None, Field(description="Names of the tools.")] = None


class ChosenTool(AllowedTools):
    """The tool that the model must call, or the tools that it may call."""

    type: String = "function"
    function: NamedTool | None = None
    custom: NamedTool | None = None
    name: Name | None = None
    allowed_tools: AllowedTools | None = None
    disable_parallel_tool_use: Flag = False


OpenAIToolChoice = Annotated[
    Annotated[String, Tag("<string>")] | Annotated[ChosenTool, Tag("<object>")],
    Discriminator(string_or_object, CUSTOM_ERROR, "must be a string or an object that names a tool"),
]
