"""What an OpenAI client may send: tolerant of what it adds, exact about what it says.

Unknown fields are ignored everywhere and null means absent. A known field of a wrong type raises `InvalidRequest`
with the field's path and words for a person; what was sent is never repeated in them.
"""

from collections.abc import Mapping
from typing import Annotated, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from server.errors import InvalidRequest

_LONGEST_ANSWER = 2**31 - 1


def _whole_characters(text: str) -> str:
    # JSON can spell half of a surrogate pair; Claude Code would turn it into another character without a word.
    try:
        text.encode()
    except UnicodeEncodeError:
        raise PydanticCustomError("halved", "holds half of a surrogate pair, which is not a character") from None
    return text


def _count(value: object) -> object:
    # JavaScript and YAML write 100 as 100.0.
    return int(value) if isinstance(value, float) and value.is_integer() else value


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


Words = Annotated[str, AfterValidator(_whole_characters)]
Count = Annotated[int, BeforeValidator(_count)]
Tokens = Annotated[Count, Field(gt=0, le=_LONGEST_ANSWER)]
Number = Annotated[float, Field(allow_inf_nan=False)]
StopSequence = Annotated[Words, Field(min_length=1)]


class Shape(BaseModel):
    """What all shapes share: frozen, no types guessed, unknown fields ignored, null the same as absent."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, value: object) -> object:
        return {k: v for k, v in value.items() if v is not None} if isinstance(value, dict) else value


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
    Discriminator(_kind_of_part, "part", "must be an object with a type, as in {'type': 'text', 'text': ...}"),
    BeforeValidator(_part),
]
Content = Annotated[
    Annotated[Words, Tag("<text>")] | Annotated[list[ContentPart], Field(fail_fast=True), Tag("<list>")],
    Discriminator(_text_or_list, "content", "must be a text or a list of parts"),
]
Stop = Annotated[
    Annotated[StopSequence, Tag("<text>")]
    | Annotated[list[StopSequence], Field(fail_fast=True, max_length=16), Tag("<list>")],
    Discriminator(_text_or_list, "stop", "must be a text or a list of texts"),
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


AnyShape = TypeVar("AnyShape", bound=Shape)


def read(shape: type[AnyShape], body: object) -> AnyShape:
    """`body`, parsed JSON, as a `shape`. Raises `InvalidRequest` that names the first field that is wrong."""
    if not isinstance(body, dict):
        raise InvalidRequest("The request body must be a JSON object.")
    try:
        return shape.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
    param = _path(first["loc"])
    raise InvalidRequest(f"{param} {_words(first)}.", param=param)


def _path(location: tuple[int | str, ...]) -> str:
    """A place as in `messages[2].content[0].text`; the names of union members, in angle brackets, are left out."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in location if not str(step).startswith("<"))
    return "".join(steps).removeprefix(".")


_WORDS = {
    "missing": "is required",
    "string_type": "must be a text",
    "too_short": "must not be empty",
    "string_too_short": "must not be empty",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "too_long": "must have at most {max_length} entries",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be one of {expected}",
    "halved": "{words}",
    "part": "{words}",
    "content": "{words}",
    "stop": "{words}",
}


def _words(error: ErrorDetails) -> str:
    words = _WORDS.get(error["type"], "has a value that cannot be used")
    return words.format(words=error["msg"], **error.get("ctx", {}))
