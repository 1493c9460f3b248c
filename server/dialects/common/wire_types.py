"""Base types of all request models: unknown fields are ignored, known ones must have the right JSON type.

null counts as absent. A wrong field raises `InvalidRequest` with the field's path; the message never repeats what the
client sent.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Annotated, Any, TypeVar  # Any: parsed JSON

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from server.errors import InvalidRequest
from server.large_json import MOST_VALUES, STEP, dumps, has_more_values, loads, steps

MAX_ANSWER_TOKENS = 2**31 - 1
# Python's parser fails at about 1000 levels, and Claude Code later without an error. No real data is this deep.
MAX_DEPTH = 500
CUSTOM_ERROR = "custom"
"""The pydantic error type whose message is ours: unions pass it as `custom_error_type`."""
_TOO_DEEP = f"is nested more than {MAX_DEPTH} levels deep"
_HALF_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
_REPAIRED = "repaired"
_MOST_PLACES = 10
AnyJson = TypeVar("AnyJson", bound=object)


def _well_formed(text: str, info: ValidationInfo) -> str:
    """Replaces unpaired surrogates, which are no characters, by U+FFFD; `validated` reports them.

    JSON can escape one, and clients that cut a text inside an emoji send it.
    """
    if text.isascii():
        return text
    try:
        for part in steps(text):
            part.encode()
    except UnicodeEncodeError:
        if info.context is not None:
            info.context[_REPAIRED] = True
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _integral(value: object) -> object:
    # JavaScript and YAML write 100 as 100.0.
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _as_json(value: object) -> object:
    # Some clients send a call's arguments parsed.
    return value if isinstance(value, str) else json_text(value)


def json_text(value: object) -> str:
    """Returns `value` as JSON. Raises a validation error if it is nested too deeply or contains an infinite number."""
    try:
        return dumps(value, ensure_ascii=False, allow_nan=False)
    except RecursionError:
        raise PydanticCustomError(CUSTOM_ERROR, _TOO_DEEP) from None
    except ValueError:
        # Python parses 1e999 as infinity, which JSON cannot represent.
        raise PydanticCustomError(CUSTOM_ERROR, "contains a number that is too large for JSON") from None


def _within_limits(text: str) -> str:
    """Raises for JSON of too many levels or values. Text that is not JSON may contain any brackets."""
    if has_more_values(text):
        raise PydanticCustomError(CUSTOM_ERROR, f"contains more than {MOST_VALUES:,} JSON values")
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return text
    try:
        level = _containers([loads(text)])
    except ValueError:
        return text
    except RecursionError:
        raise PydanticCustomError(CUSTOM_ERROR, _TOO_DEEP) from None
    for _ in range(MAX_DEPTH):
        level = [inner for value in level for inner in _containers(value)]
    if level:
        raise PydanticCustomError(CUSTOM_ERROR, _TOO_DEEP)
    return text


def _containers(value: dict[str, Any] | list[Any]) -> list[Any]:
    items = value.values() if isinstance(value, dict) else value
    return [item for item in items if isinstance(item, dict | list)]


def _has_half_escape(text: str) -> bool:
    # Slices overlap by the length of one escape sequence.
    return any(_HALF_ESCAPE.search(text, at, at + STEP + 5) for at in range(0, len(text), STEP))


def _without_escaped_surrogates(text: str, info: ValidationInfo) -> str:
    if _has_half_escape(text):
        try:
            parsed = dumps(loads(text), ensure_ascii=False)
        except ValueError:
            return text
        repaired = _well_formed(parsed, info)
        return text if repaired == parsed else repaired
    return text


def _encodable(value: AnyJson, info: ValidationInfo) -> AnyJson:
    text = json_text(value)
    repaired = _within_limits(_well_formed(text, info))
    if repaired == text:
        return value
    parsed: AnyJson = loads(repaired)
    return parsed


def from_text(value: object) -> object:
    """Returns the value of JSON text; anything else unchanged, so that the validation of its field refuses it."""
    # Some clients send a schema as JSON text.
    with suppress(ValueError, RecursionError):
        return loads(value) if isinstance(value, str) and value.strip() and not has_more_values(value) else value
    return value


String = Annotated[str, AfterValidator(_well_formed)]
Name = Annotated[String, Field(min_length=1)]
JsonText = Annotated[
    str,
    BeforeValidator(_as_json),
    AfterValidator(_well_formed),
    AfterValidator(_within_limits),
    AfterValidator(_without_escaped_surrogates),
]
"""JSON in a string, as a call's arguments; the client may also send the value itself."""
JsonObject = Annotated[dict[str, object], AfterValidator(_encodable)]
SchemaJson = Annotated[
    object,
    BeforeValidator(from_text),
    AfterValidator(_encodable),
    WithJsonSchema({"type": "object", "additionalProperties": True}),
]
"""A tool's JSON schema. A value that is not an object is refused later, with an error that names the tool."""
INTEGRAL = BeforeValidator(_integral)
"""Accepts a float without a fraction. In an annotation, bounds come before it, so that JSON schemas show them."""
TokenCount = Annotated[int, Field(gt=0, le=MAX_ANSWER_TOKENS), INTEGRAL]


