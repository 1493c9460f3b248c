"""Exports a kept request, as a file for a bug report without the user's name, and as a command for curl."""

import json
import re
import shlex
from collections.abc import Mapping
from contextlib import suppress
from typing import Any  # a kept request as JSON

from server.contents.redaction import clean

_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
# The user's name in a path of a home folder; in JSON a backslash is doubled.
_HOME = re.compile(r"((?:/home/|/Users/|/root(?=/)|[A-Za-z]:\\{1,4}Users\\{1,4}))([^/\\\s\"':]+)?")
_SHARED = frozenset({"Shared", "Public"})
_ANTHROPIC = "/v1/messages"


def masked(text: str) -> str:
    """`text` without keys, e-mail addresses, and the user's name in paths."""
    return _HOME.sub(_without_name, _EMAIL.sub("(e-mail)", clean(text)))


def _without_name(found: re.Match[str]) -> str:
    name = found[2]
    return found[0] if name is None or name in _SHARED else f"{found[1]}(user)"


def masked_values(value: object) -> object:
    """The value with every string in it masked, also the names of fields."""
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, Mapping):
        return {masked(str(name)): masked_values(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [masked_values(item) for item in value]
    return value


def exported(record: Mapping[str, Any] | None, kept: Mapping[str, Any] | None, *, version: str) -> dict[str, object]:
    """The file for a bug report. `record`: the journal's; `kept` None: the contents were not kept."""
    contents = None if kept is None else {name: value for name, value in kept.items() if name != "record"}
    known = record or (kept or {}).get("record")
    what = {"drawbridge": version, "record": known, "contents": contents or "not kept"}
    result = masked_values(what)
    assert isinstance(result, dict)
    return result


def curl_command(kept: Mapping[str, Any], base: str) -> str:
    """The request as a command for a shell, with $KEY in the place of the key. `base`: the server, without a path.

    Pictures and files are notes in it, and a body that was cut is not complete.
    """
    path, body = str(kept["path"]), str(kept["request"]["text"])
    is_anthropic = path.startswith(_ANTHROPIC)
    key = (
        '-H "x-api-key: $KEY" -H "anthropic-version: 2023-06-01"' if is_anthropic else '-H "Authorization: Bearer $KEY"'
    )
    with suppress(ValueError):
        body = json.dumps(json.loads(body), ensure_ascii=False)
    lines = [f"curl {shlex.quote(base + path)}", key, '-H "Content-Type: application/json"', f"-d {shlex.quote(body)}"]
    return " \\\n  ".join(lines)
