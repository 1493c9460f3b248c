"""What an OpenAI client may send: tolerant of what it adds, exact about what it says."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag

from server.shapes import OWN_WORDS, Count, Number, Shape, Tokens, Words


def _part(value: object) -> object:
    # LangChain lets a list of parts hold plain strings.
    return {"type": "text", "text": value} if isinstance(value, str) else value


def _text_or_list(value: object) -> str | None:
    if isinstance(value, str):
        return "<text>"
    return "<list>" if isinstance(value, list) else None


def _kind_of_part(value: object) -> str | None:
    kind = value.get("type") if isinstance(value, Mapping) else getattr(value, "type", None)
    if not isinstance(kind, str):
        return None
    return {"text": "<text>", "input_text": "<text>", "output_text": "<text>", "refusal": "<refusal>"}.get(
        kind, "<other>"
    )


StopSequence = Annotated[Words, Field(min_length=1)]


class TextPart(Shape):
    """Words, in the chat spelling or in that of the Responses API."""

    type: Literal["text", "input_text", "output_text"]
    text: Words


class RefusalPart(Shape):
    """What the assistant said when it declined."""

    type: Literal["refusal"]
    refusal: Words


class OtherPart(Shape):
    """A part that is not words: `request` says what becomes of it."""

    type: Words


ContentPart = Annotated[
    Annotated[TextPart, Tag("<text>")]
    | Annotated[RefusalPart, Tag("<refusal>")]
    | Annotated[OtherPart, Tag("<other>")],
    Discriminator(_kind_of_part, OWN_WORDS, "must be an object with a type, as in {'type': 'text', 'text': ...}"),
    BeforeValidator(_part),
]
Content = Annotated[
    Annotated[Words, Tag("<text>")] | Annotated[list[ContentPart], Field(fail_fast=True), Tag("<list>")],
    Discriminator(_text_or_list, OWN_WORDS, "must be a text or a list of parts"),
]
Stop = Annotated[
    Annotated[StopSequence, Tag("<text>")]
    | Annotated[list[StopSequence], Field(fail_fast=True, max_length=16), Tag("<list>")],
    Discriminator(_text_or_list, OWN_WORDS, "must be a text or a list of texts"),
]


class ChatMessage(Shape):
    """One message of a conversation, of any role."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: Content | None = None
    refusal: Words | None = None
    name: Words | None = None
    tool_calls: list[object] | None = None
    function_call: object = None
    audio: object = None


class StreamOptions(Shape):
    """How a stream is told."""

    include_usage: bool = False


class ResponseFormat(Shape):
    """The form that the answer shall have."""

    type: Words


class ChatRequest(Shape):
    """A chat completion request."""

    messages: Annotated[list[ChatMessage], Field(fail_fast=True)]
    model: Words = ""
    stream: bool = False
    stream_options: StreamOptions | None = None
    max_tokens: Tokens | None = None
    max_completion_tokens: Tokens | None = None
    stop: Stop | None = None
    n: Annotated[Count, Field(ge=1)] = 1
    reasoning_effort: Words | None = None
    response_format: ResponseFormat | None = None
    modalities: list[Words] | None = None
    tools: list[object] | None = None
    tool_choice: object = None
    functions: list[object] | None = None
    function_call: object = None
    system: object = None

    temperature: Number | None = None
    top_p: Number | None = None
    presence_penalty: Number | None = None
    frequency_penalty: Number | None = None
    seed: Count | None = None
    logit_bias: dict[str, object] | None = None
    logprobs: bool | None = None
    top_logprobs: Count | None = None
    store: bool | None = None
    service_tier: Words | None = None
    verbosity: Words | None = None
    prediction: object = None
    web_search_options: object = None
