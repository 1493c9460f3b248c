"""Reads the texts of a request for embeddings, in any of the forms that clients send."""

import re
from collections.abc import Mapping
from itertools import islice
from typing import Annotated

from pydantic import BeforeValidator, Field

from server.dialects.common.wire_types import INTEGRAL, String, WireModel
from server.errors import InvalidRequest

MOST_TEXTS = 2_048
_TOKENS = re.compile(rb'"input"\s*:\s*\[\s*(?:\[\s*)?\d')
_LONGEST_NAME = 100
_MOST_NAMES = 10


def _dimensions(value: object) -> object:
    # Forms and workflow tools send numbers as strings.
    return int(value) if isinstance(value, str) and re.fullmatch(r"\d{1,9}", value.strip()) else value


Dimensions = Annotated[int | None, Field(ge=1), INTEGRAL, BeforeValidator(_dimensions)]


class TextList(WireModel):
    """Texts whose unpaired surrogates are replaced."""

    input: list[String]


def check_tokens(raw: bytes) -> None:
    """Raises `InvalidRequest` for token ids, before a long body of them is parsed."""
    if _TOKENS.search(raw, 0, 10_000):
        raise tokens_refused("input")


def tokens_refused(place: str) -> InvalidRequest:
    """The error for token ids, of which the local model knows only its own."""
    return InvalidRequest(
        f"{place} contains token ids, and the local model needs the text.",
        param="input",
        hint="In LangChain, set OpenAIEmbeddings(check_embedding_ctx_length=False); in other clients, send strings.",
    )


def texts_of(value: object, field: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The texts in `field` and their places. Raises `InvalidRequest` for anything else, and for blank texts."""
    if isinstance(value, Mapping):
        value = [value]
    if isinstance(value, str):
        texts, places = [value], [field]
    elif isinstance(value, list):
        if len(value) > MOST_TEXTS:
            raise InvalidRequest(
                f"{field} has {len(value):,} entries; at most {MOST_TEXTS:,} are allowed.",
                param=field,
                hint="Send them in several requests.",
            )
        places = [f"{field}[{number}]" for number in range(len(value))]
        texts = [_text(item, place) for item, place in zip(value, places, strict=True)]
    else:
        problem = "is required" if value is None else "must be a string or an array of strings"
        raise InvalidRequest(f"{field} {problem}.", param=field)
    if not texts:
        raise InvalidRequest(f"{field} must not be empty.", param=field)
    for text, place in zip(texts, places, strict=True):
        if not text.strip():
            raise InvalidRequest(f"{place} must not be blank: it has no meaning to embed.", param=place)
    return tuple(texts), tuple(places)


def _text(item: object, place: str) -> str:
    """A string, or an object with one, as Jina's API and OpenAI's content parts have it."""
    if isinstance(item, str):
        return item
    if isinstance(item, Mapping) and isinstance(item.get("text"), str):
        return str(item["text"])
    if (isinstance(item, int) and not isinstance(item, bool)) or isinstance(item, list):
        raise tokens_refused(place)
    raise InvalidRequest(f"{place} must be a string.", param=place)


def without_effect(body: Mapping[str, object], known: frozenset[str]) -> tuple[str, ...]:
    """The first fields of `body` that are not `known` and ask for something."""
    asked = (name for name, value in body.items() if name not in known and value not in (None, "", [], {}, False))
    return tuple(name[:_LONGEST_NAME] for name in islice(asked, _MOST_NAMES))
