"""Extracts an answer that is no object from the streamed arguments of the answer tool."""

import re
from typing import Literal

from server.dialects.common.answers.answer_format import FIELD

_HEAD = re.compile(rf'\s*\{{\s*"{FIELD}"\s*:\s*')
_MAX_HEAD = 200
# What does not change the state outside and inside a string.
_OUTSIDE = re.compile(r'[^"{}\[\],\s]+')
_INSIDE = re.compile(r'[^"\\]+')
_SPACE = re.compile(r"\s+")


class AnswerUnwrapper:
    """Takes the chunks of `{"answer": VALUE}` and returns those of VALUE. Other arguments are returned at the end."""

    def __init__(self) -> None:
        self._state: Literal["head", "value", "done", "other"] = "head"
        self._buffer = ""
        self._other: list[str] = []
        self._depth = 0
        self._is_string = False
        self._is_escaped = False
        self._space = ""

    def feed(self, chunk: str) -> str:
        """Returns the text that the next chunk adds to the answer."""
        match self._state:
            case "done":
                return ""
            case "other":
                self._other.append(chunk)
                return ""
            case "value":
                return self._value(chunk)
            case "head":
                self._buffer += chunk
        head = _HEAD.match(self._buffer)
        # White space may go on after the colon.
        if head is not None and head.end() < len(self._buffer):
            self._state = "value"
            return self._value(self._buffer[head.end() :])
        if head is None and (len(self._buffer) > _MAX_HEAD or not _can_be_head(self._buffer)):
            self._state, self._other = "other", [self._buffer]
        return ""

    def end(self) -> str:
        """Returns what is left after the last chunk."""
        if self._state == "other":
            return "".join(self._other)
        return self._buffer if self._state == "head" else ""

    def _value(self, text: str) -> str:
        out: list[str] = []
        at = 0
        while at < len(text) and self._state == "value":
            at = self._string(text, at, out) if self._is_string else self._outside(text, at, out)
        return "".join(out)

    def _string(self, text: str, at: int, out: list[str]) -> int:
        if self._is_escaped:
            self._is_escaped = False
        elif plain := _INSIDE.match(text, at):
            out.append(plain.group())
            return plain.end()
        elif text[at] == "\\":
            self._is_escaped = True
        else:
            self._is_string = False
        out.append(text[at])
        return at + 1

    def _outside(self, text: str, at: int, out: list[str]) -> int:
        if space := _SPACE.match(text, at):
            # White space before the closing brace is not part of the answer.
            self._space += space.group()
            return space.end()
        letter = text[at]
        if not self._depth and letter in ",}":
            self._state = "done"
            return at
        out.append(self._space)
        self._space = ""
        if plain := _OUTSIDE.match(text, at):
            out.append(plain.group())
            return plain.end()
        self._is_string = letter == '"'
        self._depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(letter, 0)
        out.append(letter)
        return at + 1


def _can_be_head(text: str) -> bool:
    return f'{{"{FIELD}":'.startswith(re.sub(r"\s+", "", text))
