"""Options that all dialects share: of the stream, sampling, and fields without effect."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Annotated

from pydantic import Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from server.dialects.common.lenient import OR_EMPTY, Flag, number_in
from server.dialects.common.wire_types import WireModel

# How many unknown fields are named, and by how many characters.
_MOST_UNKNOWN, _LONGEST_NAME = 10, 40


class StreamFields(WireModel):
    """Options of a streamed reply."""

    include_usage: Flag = Field(default=False, description="The stream ends with the token usage.")


StreamOptions = Annotated[StreamFields | None, OR_EMPTY]


@dataclass(frozen=True, slots=True)
class WithoutEffect:
    """Marks a field that is accepted with any value and has no effect. Only a value other than `neutral` is reported.

    A sampling field has an effect if the server forwards sampling: Claude's API refuses it while the model thinks.
    """

    neutral: tuple[object, ...] = ()
    is_sampling: bool = False

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        condition = " unless the server forwards sampling" if self.is_sampling else ""
        return {**handler(schema), "description": f"Accepted, but without effect{condition}."}


def fields_without_effect(request: WireModel, *, forwards_sampling: bool) -> Iterator[str]:
    """Yields the names of the fields of `request` that ask for something and have no effect."""
    for name, field in type(request).model_fields.items():
        for mark in field.metadata:
            if not isinstance(mark, WithoutEffect):
                continue
            value = getattr(request, name)
            if mark.is_sampling and forwards_sampling:
                has_effect = (number := sampling_value(value)) is not None and number == number_in(value)
            else:
                has_effect = value == "" or value in mark.neutral
            if value is not None and not has_effect:
                yield name


def unknown_fields(body: object, *types: type[WireModel]) -> Iterator[str]:
    """Yields the first fields of `body` that none of the request `types` has and that ask for something."""
    known = _names(types)
    given = body.items() if isinstance(body, Mapping) else ()
    unknown = (name for name, value in given if name not in known and value not in (None, "", [], {}, False))
    return (name[:_LONGEST_NAME] for name in islice(unknown, _MOST_UNKNOWN))


@cache
def _names(types: tuple[type[WireModel], ...]) -> frozenset[str]:
    return frozenset(name for model in types for name in model.model_fields)


def sampling_value(value: object) -> float | None:
    """Returns a temperature or top_p as Claude's API takes it, from 0 to 1; None if `value` is not one."""
    number = number_in(value)
    return None if number is None or number < 0 else min(number, 1.0)
