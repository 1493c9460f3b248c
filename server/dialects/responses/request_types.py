"""The types of a request of OpenAI's Responses API."""

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from server.dialects.common.answers.answer_format import AnyOutputFormat
from server.dialects.common.content.content_types import Content, System
from server.dialects.common.effort import ThinkingFields
from server.dialects.common.lenient import OR_EMPTY, Flag, TokenLimit
from server.dialects.common.options import StreamOptions, WithoutEffect
from server.dialects.common.stops import Stop
from server.dialects.common.tools.tool_types import OpenAITool, OpenAIToolChoice
from server.dialects.common.wire_types import (
    CUSTOM_ERROR,
    JsonText,
    Name,
    OtherPart,
    String,
    WireModel,
    string_or_array,
    tag_by_type,
)


class MessageItem(WireModel):
    """A message of any role."""

    role: Literal["user", "assistant", "system", "developer"]
    content: Content = ""
    name: String | None = None


class FunctionCallItem(WireModel):
    """A call of a function. Its arguments are JSON in a string."""

    call_id: String | None = None
    id: String | None = None
    name: Name
    arguments: JsonText = ""


class CustomCallItem(WireModel):
    """A call of a tool that takes raw text."""

    call_id: String | None = None
    id: String | None = None
    name: Name
    input: String = ""


class CallOutputItem(WireModel):
    """The result of a call."""

    call_id: String | None = None
    name: String | None = None
    output: Content = ""


Item = Annotated[
    Annotated[MessageItem, Tag("<message>")]
    | Annotated[FunctionCallItem, Tag("<function call>")]
    | Annotated[CustomCallItem, Tag("<custom call>")]
    | Annotated[CallOutputItem, Tag("<output>")]
    | Annotated[OtherPart, Tag("<other>")],
    Discriminator(
        tag_by_type(
            {
                "message": "<message>",
                "function_call": "<function call>",
                "custom_tool_call": "<custom call>",
                **dict.fromkeys(("function_call_output", "custom_tool_call_output"), "<output>"),
            },
            # The short form: `{"role": "user", "content": "..."}`.
            untyped="<message>",
        ),
        CUSTOM_ERROR,
        "must be an object, such as {'role': 'user', 'content': ...}",
    ),
]
Input = Annotated[
    Annotated[String, Tag("<string>")] | Annotated[list[Item], Field(fail_fast=True), Tag("<array>")],
    Discriminator(string_or_array, CUSTOM_ERROR, "must be a string or an array of items"),
]


class TextOptions(WireModel):
    """Options of the answer's text."""

    format: AnyOutputFormat | None = None
    verbosity: object = None


class ResponsesRequest(ThinkingFields):
    """A request of the Responses API."""

    input: Input = Field(default_factory=list)
    instructions: String | None = None
    system: System | None = None
    model: String = ""
    stream: Flag = False
    stream_options: StreamOptions = None
    max_output_tokens: TokenLimit = None
    max_completion_tokens: TokenLimit = None
    max_tokens: TokenLimit = None
    stop: Stop | None = None
    tools: Annotated[list[OpenAITool] | None, OR_EMPTY] = None
    tool_choice: Annotated[OpenAIToolChoice | None, OR_EMPTY] = None
    parallel_tool_calls: Flag = True
    text: Annotated[TextOptions | None, OR_EMPTY] = None
    response_format: Annotated[AnyOutputFormat | None, OR_EMPTY] = None
    previous_response_id: String | None = None
    conversation: object = None
    prompt: object = None

    temperature: Annotated[object, WithoutEffect(neutral=(1,), is_sampling=True)] = None
    top_p: Annotated[object, WithoutEffect(neutral=(1,), is_sampling=True)] = None
    store: Annotated[object, WithoutEffect(neutral=(False,))] = None
    background: Annotated[object, WithoutEffect(neutral=(False,))] = None
    truncation: Annotated[object, WithoutEffect(neutral=("disabled",))] = None
    metadata: Annotated[object, WithoutEffect(neutral=({},))] = None
    service_tier: Annotated[object, WithoutEffect(neutral=("auto", "default"))] = None
    user: Annotated[object, WithoutEffect(neutral=("",))] = None
    prompt_cache_key: Annotated[object, WithoutEffect()] = None
    safety_identifier: Annotated[object, WithoutEffect()] = None
    max_tool_calls: Annotated[object, WithoutEffect()] = None
