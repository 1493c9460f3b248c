"""The form that the answer shall have: text, JSON of a schema, or just any JSON object.

A schema is Claude's own business: the Messages API has a form for it. It has none for "any JSON object", and no word is
added to a prompt here. So Claude is offered one tool that takes any object and must call it, and the arguments of that
call are the content of the answer: bare JSON, written by the same rules as the arguments of every call.
"""

import json
from dataclasses import dataclass

from server.conversation.request import Tool, ToolChoice
from server.dialects.chat_completions.request_types import ResponseFormat
from server.dialects.common.output_schema import answer_schema
from server.errors import InvalidRequest

ANSWER = Tool(
    name="drawbridge_json_answer",
    description="Gives the user the answer. Its input is the answer: one JSON object, with the names and values that"
    " the conversation asks for.",
    schema=json.dumps({"type": "object", "additionalProperties": True}),
)


@dataclass(frozen=True, slots=True)
class Form:
    """`schema`: that of the answer. `tool`: the one whose arguments are the answer. `ignored`: what has no effect."""

    schema: str | None = None
    tool: Tool | None = None
    ignored: tuple[str, ...] = ()


def form_from(wanted: ResponseFormat | None) -> Form:
    """The form that is wanted. Raises `InvalidRequest` where there is no such form."""
    match wanted.type if wanted else "text":
        case "text":
            return Form()
        case "json_object":
            return Form(tool=ANSWER)
        case "json_schema":
            place = "response_format.json_schema.schema"
            schema = wanted.json_schema.schema_ if wanted and wanted.json_schema else None
            if schema is None:
                raise InvalidRequest(f"{place} is required.", param=place)
            taken = answer_schema(schema, place)
            return Form(schema=taken.text, ignored=taken.ignored)
        case _:
            raise InvalidRequest(
                "response_format.type must be 'text', 'json_object' or 'json_schema'.", param="response_format.type"
            )


def with_form(form: Form, choice: ToolChoice, tools: tuple[Tool, ...]) -> tuple[ToolChoice, tuple[Tool, ...]]:
    """The choice and the tools, with the one for the answer. Where the client wants a call, there is no answer."""
    if form.tool is None or choice.mode in {"any", "tool"}:
        return choice, tools
    if not tools or choice.mode == "none":
        return ToolChoice("tool", form.tool.name, parallel=False), (*tools, form.tool)
    return ToolChoice("any", parallel=False), (*tools, form.tool)
