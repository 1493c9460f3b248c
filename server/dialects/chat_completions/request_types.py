"""A chat completion request."""

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from server.dialects.chat_completions.part_types import Content
from server.dialects.chat_completions.tool_types import Call, Choice, Function, FunctionCall, OlderChoice, Tool
from server.dialects.common.wire_types import (
    CUSTOM_ERROR,
    Count,
    JsonObject,
    Number,
    String,
    Tokens,
    WireModel,
    text_or_list,
)

MOST_CHOICES = 8

StopSequence = Annotated[String, Field(min_length=1)]
Stop = Annotated[
    Annotated[StopSequence, Tag("<text>")]
    | Annotated[list[StopSequence], Field(fail_fast=True, max_length=16), Tag("<list>")],
    Discriminator(text_or_list, CUSTOM_ERROR, "must be a text or a list of texts"),
]


class ChatMessage(WireModel):
    """One message of a conversation, of any role."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: Content | None = None
    refusal: String | None = None
    name: String | None = None
    tool_calls: Annotated[list[Call], Field(fail_fast=True)] | None = None
    tool_call_id: String | None = None
    function_call: FunctionCall | None = None
    audio: object = None


class StreamOptions(WireModel):
    """How a stream is told."""

    include_usage: bool = False


class JsonSchema(WireModel):
    """The form of an answer that is JSON."""

    schema_: Annotated[JsonObject | None, Field(alias="schema")] = None
    name: String = ""
    strict: bool = False


class ResponseFormat(WireModel):
    """The form that the answer shall have."""

    type: String
    json_schema: JsonSchema | None = None


class Reasoning(WireModel):
    """How much thought is wanted, as the Responses API and OpenRouter have it."""

    effort: String | None = None
    summary: String | None = None
    enabled: bool | None = None


class ChatRequest(WireModel):
    """A chat completion request."""

    messages: Annotated[list[ChatMessage], Field(fail_fast=True)]
    model: String = ""
    stream: bool = False
    stream_options: StreamOptions | None = None
    max_tokens: Tokens | None = None
    max_completion_tokens: Tokens | None = None
    stop: Stop | None = None
    n: Annotated[Count, Field(ge=1, le=MOST_CHOICES)] = 1
    reasoning_effort: String | None = None
    reasoning: Reasoning | None = None
    response_format: ResponseFormat | None = None
    modalities: list[String] | None = None
    tools: Annotated[list[Tool], Field(fail_fast=True)] | None = None
    tool_choice: Choice | None = None
    parallel_tool_calls: bool | None = None
    functions: Annotated[list[Function], Field(fail_fast=True)] | None = None
    function_call: OlderChoice | None = None
    system: object = None

    temperature: Annotated[Number, Field(ge=0, le=2)] | None = None
    top_p: Annotated[Number, Field(ge=0, le=1)] | None = None
    presence_penalty: Number | None = None
    frequency_penalty: Number | None = None
    seed: Count | None = None
    logit_bias: dict[str, object] | None = None
    logprobs: bool | None = None
    top_logprobs: Count | None = None
    store: bool | None = None
    service_tier: String | None = None
    verbosity: String | None = None
    prediction: object = None
    web_search_options: object = None
    user: object = None
    metadata: object = None
    safety_identifier: object = None
    prompt_cache_key: object = None
