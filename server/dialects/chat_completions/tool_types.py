"""Tools as clients offer them, and calls as they send them back: nested and flat, of today and of 2023."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Discriminator, Field, Tag

from server.dialects.common.wire_types import CUSTOM_ERROR, JsonObject, JsonText, String, WireModel

Name = Annotated[String, Field(min_length=1)]


class Function(WireModel):
    """A function: what is inside a nested tool, and the whole of an older one."""

    name: Name
    description: String = ""
    parameters: JsonObject | None = None
    strict: bool = False


class CustomTool(WireModel):
    """A tool that takes raw text; `format` may hold a grammar for it."""

    name: Name
    description: String = ""
    format: JsonObject | None = None


class Tool(WireModel):
    """A tool: nested (`function`, `custom`) or flat (`name`)."""

    type: String = "function"
    function: Function | None = None
    custom: CustomTool | None = None
    name: Name | None = None
    description: String = ""
    parameters: JsonObject | None = None
    format: JsonObject | None = None
    strict: bool = False


class Named(WireModel):
    """Something that is called by its name."""

    name: Name


class AllowedTools(WireModel):
    """Those of the tools that may be called now."""

    mode: String = "auto"
    tools: list["ChosenTool"] | None = None


class ChosenTool(WireModel):
    """The tool that shall be called, or the tools that may be, in the nested or flat spelling."""

    type: String = "function"
    function: Named | None = None
    custom: Named | None = None
    name: Name | None = None
    allowed_tools: AllowedTools | None = None
    mode: String = "auto"
    tools: list["ChosenTool"] | None = None


def _text_or_object(value: object) -> str | None:
    if isinstance(value, str):
        return "<text>"
    return "<object>" if isinstance(value, Mapping | WireModel) else None


Choice = Annotated[
    Annotated[String, Tag("<text>")] | Annotated[ChosenTool, Tag("<object>")],
    Discriminator(_text_or_object, CUSTOM_ERROR, "must be a word or an object that names a tool"),
]
OlderChoice = Annotated[
    Annotated[String, Tag("<text>")] | Annotated[Named, Tag("<object>")],
    Discriminator(_text_or_object, CUSTOM_ERROR, "must be a word or an object that names a function"),
]


class FunctionCall(WireModel):
    """A call of a function. Its arguments are JSON as a text."""

    name: Name
    arguments: JsonText = ""


class CustomCall(WireModel):
    """A call of a tool that takes raw text."""

    name: Name
    input: String = ""


class Call(WireModel):
    """A call in the assistant's message."""

    id: String
    function: FunctionCall | None = None
    custom: CustomCall | None = None
