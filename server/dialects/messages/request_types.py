"""The types of a request of Anthropic's Messages API, with what Cursor mixes in of OpenAI's."""

from typing import Annotated

from pydantic import BeforeValidator, Discriminator, Field, Tag

from server.dialects.common.answers.answer_format import AnyOutputFormat, OutputConfig
from server.dialects.common.content.content_types import System
from server.dialects.common.effort import ThinkingFields
from server.dialects.common.history.message_types import WireMessage
from server.dialects.common.lenient import OR_EMPTY, Flag, TokenLimit
from server.dialects.common.options import StreamOptions, WithoutEffect
from server.dialects.common.stops import Stop
from server.dialects.common.tools.tool_types import ToolFields, WireTool, present
from server.dialects.common.wire_types import (
    CUSTOM_ERROR,
    Name,
    String,
    WireModel,
    string_or_object,
)


class Tool(WireTool):
    """A tool; Cursor also sends OpenAI's forms, also custom tools."""

    display_width_px: object = None
    display_height_px: object = None


class ChosenTool(WireModel):
    """Whether Claude may call tools, must, must not, or must call the tool `name`."""

    type: String
    name: Name | None = None
    function: ToolFields | None = None
    disable_parallel_tool_use: Flag = False


Choice = Annotated[
    Annotated[String, Tag("<string>")] | Annotated[ChosenTool, Tag("<object>")],
    Discriminator(string_or_object, CUSTOM_ERROR, "must be an object with a type, such as {'type': 'auto'}"),
]


class MessagesRequest(ThinkingFields):
    """A request of the Messages API."""

    messages: Annotated[list[WireMessage], Field(fail_fast=True)]
    model: String = ""
    system: Annotated[System | None, OR_EMPTY] = None
    max_tokens: TokenLimit = None
    stream: Flag = False
    stream_options: StreamOptions = None
    stop_sequences: Stop | None = None
    tools: Annotated[list[Tool] | None, BeforeValidator(present), OR_EMPTY] = None
    tool_choice: Annotated[Choice | None, OR_EMPTY] = None
    parallel_tool_calls: Flag = True
    output_config: Annotated[OutputConfig | None, OR_EMPTY] = None
    # The beta's name for `output_config.format`, which LiteLLM sends.
    output_format: AnyOutputFormat = None

    temperature: Annotated[object, WithoutEffect(neutral=(1,), is_sampling=True)] = None
    top_p: Annotated[object, WithoutEffect(neutral=(1,), is_sampling=True)] = None
    top_k: Annotated[object, WithoutEffect()] = None
    metadata: Annotated[object, WithoutEffect(neutral=({},))] = None
    service_tier: Annotated[object, WithoutEffect(neutral=("auto", "standard_only"))] = None
    container: Annotated[object, WithoutEffect()] = None
    context_management: Annotated[object, WithoutEffect(neutral=({},))] = None
    mcp_servers: Annotated[object, WithoutEffect(neutral=([],))] = None
    user: Annotated[object, WithoutEffect(neutral=("",))] = None
