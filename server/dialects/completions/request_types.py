"""The types of a completions request."""

from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from server.dialects.common.content.lenient_content import text_in
from server.dialects.common.effort import ThinkingFields
from server.dialects.common.lenient import COUNT, OR_EMPTY, Flag, TokenLimit
from server.dialects.common.options import StreamOptions, WithoutEffect
from server.dialects.common.stops import Stop
from server.dialects.common.wire_types import CUSTOM_ERROR, INTEGRAL, String

MAX_CHOICES = 8


def _prompts(value: object) -> object:
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list):
        raise PydanticCustomError(CUSTOM_ERROR, "must be a string or an array of strings")
    if any(isinstance(entry, int | list) for entry in value):
        raise PydanticCustomError(
            CUSTOM_ERROR,
            "contains tokens, which are numbers of OpenAI's models: Claude cannot read them, send the text",
        )
    return value


class CompletionsRequest(ThinkingFields):
    """A completions request."""

    prompt: Annotated[list[String], Field(min_length=1, fail_fast=True), BeforeValidator(_prompts)] = Field(
        description="A string, or an array of strings that are answered one by one."
    )
    suffix: Annotated[String, BeforeValidator(text_in)] = Field(
        default="", description="The text behind the gap that the answer fills."
    )
    model: String = Field(default="", description="An id of /v1/models. Absent: the server's default model.")
    stream: Flag = False
    stream_options: StreamOptions = None
    max_tokens: TokenLimit = Field(default=None, description="The longest answer, in tokens. Absent: no limit.")
    max_completion_tokens: TokenLimit = Field(default=None, description="Another name of max_tokens.")
    stop: Stop | None = None
    n: Annotated[int, Field(ge=1, le=MAX_CHOICES), INTEGRAL, COUNT] = Field(
        default=1, description="The number of answers to each prompt."
    )
    echo: Flag = Field(default=False, description="Whether the answer begins with the prompt.")

    best_of: Annotated[object, WithoutEffect(neutral=(1,))] = None
    logprobs: Annotated[object, WithoutEffect(neutral=(0, False))] = None
    temperature: Annotated[object, WithoutEffect(neutral=(1,), is_sampling=True)] = None
    top_p: Annotated[object, WithoutEffect(neutral=(1,), is_sampling=True)] = None
    presence_penalty: Annotated[object, WithoutEffect(neutral=(0,))] = None
    frequency_penalty: Annotated[object, WithoutEffect(neutral=(0,))] = None
    logit_bias: Annotated[object, WithoutEffect(neutral=({},))] = None
    seed: Annotated[object, WithoutEffect()] = None
    user: Annotated[object, WithoutEffect(neutral=("",))] = None
    metadata: Annotated[object, WithoutEffect(neutral=({},))] = None
    system: Annotated[String, BeforeValidator(text_in), OR_EMPTY] = Field(
        default="", description="A system prompt, which OpenAI's API does not have."
    )
