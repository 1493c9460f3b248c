"""Converts the `response_format` of a Chat Completions request: text, JSON of a schema, or any JSON object.

Claude's API supports schemas, but not "any JSON object", and Drawbridge adds no text to prompts. For that format Claude
must call a tool that takes any object; the arguments of the call become the content of the answer.
"""

import json

from server.conversation.request import Tool, ToolChoice
from server.dialects.chat_completions.request_types import ResponseFormat
from server.dialects.common.output_schema import NO_SCHEMA, OutputSchema, output_schema
from server.dialects.common.refusals import missing_field
from server.errors import InvalidRequest

ANSWER = Tool(
    name="drawbridge_json_answer",
    description="Gives the user the answer. Its input is the answer: one JSON object, with the names and values that"
    " the conversation asks for.",
    schema=json.dumps({"type": "object", "additionalProperties": True}),
)


def schema_from(wanted: ResponseFormat | None) -> OutputSchema:
    """Returns the schema of the answer. Raises `InvalidRequest` for an unknown format."""
    match wanted.type if wanted else "text":
        case "text" | "json_object":
            return NO_SCHEMA
        case "json_schema":
            place = "response_format.json_schema.schema"
            schema = wanted.json_schema.schema_ if wanted and wanted.json_schema else None
            if schema is None:
                raise missing_field(place)
            return output_schema(schema, place)
        case _:
            raise InvalidRequest(
                "response_format.type must be 'text', 'json_object' or 'json_schema'.", param="response_format.type"
            )


def with_answer_tool(
    wanted: ResponseFormat | None, choice: ToolChoice, tools: tuple[Tool, ...]
) -> tuple[ToolChoice, tuple[Tool, ...]]:
    """Adds the answer tool if any JSON object is wanted, unless the client requires a call of its own tools."""
    if wanted is None or wanted.type != "json_object" or choice.mode in {"any", "tool"}:
        return choice, tools
    if not tools or choice.mode == "none":
        return ToolChoice("tool", ANSWER.name, parallel=False), (*tools, ANSWER)
    return ToolChoice("any", parallel=False), (*tools, ANSWER)