class WireModel(BaseModel):
    """Base of all request models: frozen, no type coercion, unknown fields ignored, null the same as absent."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")
    _repaired: tuple[str, ...] = PrivateAttr(default=())

    @property
    def repaired(self) -> tuple[str, ...]:
        """The places of a request in which unpaired surrogates were replaced."""
        return self._repaired

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, value: object) -> object:
        return {k: v for k, v in value.items() if v is not None} if isinstance(value, dict) else value


def string_or_array(value: object) -> str | None:
    """Discriminates a union of a string and an array. None: neither."""
    if isinstance(value, str):
        return "<string>"
    return "<array>" if isinstance(value, list) else None


def string_or_object(value: object) -> str | None:
    """Discriminates a union of a string and an object. None: neither."""
    if isinstance(value, str):
        return "<string>"
    return "<object>" if isinstance(value, Mapping | WireModel) else None


def tag_by_type(tags: Mapping[str, str], *, untyped: str | None = None) -> Callable[[object], str | None]:
    """Discriminates objects by their `type`: one not in `tags` is "<other>", one without a type is `untyped`."""

    def tag(value: object) -> str | None:
        kind = value.get("type") if isinstance(value, Mapping) else getattr(value, "type", None)
        if isinstance(kind, str):
            return tags.get(kind, "<other>")
        return untyped if isinstance(value, Mapping | WireModel) else None

    return tag


class OtherPart(WireModel):
    """An object of a type that is not supported here."""

    type: String


AnyModel = TypeVar("AnyModel", bound=WireModel)


def validated(model: type[AnyModel], body: object) -> AnyModel:
    """Returns `body`, parsed JSON, as a `model`. Raises `InvalidRequest` that names the first wrong field."""
    if not isinstance(body, dict):
        raise InvalidRequest("The request body must be a JSON object.")
    context: dict[str, bool] = {}
    try:
        request = model.model_validate(body, context=context)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
    else:
        if _REPAIRED in context:
            request._repaired = tuple(f"{place} (half of a surrogate pair)" for place in _broken_places(body))  # noqa: SLF001
        return request
    param = _path(first["loc"])
    raise InvalidRequest(f"{param} {_message(first)}.", param=param)


def _broken_places(body: object) -> Iterator[str]:
    """Yields the paths of the first strings that contain unpaired surrogates."""
    found = 0
    waiting: list[tuple[str, object]] = [("", body)]
    while waiting and found < _MOST_PLACES:
        path, value = waiting.pop()
        if isinstance(value, Mapping):
            waiting += [(f"{path}.{key}", item) for key, item in reversed(list(value.items()))]
        elif isinstance(value, list):
            waiting += [(f"{path}[{number}]", item) for number, item in reversed(list(enumerate(value)))]
        elif isinstance(value, str) and _is_broken(value):
            found += 1
            yield path.removeprefix(".")


def _is_broken(text: str) -> bool:
    try:
        text.encode()
        if _has_half_escape(text):
            dumps(loads(text), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    except (ValueError, RecursionError):
        return False
    return False


def _path(location: tuple[int | str, ...]) -> str:
    """Returns a path like `messages[2].content[0].text`; the tags of unions, in angle brackets, are left out."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in location if not str(step).startswith("<"))
    return "".join(steps).removeprefix(".")


_MESSAGES = {
    "missing": "is required",
    "string_type": "must be a string",
    "too_short": "must not be empty",
    "string_too_short": "must not be empty",
    "int_type": "must be an integer",
    "int_from_float": "must be an integer",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be a boolean",
    "list_type": "must be an array",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "too_long": "must have at most {max_length} items",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be one of {expected}",
    CUSTOM_ERROR: "{message}",
}


def _message(error: ErrorDetails) -> str:
    template = _MESSAGES.get(error["type"], "has an invalid value")
    return template.format(message=error["msg"], **error.get("ctx", {}))
