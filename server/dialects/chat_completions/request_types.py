"""The types of a Chat Completions request, of today and of 2023; /openapi.json is generated from them."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from server.dialects.common.answers.answer_format import AnyOutputFormat, OutputConfig
from server.dialects.common.content.content_types import System
from server.dialects.common.effort import ThinkingFields
from server.dialects.common.history.message_types import WireMessage
from server.dialects.common.lenient import COUNT, OR_EMPTY, Flag, TokenLimit
from server.dialects.common.options import StreamOptions, WithoutEffect
from server.dialects.common.stops import Stop
from server.dialects.common.tools.tool_types import OpenAIToolChoice, ToolFields, WireTool, present
from server.dialects.common.wire_types import (
    INTEGRAL,
    String,
)

MAX_CHOICES = 8


def _string_in_array(value: object) -> object:
    return [value] if isinstance(value, str) else value


class ChatRequest(ThinkingFields):
    """A Chat Completions request."""

    messages: Annotated[
        list[WireMessage],
        Field(fail_fast=True, description="The conversation; its last message is from the user or a tool."),
    ]
    model: String = Field(default="", description="An id of /v1/models. Absent: the server's default model.")
    stream: Flag = False
    stream_options: StreamOptions = None
    max_completion_tokens: TokenLimit = Field(default=None, description="The longest answer, in tokens.")
    max_tokens: TokenLimit = Field(default=None, description="The older name of max_completion_tokens.")
    stop: Stop | None = None
    n: Annotated[int, Field(ge=1, le=MAX_CHOICES), INTEGRAL, COUNT] = Field(
        default=1, description="The number of answers."
    )
    response_format: AnyOutputFormat = None
    modalities: Annotated[list[String] | None, BeforeValidator(_string_in_array), OR_EMPTY] = None
    tools: Annotated[
        Annotated[list[WireTool], Field(fail_fast=True)] | None,
        BeforeValidator(present),
        OR_EMPTY,
    ] = None
    tool_choice: Annotated[OpenAIToolChoice | None, OR_EMPTY] = Field(
        default=None, description="'auto', 'none', 'required', or an object that names a tool."
    )
    parallel_tool_calls: Flag | None = None
    functions: Annotated[Annotated[list[ToolFields], Field(fail_fast=True)] | None, OR_EMPTY] = None
    function_call: Annotated[OpenAIToolChoice | None, OR_EMPTY] = None
    system: Annotated[System | None, OR_EMPTY] = Field(
        default=None, description="A system prompt, as Anthropic's Messages API has it."
    )
    instructions: Annotated[System | None, OR_EMPTY] = Field(
        default=None, description="A system prompt, as the Responses API has it."
    )
    system_prompt: Annotated[System | None, OR_EMPTY] = Field(
        default=None, description="A system prompt, as claude-code-api has it."
    )
    max_output_tokens: TokenLimit = Field(default=None, description="The limit as the Responses API writes it.")
    stop_sequences: Stop | None = Field(default=None, description="stop, as Anthropic's Messages API writes it.")
    output_config: Annotated[OutputConfig | None, OR_EMPTY] = Field(
        default=None, description="Effort and format, as Anthropic's Messages API writes them."
    )

    temperature: Annotated[object, WithoutEffect(neutral=(1,), is_sampling=True)] = None
    top_p: Annotated[object, WithoutEffect(neutral=(1,), is_sampling=True)] = None
    presence_penalty: Annotated[object, WithoutEffect(neutral=(0,))] = None
    frequency_penalty: Annotated[object, WithoutEffect(neutral=(0,))] = None
    seed: Annotated[object, WithoutEffect()] = None
    logit_bias: Annotated[object, WithoutEffect(neutral=({},))] = None
    logprobs: Annotated[object, WithoutEffect(neutral=(False,))] = None
    top_logprobs: Annotated[object, WithoutEffect(neutral=(0,))] = None
    store: Annotated[object, WithoutEffect(neutral=(False,))] = None
    service_tier: Annotated[object, WithoutEffect(neutral=("auto", "default"))] = None
    verbosity: Annotated[object, WithoutEffect(neutral=("medium",))] = None
    prediction: Annotated[object, WithoutEffect()] = None
    web_search_options: Annotated[object, WithoutEffect()] = None
    user: Annotated[object, WithoutEffect(neutral=("",))] = None
    metadata: Annotated[object, WithoutEffect(neutral=({},))] = None
    safety_identifier: Annotated[object, WithoutEffect()] = None
    prompt_cache_key: Annotated[object, WithoutEffect()] = None
