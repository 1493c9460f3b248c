"""The settings file: TOML that a person may write, read into plain values."""

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from server.config import OPTIONS
from server.errors import SettingsInvalid

_PLACE = re.compile(r"\(at line (\d+), column (\d+)\)")


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """What the file holds. `notices` are sentences about settings that have no effect."""

    values: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    notices: tuple[str, ...] = ()


def read_settings(path: Path) -> SettingsFile:
    """The settings in `path`; none where there is no such file.

    Raises `SettingsInvalid`, naming the file and the line, when it cannot be read.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return SettingsFile()
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise _invalid(path, line, "it is not text in UTF-8") from error
    except OSError as error:
        raise SettingsInvalid(
            f"The settings file {str(path)!r} cannot be read: {error.strerror or error}.",
            hint="Give yourself the right to read it, or move it away.",
        ) from error
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        words = str(error)
        place = _PLACE.search(words)
        line = int(place[1]) if place else text.count("\n") + 1
        raise _invalid(path, line, _PLACE.sub("", words).strip().rstrip(".")) from error
    return SettingsFile(MappingProxyType(values), tuple(_notices(path, values)))


def _invalid(path: Path, line: int, reason: str) -> SettingsInvalid:
    return SettingsInvalid(
        f"Line {line} of the settings file {str(path)!r} cannot be read: {reason}.",
        hint="Correct that line, or move the file away to start with the defaults.",
    )


def _notices(path: Path, values: Mapping[str, object]) -> list[str]:
    """A sentence for each setting that Drawbridge does not know: another version's, or a slip of the pen."""
    known = [option.key for option in OPTIONS]
    said = []
    for name in values:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            advice = f" Did you mean {near[0]!r}?" if near else ""
            said.append(f"The settings file {str(path)!r} has an unknown setting {name!r}, which is ignored.{advice}")
    return said
