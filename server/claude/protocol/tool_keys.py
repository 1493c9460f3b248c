"""Maps property names in a tool call's arguments between the client's and those that Claude's API takes."""

import json
import re
from collections.abc import Iterable, Mapping

from server.conversation.request import Tool

KeyNames = Mapping[str, Mapping[str, str]]
"""For each tool, by the client's name: new names of its arguments' keys. Tools without any are left out."""

_IN_STRING = re.compile(r'[^"\\]+')
_BETWEEN = re.compile(r'[^"{}\[\],]+')


def claudes_keys(tools: Iterable[Tool]) -> KeyNames:
    """Claude's names for the client's keys."""
    return {tool.name: dict(tool.keys) for tool in tools if tool.keys}


def clients_keys(tools: Iterable[Tool]) -> KeyNames:
    """The client's names for Claude's keys."""
    return {tool.name: {claudes: clients for clients, claudes in tool.keys} for tool in tools if tool.keys}


def renamed_keys(arguments: dict[str, object], names: Mapping[str, str]) -> dict[str, object]:
    """The arguments with their top-level keys renamed; keys that `names` lacks stay."""
    return {names.get(key, key): value for key, value in arguments.items()}


class KeyRenamer:
    """Renames the top-level keys of a JSON object that arrives in fragments.

    A key is held back until it is complete; all other text passes unchanged and at once.
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self._depth = 0
        self._key: list[str] | None = None
        self._in_string = self._is_escaped = False
        self._expects_key = False

    def feed(self, fragment: str) -> str:
        """The text of `fragment` that is known by now, renamed."""
        out: list[str] = []
        at = 0
        while at < len(fragment):
            plain = None if self._is_escaped else (_IN_STRING if self._in_string else _BETWEEN).match(fragment, at)
            text = plain.group() if plain else fragment[at]
            at += len(text)
            (out if self._key is None else self._key).append(text)
            if plain is None:
                self._mark(text, out)
        return "".join(out)

    def end(self) -> str:
        """The rest of an object that broke off within a key."""
        rest, self._key = self._key, None
        return "".join(rest or ())

    def _mark(self, mark: str, out: list[str]) -> None:
        """Updates the state after a character that may have a meaning in JSON and was already copied."""
        if self._in_string:
            if self._is_escaped or mark == "\\":
                self._is_escaped = not self._is_escaped
            else:
                self._in_string = False
                if self._key is not None:
                    out.append(self._renamed("".join(self._key)))
                    self._key = None
        elif mark == '"':
            self._in_string = True
            if self._depth == 1 and self._expects_key:
                self._key, self._expects_key = [out.pop()], False
        elif mark in "{[":
            self._depth += 1
            self._expects_key = self._depth == 1 and mark == "{"
        elif mark in "}]":
            self._depth -= 1
            self._expects_key = False
        else:
            self._expects_key = self._depth == 1

    def _renamed(self, quoted: str) -> str:
        try:
            name = json.loads(quoted, strict=False)
        except ValueError:
            return quoted
        return json.dumps(self._names[name], ensure_ascii=False) if name in self._names else quoted
