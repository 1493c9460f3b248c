"""The real model, loaded once for each process, and the closeness of vectors."""

from array import array
from collections.abc import Sequence
from functools import cache
from itertools import combinations

from server.conversation.embedding import EmbeddingRequest
from server.embeddings.model import LocalModel, load_model


@cache
def model() -> LocalModel:
    return load_model()


def asked(*texts: str, **fields: object) -> EmbeddingRequest:
    places = tuple(f"input[{number}]" for number in range(len(texts)))
    return EmbeddingRequest(texts, places, "use-multilingual-v3", **fields)  # type: ignore[arg-type] # the fields' own types


def vector(text: str, dimensions: int | None = None) -> Sequence[float]:
    return array("f", model().vectors([model().tokens(text)], dimensions)[0])


def closeness(one: Sequence[float], other: Sequence[float]) -> float:
    """The cosine: vectors have length 1."""
    return sum(x * y for x, y in zip(one, other, strict=True))


def alike(one: str, other: str, dimensions: int | None = None) -> float:
    return closeness(vector(one, dimensions), vector(other, dimensions))


def rank_correlation(one: Sequence[float], other: Sequence[float]) -> float:
    """Kendall's tau-b: 1 if both have the same order, 0 if they have nothing in common."""

    def signs(values: Sequence[float]) -> list[int]:
        return [(a > b) - (a < b) for a, b in combinations(values, 2)]

    first, second = signs(one), signs(other)
    shared = sum(a * b for a, b in zip(first, second, strict=True))
    return shared / float((sum(map(abs, first)) * sum(map(abs, second))) ** 0.5)
