"""Options that all dialects share: reasoning effort, stop sequences, the answer's schema, fields without effect."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated

from pydantic import Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from server.conversation.text import is_blank
from server.dialects.common.output_schema import NO_SCHEMA, OutputSchema, output_schema
from server.dialects.common.refusals import missing_field
from server.dialects.common.wire_types import JsonObject, String, WireModel
from server.errors import InvalidRequest

EFFORTS: Mapping[str, str] = MappingProxyType(
    {"none": "low", "minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh", "max": "max"}
)
"""OpenAI's reasoning efforts, with Claude's for each."""


@dataclass(frozen=True, slots=True)
class WithoutEffect:
    """Marks a field that is accepted and has no effect. Only a value other than `neutral` is reported.

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
            if isinstance(mark, WithoutEffect) and not (mark.is_sampling and forwards_sampling):
                value = getattr(request, name)
                if value is not None and value not in mark.neutral:
                    yield name


def openai_effort(effort: str | None, param: str) -> tuple[str | None, bool]:
    """Returns Claude's effort for OpenAI's, and whether Claude may think. Raises `InvalidRequest` for others."""
    if effort is None:
        return None, True
    if effort not in EFFORTS:
        raise InvalidRequest(f"{param} must be one of {', '.join(EFFORTS)}.", param=param)
    return EFFORTS[effort], effort != "none"


def usable_stop_sequences(stops: Iterable[str]) -> tuple[str, ...]:
    """Returns the stop sequences without blank ones, which Claude's API refuses."""
    return tuple(stop for stop in stops if not is_blank(stop))


class OutputFormat(WireModel):
    """The format of the answer: plain text, or JSON of a schema."""

    type: String | None = None
    schema_: Annotated[JsonObject | None, Field(alias="schema")] = None


def schema_of(wanted: OutputFormat | None, place: str) -> OutputSchema:
    """Returns the schema of the format at `place`. Raises `InvalidRequest` if the format is not supported."""
    if wanted is None or wanted.type == "text" or (wanted.type is None and wanted.schema_ is None):
        return NO_SCHEMA
    if wanted.type != "json_schema":
        raise InvalidRequest(
            f"{place}.type must be 'text' or 'json_schema'.",
            param=f"{place}.type",
            hint="Describe the JSON that you want with a schema.",
        )
    if wanted.schema_ is None:
        raise missing_field(f"{place}.schema")
    return output_schema(wanted.schema_, f"{place}.schema")
