"""Maps property names in a tool call's arguments between the client's and those that Claude's API takes."""

import json
from collections.abc import Mapping

_ESCAPED, _QUOTE, _OPEN, _CLOSE = "\\", '"', "{[", "}]"


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
        for letter in fragment:
            self._take(letter, out)
        return "".join(out)

    def end(self) -> str:
        """The rest of an object that broke off within a key."""
        rest, self._key = self._key, None
        return "".join(rest or ())

    def _take(self, letter: str, out: list[str]) -> None:
        target = out if self._key is None else self._key
        if self._in_string:
            target.append(letter)
            if self._is_escaped:
                self._is_escaped = False
            elif letter == _ESCAPED:
                self._is_escaped = True
            elif letter == _QUOTE:
                self._in_string = False
                if self._key is not None:
                    out.append(self._renamed("".join(self._key)))
                    self._key = None
                    self._expects_key = False
            return
        if letter == _QUOTE:
            self._in_string = True
            if self._depth == 1 and self._expects_key:
                self._key = [letter]
                return
        elif letter in _OPEN:
            self._depth += 1
            self._expects_key = self._depth == 1 and letter == "{"
        elif letter in _CLOSE:
            self._depth -= 1
            self._expects_key = False
        elif letter == "," and self._depth == 1:
            self._expects_key = True
        out.append(letter)

    def _renamed(self, quoted: str) -> str:
        name = json.loads(quoted, strict=False)
        return json.dumps(self._names[name], ensure_ascii=False) if name in self._names else quoted
