"""The `context` of /api/generate: numbers that contain the conversation so far, which clients send back unread.

In Ollama they are tokens. Claude's API has no such numbers, so they are the sealed text, two letters each.
"""

import base64
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from server.dialects.common.sealed import Seal
from server.large_json import dumps, loads

# Letters of a conversation. It is packed in the event loop, and the numbers are twice as long as the text.
LONGEST = 400_000
_KIND = "ollama context"


@dataclass(frozen=True, slots=True)
class Remembered:
    """The system prompt and the texts so far, the first and every other one of the user. Images are not kept."""

    system: str = ""
    texts: tuple[str, ...] = ()

    def numbers(self, seal: Seal) -> list[int] | None:
        """The numbers; None if the conversation is too long."""
        if len(self.system) + sum(map(len, self.texts)) > LONGEST:
            return None
        packed = zlib.compress(dumps([self.system, *self.texts]).encode(), level=1)
        sealed = seal.close(_KIND, {"texts": base64.b64encode(packed).decode()}).encode()
        return [256 * one + other for one, other in zip_longest(sealed[::2], sealed[1::2], fillvalue=0)]


def remembered(numbers: Sequence[object], seal: Seal) -> Remembered | None:
    """The conversation in `numbers`; None if they are not ours, such as Ollama's own tokens."""
    if not numbers or not all(isinstance(number, int) and 0 <= number < 2**16 for number in numbers):
        return None
    sealed = b"".join(number.to_bytes(2) for number in numbers if isinstance(number, int)).rstrip(b"\0")
    content = seal.open(_KIND, sealed.decode("latin-1"))
    if content is None:
        return None
    system, *texts = loads(zlib.decompress(base64.b64decode(content["texts"] or "")).decode())
    return Remembered(system, tuple(texts))
