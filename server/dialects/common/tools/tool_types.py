"""Tools as all APIs write them, nested (`function`, `custom`) or flat (`name`), and OpenAI's tool choices."""

from typing import Annotated, ClassVar

from pydantic import BeforeValidator, Discriminator, Field, Tag

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
    """A function or a custom tool, without its type. Its JSON schema has one of several names."""

    SCHEMA_FIELDS: ClassVar = ("parameters", "input_schema", "inputSchema", "parametersJsonSchema")

    name: Name | None = None
    description: Annotated[String, BeforeValidator(text_in)] = ""
    parameters: SchemaJson = Field(default=None, description="The JSON schema of the arguments, as OpenAI names it.")
    input_schema: SchemaJson = Field(default=None, description="The same, as Anthropic names it.")
    inputSchema: SchemaJson = Field(default=None, description="The same, as MCP names it.")  # noqa: N815
    parametersJsonSchema: SchemaJson = Field(default=None, description="The same, as Gemini names it.")  # noqa: N815
    format: Annotated[JsonObject | None, BeforeValidator(_object)] = None
    strict: Flag = False

    @property
    def schema_field(self) -> str | None:
        """The field that holds the JSON schema: the first one that is not empty, else one that is; None: no field."""
        given = [name for name in self.SCHEMA_FIELDS if getattr(self, name) is not None]
        return next((name for name in given if getattr(self, name)), given[0] if given else None)


class WireTool(ToolFields):
    """A tool that the model may call: a function with a JSON schema, or a custom tool that takes raw text."""

    type: Annotated[String, BeforeValidator(_word)] = "function"
    function: ToolFields | None = None
    custom: ToolFields | None = None

    @property
    def layers(self) -> tuple[tuple[str, ToolFields], ...]:
        """The objects that hold the tool's fields, by their paths in the tool. An inner one comes first."""
        inner = ((name, getattr(self, name)) for name in ("function", "custom"))
        return (*((f".{name}", fields) for name, fields in inner if fields is not None), ("", self))

    @property
    def is_clients(self) -> bool:
        """Whether the client runs it: the API's own tools have types of their own, and no schema."""
        has_schema = any(fields.schema_field for _, fields in self.layers)
        return self.type in {"", "function", "custom"} or self.function is not None or (has_schema and bool(self.name))


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
