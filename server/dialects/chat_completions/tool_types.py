"""Tools as clients offer them, and calls as they send them back: nested and flat, of today and of 2023."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Discriminator, Field, Tag

from server.dialects.common.wire_types import OWN_WORDS, JsonObject, JsonText, Shape, Words

Name = Annotated[Words, Field(min_length=1)]


class Function(Shape):
    """A function: what is inside a nested tool, and the whole of an older one."""

    name: Name
    description: Words = ""
    parameters: JsonObject | None = None
    strict: bool = False


class CustomTool(Shape):
    """A tool that takes raw text; `format` may hold a grammar for it."""

    name: Name
    description: Words = ""
    format: JsonObject | None = None


class Tool(Shape):
    """A tool: nested (`function`, `custom`) or flat (`name`)."""

    type: Words = "function"
    function: Function | None = None
    custom: CustomTool | None = None
    name: Name | None = None
    description: Words = ""
    parameters: JsonObject | None = None
    format: JsonObject | None = None
    strict: bool = False


class Named(Shape):
    """Something that is called by its name."""

    name: Name


class AllowedTools(Shape):
    """Those of the tools that may be called now."""

    mode: Words = "auto"
    tools: list["ChosenTool"] | None = None


class ChosenTool(Shape):
    """The tool that shall be called, or the tools that may be, in the nested or flat spelling."""

    type: Words = "function"
    function: Named | None = None
    custom: Named | None = None
    name: Name | None = None
    allowed_tools: AllowedTools | None = None
    mode: Words = "auto"
    tools: list["ChosenTool"] | None = None


def _text_or_object(value: object) -> str | None:
    if isinstance(value, str):
        return "<text>"
    return "<object>" if isinstance(value, Mapping | Shape) else None


Choice = Annotated[
    Annotated[Words, Tag("<text>")] | Annotated[ChosenTool, Tag("<object>")],
    Discriminator(_text_or_object, OWN_WORDS, "must be a word or an object that names a tool"),
]
OlderChoice = Annotated[
    Annotated[Words, Tag("<text>")] | Annotated[Named, Tag("<object>")],
    Discriminator(_text_or_object, OWN_WORDS, "must be a word or an object that names a function"),
]


class FunctionCall(Shape):
    """A call of a function. Its arguments are JSON as a text."""

    name: Name
    arguments: JsonText = ""


class CustomCall(Shape):
    """A call of a tool that takes raw text."""

    name: Name
    input: Words = ""


class Call(Shape):
    """A call in the assistant's message."""

    id: Words
    function: FunctionCall | None = None
    custom: CustomCall | None = None
