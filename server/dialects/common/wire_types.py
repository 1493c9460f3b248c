"""What the wire models of all dialects are made of: tolerant of what clients add, exact about what they say.

Unknown fields are ignored everywhere and null means absent. A known field of a wrong type raises `InvalidRequest`
with the field's path and words for a person; what was sent is never repeated in them.
"""

import json
import re
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from server.errors import InvalidRequest

LONGEST_ANSWER = 2**31 - 1
# The kind of an error whose message is ours: a dialect names it as the `custom_error_type` of its unions.
CUSTOM_ERROR = "words"
_HALF_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
# Python's parser gives up at a thousand levels, and Claude Code later without a word; nobody's data is so deep.
DEEPEST = 500
_TOO_DEEP = f"is nested more than {DEEPEST} levels deep"
_STEPS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[{]|[\]}]', re.DOTALL)


def _whole_characters(text: str) -> str:
    # JSON can spell half of a surrogate pair; Claude Code would turn it into another character without a word.
    try:
        text.encode()
    except UnicodeEncodeError:
        raise PydanticCustomError(CUSTOM_ERROR, "holds half of a surrogate pair, which is not a character") from None
    return text


def _count(value: object) -> object:
    # JavaScript and YAML write 100 as 100.0.
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _spelled(value: object) -> object:
    # Some clients send the arguments of a call as they got them from a parser.
    return _dumped(value) if isinstance(value, dict | list) else value


def _dumped(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except RecursionError:
        raise PydanticCustomError(CUSTOM_ERROR, _TOO_DEEP) from None
    except ValueError:
        # Python reads 1e999 as infinite, and that is no JSON any more.
        raise PydanticCustomError(CUSTOM_ERROR, "holds a number that is too large") from None


def _not_deep(text: str) -> str:
    """`text`, unless it is JSON that is nested too deeply. What is no JSON may hold any brackets."""
    if text.count("[") + text.count("{") <= DEEPEST:
        return text
    try:
        json.loads(text)
    except ValueError:
        return text
    except RecursionError:
        raise PydanticCustomError(CUSTOM_ERROR, _TOO_DEEP) from None
    depth = 0
    for step in _STEPS.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(step[0], 0)
        if depth > DEEPEST:
            raise PydanticCustomError(CUSTOM_ERROR, _TOO_DEEP)
    return text


def _whole_escapes(text: str) -> str:
    if _HALF_ESCAPE.search(text):
        try:
            parsed = json.loads(text)
        except ValueError:
            return text
        _whole_characters(json.dumps(parsed, ensure_ascii=False))
    return text


def _whole_object(value: dict[str, object]) -> dict[str, object]:
    _not_deep(_whole_characters(_dumped(value)))
    return value


def text_or_list(value: object) -> str | None:
    """Which member of a union of a text and a list `value` is; None for neither."""
    if isinstance(value, str):
        return "<text>"
    return "<list>" if isinstance(value, list) else None


String = Annotated[str, AfterValidator(_whole_characters)]
# JSON as a text: a call's arguments. JSON as an object: a schema. Both without half characters anywhere in them, and
# neither nested too deeply.
JsonText = Annotated[
    str,
    BeforeValidator(_spelled),
    AfterValidator(_whole_characters),
    AfterValidator(_not_deep),
    AfterValidator(_whole_escapes),
]
JsonObject = Annotated[dict[str, object], AfterValidator(_whole_object)]
Count = Annotated[int, BeforeValidator(_count)]
Tokens = Annotated[Count, Field(gt=0, le=LONGEST_ANSWER)]
Number = Annotated[float, Field(allow_inf_nan=False)]


class WireModel(BaseModel):
    """What all shapes share: frozen, no types guessed, unknown fields ignored, null the same as absent."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, value: object) -> object:
        return {k: v for k, v in value.items() if v is not None} if isinstance(value, dict) else value


AnyModel = TypeVar("AnyModel", bound=WireModel)


def read(shape: type[AnyModel], body: object) -> AnyModel:
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
    CUSTOM_ERROR: "{words}",
}


def _words(error: ErrorDetails) -> str:
    words = _WORDS.get(error["type"], "has a value that cannot be used")
    return words.format(words=error["msg"], **error.get("ctx", {}))
