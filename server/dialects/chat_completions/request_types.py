"""The types of a Chat Completions request, of today and of 2023; /openapi.json is generated from them."""

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from server.dialects.common.content_types import Content
from server.dialects.common.options import WithoutEffect
from server.dialects.common.tool_types import OpenAITool, OpenAIToolChoice, ToolFields
from server.dialects.common.wire_types import (
    CUSTOM_ERROR,
    INTEGRAL,
    Integer,
    JsonObject,
    JsonText,
    Name,
    Number,
    StreamOptions,
    String,
    TokenCount,
    WireModel,
    string_or_array,
)

MAX_CHOICES = 8

Stop = Annotated[
    Annotated[Name, Tag("<string>")] | Annotated[list[Name], Field(fail_fast=True, max_length=16), Tag("<array>")],
    Discriminator(string_or_array, CUSTOM_ERROR, "must be a string or an array of strings"),
]


class FunctionCall(WireModel):
    """A call of a function. Its arguments are JSON in a string."""

    name: Name
    arguments: JsonText = ""


class CustomCall(WireModel):
    """A call of a tool that takes raw text."""

    name: Name
    input: String = ""


class ToolCall(WireModel):
    """A call in an assistant message."""

    id: String
    function: FunctionCall | None = None
    custom: CustomCall | None = None


class ChatMessage(WireModel):
    """A message of any role."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: Content | None = None
    refusal: String | None = None
    name: String | None = None
    tool_calls: Annotated[list[ToolCall], Field(fail_fast=True)] | None = Field(
        default=None, description="The assistant's calls, as they were received."
    )
    tool_call_id: String | None = Field(default=None, description="The call that a message with role 'tool' answers.")
    function_call: FunctionCall | None = None
    audio: object = None


class JsonSchema(WireModel):
    """The JSON schema of the answer."""

    schema_: Annotated[JsonObject | None, Field(alias="schema")] = None
    name: String = ""
    strict: bool = False


class ResponseFormat(WireModel):
    """The format of the answer: text, json_object, or json_schema with its schema."""

    type: String
    json_schema: JsonSchema | None = None


class Reasoning(WireModel):
    """Reasoning options as the Responses API and OpenRouter write them."""

    effort: String | None = None
    summary: String | None = None
    enabled: bool | None = None


class ChatRequest(WireModel):
    """A Chat Completions request."""

    messages: Annotated[
        list[ChatMessage],
        Field(fail_fast=True, description="The conversation; its last message is from the user or a tool."),
    ]
    model: String = Field(default="", description="An id of /v1/models. Absent: the server's default model.")
    stream: bool = False
    stream_options: StreamOptions | None = None
    max_completion_tokens: TokenCount | None = Field(default=None, description="The longest answer, in tokens.")
    max_tokens: TokenCount | None = Field(default=None, description="The older name of max_completion_tokens.")
    stop: Stop | None = None
    n: Annotated[int, Field(ge=1, le=MAX_CHOICES), INTEGRAL] = Field(default=1, description="The number of answers.")
    reasoning_effort: String | None = Field(
        default=None, description="One of none, minimal, low, medium, high, xhigh, max."
    )
    reasoning: Reasoning | None = None
    response_format: ResponseFormat | None = None
    modalities: list[String] | None = None
    tools: Annotated[list[OpenAITool], Field(fail_fast=True)] | None = None
    tool_choice: OpenAIToolChoice | None = Field(
        default=None, description="'auto', 'none', 'required', or an object that names a tool."
    )
    parallel_tool_calls: bool | None = None
    functions: Annotated[list[ToolFields], Field(fail_fast=True)] | None = None
    function_call: OpenAIToolChoice | None = None
    system: object = None

    temperature: Annotated[
        Annotated[Number, Field(ge=0, le=2)] | None, WithoutEffect(neutral=(1,), is_sampling=True)
    ] = None
    top_p: Annotated[Annotated[Number, Field(ge=0, le=1)] | None, WithoutEffect(neutral=(1,), is_sampling=True)] = None
    presence_penalty: Annotated[Number | None, WithoutEffect(neutral=(0,))] = None
    frequency_penalty: Annotated[Number | None, WithoutEffect(neutral=(0,))] = None
    seed: Annotated[Integer | None, WithoutEffect()] = None
    logit_bias: Annotated[dict[str, object] | None, WithoutEffect(neutral=({},))] = None
    logprobs: Annotated[bool | None, WithoutEffect(neutral=(False,))] = None
    top_logprobs: Annotated[Integer | None, WithoutEffect(neutral=(0,))] = None
    store: Annotated[bool | None, WithoutEffect(neutral=(False,))] = None
    service_tier: Annotated[String | None, WithoutEffect(neutral=("auto", "default"))] = None
    verbosity: Annotated[String | None, WithoutEffect(neutral=("medium",))] = None
    prediction: Annotated[object, WithoutEffect()] = None
    web_search_options: Annotated[object, WithoutEffect()] = None
    user: Annotated[object, WithoutEffect(neutral=("",))] = None
    metadata: Annotated[object, WithoutEffect(neutral=({},))] = None
    safety_identifier: Annotated[object, WithoutEffect()] = None
    prompt_cache_key: Annotated[object, WithoutEffect()] = None
