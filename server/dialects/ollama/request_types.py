"""The types of Ollama's requests."""

from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from server.dialects.common.content.content_types import Content
from server.dialects.common.content.lenient_content import text_in
from server.dialects.common.effort import ThinkingFields
from server.dialects.common.history.message_types import WireMessage
from server.dialects.common.lenient import OR_EMPTY, Flag, TokenLimit
from server.dialects.common.options import WithoutEffect
from server.dialects.common.stops import Stop
from server.dialects.common.tools.tool_types import OpenAIToolChoice, WireTool, present
from server.dialects.common.wire_types import CUSTOM_ERROR, JsonObject, String, WireModel, from_text


def _limit(value: object) -> object:
    """0 is no limit, as in Ollama."""
    return None if value == 0 and not isinstance(value, bool) else value


def _format(value: object) -> object:
    """A word as an object, so that the format is one."""
    if not isinstance(value, str):
        return value
    word = value.strip().lower()
    if word in {"json", "json_object"}:
        return {"type": "json_object"}
    if word in {"", "text", "none", "null"}:
        return None
    schema = from_text(value)
    if not isinstance(schema, dict):
        raise PydanticCustomError(CUSTOM_ERROR, "must be 'json' or a JSON schema")
    return schema


def _parts(value: object) -> object:
    """Images as parts of a message."""
    if not isinstance(value, list):
        return value
    return [{"type": "image_url", "image_url": image} if isinstance(image, str) else image for image in value]


class Options(WireModel):
    """Options of the model. Those of Ollama that Claude does not have are accepted, too."""

    num_predict: Annotated[TokenLimit, BeforeValidator(_limit)] = Field(
        default=None, description="The longest answer, in tokens."
    )
    stop: Stop | None = None
    temperature: Annotated[object, WithoutEffect(neutral=(1,), is_sampling=True)] = None
    top_p: Annotated[object, WithoutEffect(neutral=(1,), is_sampling=True)] = None


class OllamaRequest(ThinkingFields):
    """What Ollama's chat and its completions have in common."""

    model: String = Field(default="", description="A name of /api/tags. Absent: the server's default model.")
    stream: Flag = True
    format: Annotated[JsonObject | None, BeforeValidator(_format), OR_EMPTY] = Field(
        default=None, description="'json', or the JSON schema of the answer."
    )
    options: Annotated[Options | None, OR_EMPTY] = None
    keep_alive: Annotated[object, Field(description="Accepted: Claude needs no loading.")] = None
    template: Annotated[object, WithoutEffect(neutral=("",))] = None
    truncate: Annotated[object, WithoutEffect(neutral=(True,))] = None
    shift: Annotated[object, WithoutEffect(neutral=(True,))] = None
    logprobs: Annotated[object, WithoutEffect(neutral=(False,))] = None
    top_logprobs: Annotated[object, WithoutEffect(neutral=(0,))] = None


class OllamaChatRequest(OllamaRequest):
    """A request of /api/chat."""

    messages: Annotated[list[WireMessage] | None, Field(fail_fast=True), OR_EMPTY] = Field(
        default=None, description="The conversation. Without messages, the answer says that the model is loaded."
    )
    tools: Annotated[Annotated[list[WireTool], Field(fail_fast=True)] | None, BeforeValidator(present), OR_EMPTY] = None
    tool_choice: Annotated[OpenAIToolChoice | None, OR_EMPTY] = None
    parallel_tool_calls: Flag = True


class OllamaGenerateRequest(OllamaRequest):
    """A request of /api/generate."""

    prompt: Annotated[String, BeforeValidator(text_in)] = ""
    suffix: Annotated[String, BeforeValidator(text_in)] = Field(
        default="", description="The text behind the gap that the answer fills."
    )
    system: Annotated[String, BeforeValidator(text_in)] = ""
    images: Annotated[Content | None, BeforeValidator(_parts), OR_EMPTY] = Field(
        default=None, description="Images as base64."
    )
    raw: Annotated[object, WithoutEffect(neutral=(True, False))] = None
    context: object = Field(default=None, description="The `context` of the last answer, which is then continued.")
