"""The format of an answer: text, any JSON object, or JSON of a schema.

Claude's structured outputs express most schemas. For the others, and for any JSON object, Claude must call a tool whose
input is the answer; the arguments of the call become the content of the reply.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import BeforeValidator, Field

from server.conversation.request import AnswerFormat, Tool, ToolChoice
from server.dialects.common.answers.output_schema import output_schema
from server.dialects.common.lenient import OR_EMPTY
from server.dialects.common.refusals import missing_field
from server.dialects.common.tools.conversion import function_tool
from server.dialects.common.wire_types import JsonObject, String, WireModel, from_text
from server.errors import InvalidRequest
from server.large_json import dumps

ANSWER_TOOL = "drawbridge_json_answer"
FIELD = "answer"
"""The property of the answer tool that contains an answer that is no object."""
_DESCRIPTION = (
    "Gives the user the answer. Its input is the answer: one JSON object, with the names and values that the"
    " conversation asks for."
)
_WRAPPED_DESCRIPTION = f"Gives the user the answer, as the value of {FIELD!r}."
_COMBINATORS = frozenset({"anyOf", "oneOf", "allOf", "$ref", "not", "if", "enum", "const"})
_LEGAL_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")
_MAX_NAME = 64
_OF_SCHEMA = frozenset({"type", "properties", "anyOf", "oneOf", "allOf", "$ref", "enum", "const", "items"})
_TEXT = frozenset({"", "text", "auto", "none", "default"})


def _from_string(value: object) -> object:
    return {"type": value} if isinstance(value, str) else value


def _with_parsed_schema(value: object) -> object:
    value = from_text(value)
    return {**value, "schema": from_text(value["schema"])} if isinstance(value, dict) and "schema" in value else value


class OutputFormat(WireModel):
    """The format of the answer: text, json_object, or json_schema with its schema, nested or flat."""

    type: String | None = None
    json_schema: Annotated[JsonObject | None, BeforeValidator(_with_parsed_schema)] = None
    schema_: Annotated[JsonObject | None, BeforeValidator(from_text), Field(alias="schema")] = None


AnyOutputFormat = Annotated[OutputFormat | None, BeforeValidator(_from_string), OR_EMPTY]


class OutputConfig(WireModel):
    """The effort for the answer, and its format."""

    effort: object = None
    format: AnyOutputFormat = None


@dataclass(frozen=True, slots=True)
class WantedAnswer:
    """What the client wants: `schema` is for Claude's structured outputs, else `tool` is the answer tool."""

    schema: str | None = None
    tool: Tool | None = None
    format: AnswerFormat | None = None
    ignored: tuple[str, ...] = ()

    def offered(
        self, choice: ToolChoice, tools: tuple[Tool, ...]
    ) -> tuple[ToolChoice, tuple[Tool, ...], AnswerFormat | None]:
        """Returns the choice and tools with the answer tool, unless the client requires a call of its own tools."""
        if self.tool is None:
            return choice, tools, self.format
        if choice.mode in {"any", "tool"}:
            return choice, tools, None
        if not tools or choice.mode == "none":
            return ToolChoice("tool", self.tool.name, parallel=False), (*tools, self.tool), self.format
        return ToolChoice("any", parallel=False), (*tools, self.tool), self.format


TEXT_ANSWER = WantedAnswer()
"""An answer in text."""


def answer_from(wanted: OutputFormat | None, place: str, *, is_nested: bool) -> WantedAnswer:
    """Returns the answer that the format at `place` asks for. Raises `InvalidRequest` for an unknown format.

    `is_nested`: the form of `json_schema` that errors name.
    """
    if wanted is None:
        return TEXT_ANSWER
    schema, where = _schema_in(wanted, place, is_nested=is_nested)
    match (wanted.type or "").strip().lower():
        case "json_object" | "json":
            return answer_of_schema(schema or {}, where)
        case "json_schema":
            if schema is None:
                raise missing_field(where)
            return answer_of_schema(schema, where)
        case "" if schema is not None:
            return answer_of_schema(schema, where)
        case kind if kind in _TEXT:
            return TEXT_ANSWER
        case _:
            raise InvalidRequest(f"{place}.type must be 'text', 'json_object' or 'json_schema'.", param=f"{place}.type")


