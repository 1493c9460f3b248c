"""Stop sequences: those that Claude's API takes, and those at which Drawbridge cuts the answer itself."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator, Discriminator, Field, Tag

from server.conversation.text import is_blank
from server.dialects.common.wire_types import CUSTOM_ERROR, String, string_or_array

# No limit of Anthropic's is published; Amazon Bedrock takes this many.
MAX_UPSTREAM = 8191
# The text is searched for each of these.
MAX_CUT = 256


def _without_empty(value: object) -> object:
    if value is False or value == {}:
        return []
    return [stop for stop in value if stop not in ("", None)] if isinstance(value, list) else value


Stop = Annotated[
    Annotated[
        Annotated[String, Tag("<string>")] | Annotated[list[String], Field(fail_fast=True), Tag("<array>")],
        Discriminator(string_or_array, CUSTOM_ERROR, "must be a string or an array of strings"),
    ],
    BeforeValidator(_without_empty),
]


@dataclass(frozen=True, slots=True)
class Stops:
    """`upstream`: for Claude's API. `cut`: blank ones, which it refuses. `has_more`: some are without effect."""

    upstream: tuple[str, ...] = ()
    cut: tuple[str, ...] = ()
    has_more: bool = False


def stops_from(stops: str | Iterable[str] | None) -> Stops:
    """Sorts the stop sequences of a request; empty ones and duplicates are dropped."""
    stops = [stops] if isinstance(stops, str) else stops or []
    different = [stop for stop in dict.fromkeys(stops) if stop]
    visible = [stop for stop in different if not is_blank(stop)]
    cut = [stop for stop in different if is_blank(stop)] + visible[MAX_UPSTREAM:]
    return Stops(tuple(visible[:MAX_UPSTREAM]), tuple(cut[:MAX_CUT]), len(cut) > MAX_CUT)
