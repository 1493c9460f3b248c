"""Proves that a public name leads to this server: it must answer our own question as only we can."""

import hashlib
import hmac
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Question:
    """A path that cannot be guessed, and the answer that it has."""

    path: str
    answer: bytes


class Proofs:
    """The questions that are being asked, which the tunnel's listener answers for as long.

    `seen_host` is the host name of the last request for a question that came under another name than the public one:
    something between replaces it.
    """

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)
        self._asked: set[str] = set()
        self.seen_host = ""

    @contextmanager
    def asking(self) -> Iterator[Question]:
        """A new question, answered during the block."""
        path = f"/{secrets.token_hex(16)}"
        self._asked.add(path)
        self.seen_host = ""
        try:
            yield Question(path, self._answer(path))
        finally:
            self._asked.discard(path)

    def answer_to(self, path: str) -> bytes | None:
        """The answer to a question that is being asked; None for every other path."""
        return self._answer(path) if path in self._asked else None

    def _answer(self, path: str) -> bytes:
        return hmac.digest(self._secret, path.encode(), hashlib.sha256).hex().encode()