def _schema_in(wanted: OutputFormat, place: str, *, is_nested: bool) -> tuple[Mapping[str, object] | None, str]:
    """Returns the schema in any of its places, and that place."""
    nested = wanted.json_schema or {}
    inner = nested.get("schema")
    if isinstance(inner, Mapping):
        return inner, f"{place}.json_schema.schema"
    if wanted.schema_ is not None:
        inner = wanted.schema_.get("schema")
        # Some clients nest `json_schema` under the flat name.
        if isinstance(inner, Mapping) and not _OF_SCHEMA & wanted.schema_.keys():
            return inner, f"{place}.schema.schema"
        return wanted.schema_, f"{place}.schema"
    if _OF_SCHEMA & nested.keys():
        return nested, f"{place}.json_schema"
    return None, f"{place}.json_schema.schema" if is_nested else f"{place}.schema"


def answer_of_schema(schema: Mapping[str, object], place: str) -> WantedAnswer:
    """Returns what the client wants with the JSON schema at `place`; an empty one allows any JSON object."""
    if not schema:
        tool = Tool(ANSWER_TOOL, _DESCRIPTION, dumps({"type": "object", "additionalProperties": True}))
        return WantedAnswer(tool=tool, format=AnswerFormat(None, ANSWER_TOOL))
    text = dumps(schema, ensure_ascii=False)
    if converted := output_schema(schema, place):
        return WantedAnswer(schema=converted.text, format=AnswerFormat(text), ignored=converted.ignored)
    is_wrapped = not _is_plain_object(schema)
    taken = _wrapped(schema) if is_wrapped else schema
    description = _WRAPPED_DESCRIPTION if is_wrapped else _DESCRIPTION
    tool = function_tool(ANSWER_TOOL, description, taken, place)
    ignored = tuple(where.replace(f"{place}.properties.{FIELD}", place, int(is_wrapped)) for where in tool.changed)
    # Not with the client's tools again.
    tool = replace(tool, changed=())
    return WantedAnswer(tool=tool, format=AnswerFormat(text, ANSWER_TOOL, is_wrapped=is_wrapped), ignored=ignored)


def _is_plain_object(schema: Mapping[str, object]) -> bool:
    """Whether Claude's API takes the schema as a tool's: an object, no combinator at the top, legal names."""
    properties = schema.get("properties", {})
    return (
        schema.get("type") == "object"
        and not _COMBINATORS & schema.keys()
        and isinstance(properties, Mapping)
        and all(0 < len(name) <= _MAX_NAME and _LEGAL_NAME.issuperset(name) for name in properties)
    )


def _wrapped(schema: Mapping[str, object]) -> dict[str, object]:
    """Returns an object's schema whose one property is `schema`. Its definitions move to the top."""
    definitions = {name: schema[name] for name in ("$defs", "definitions") if name in schema}
    inner = {name: value for name, value in schema.items() if name not in definitions and name != "$schema"}
    moved = _with_moved_references({FIELD: inner, **definitions})
    assert isinstance(moved, dict)
    rest = {name: moved[name] for name in definitions}
    return {"type": "object", "properties": {FIELD: moved[FIELD]}, "required": [FIELD], **rest}


def _with_moved_references(value: object) -> object:
    """Returns the value with references into the schema itself pointing to where it is now."""
    if isinstance(value, list):
        return [_with_moved_references(item) for item in value]
    if not isinstance(value, dict):
        return value
    moved = {name: _with_moved_references(item) for name, item in value.items()}
    target = moved.get("$ref")
    if isinstance(target, str) and target.startswith("#") and not target.startswith(("#/$defs/", "#/definitions/")):
        moved["$ref"] = f"#/properties/{FIELD}{target[1:]}"
    return moved
