"""The settings file: TOML that a person and the menu may write, each leaving what the other wrote."""

import difflib
import logging
import re
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from server.config import OPTIONS
from server.errors import DrawbridgeError, SettingsCorrupt, SettingsInvalid
from server.machine.atomic_files import replace_file

logger = logging.getLogger(__name__)

# Without these a door that was locked would stand open: they are kept even from a file that cannot be read.
PROTECTING = ("require_key", "api_key")
_HEADER = "# Drawbridge's settings. The README lists them; changes are picked up while Drawbridge runs.\n\n"
_PLACE = re.compile(r"\(at line (\d+), column (\d+)\)")


@dataclass(frozen=True, slots=True)
class Saved:
    """What the file holds. `notices` are sentences about what has no effect; `aside`: where a corrupt file is now."""

    values: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    notices: tuple[str, ...] = ()
    aside: Path | None = None


def read_settings(path: Path) -> Saved:
    """The settings in `path`; none where there is no such file.

    Raises `SettingsCorrupt`, naming the file and the line, or `SettingsInvalid` when the system does not give it.
    """
    raw = _read(path)
    if raw is None:
        return Saved()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise _corrupt(path, line, "it is not text in UTF-8") from error
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        words = str(error)
        place = _PLACE.search(words)
        line = int(place[1]) if place else text.count("\n") + 1
        raise _corrupt(path, line, _PLACE.sub("", words).strip().rstrip(".")) from error
    return Saved(MappingProxyType(values), tuple(_notices(path, values)))


def read_or_set_aside(path: Path) -> Saved:
    """The settings in `path`; a corrupt file is renamed to settings.toml.broken-1 (or -2 ...), and a notice says so.

    Then the defaults hold, except that a key which was asked for stays asked for. Raises `SettingsInvalid` when the
    system does not give the file, or does not let it be renamed.
    """
    try:
        return read_settings(path)
    except SettingsCorrupt as error:
        kept = _protection(path)
        aside = _set_aside(path, error)
        logger.warning("the settings file was corrupt and is now %s", aside)
        if kept:
            write_settings(path, kept)
        but = ", except that the access key is still asked for" if kept else ""
        notice = f"{error.message} It was set aside as {aside.name!r}, and the defaults are used{but}."
        return Saved(MappingProxyType(kept), (notice,), aside)


def write_settings(path: Path, changes: Mapping[str, object]) -> tuple[str, ...]:
    """Writes `changes` by their names in the file; None takes one out. Comments and unknown settings stay.

    The file is replaced in one step, so that nobody ever reads half of it; a new one is for this user only. A corrupt
    one is set aside first, and the notices that are returned say so. Raises `DrawbridgeError` when it cannot be saved.
    """
    saved = read_or_set_aside(path)
    raw = _read(path)
    before = _HEADER if raw is None else raw.decode("utf-8-sig")
    after = _edited(path, before, changes)
    try:
        replace_file(path, after.encode())
    except OSError as error:
        raise _unsaved(path, error.strerror or str(error)) from error
    return saved.notices if saved.aside else ()


class SettingsFile:
    """The settings file of a running app: `changed` tells cheaply whether another hand has written it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, int, int] | None = None

    def __repr__(self) -> str:
        """Where it is."""
        return f"<SettingsFile {str(self.path)!r}>"

    def read(self, *, set_aside: bool = True) -> Saved:
        """The settings now. A corrupt file is set aside, or with `set_aside` False left there: then `SettingsCorrupt`.

        Raises `SettingsInvalid` when the system does not give it. Either way `changed` is False until the next change.
        """
        # The stamp first: what is written meanwhile will be noticed.
        self._seen = _stamp(self.path)
        saved = read_or_set_aside(self.path) if set_aside else read_settings(self.path)
        if saved.aside:
            self._seen = _stamp(self.path)
        return saved

    def write(self, changes: Mapping[str, object]) -> tuple[str, ...]:
        """Writes `changes`, as `write_settings` does, which is no change in the sense of `changed`.

        Another hand's change just before it stays one: `changed` says so until the next `read`.
        """
        is_ours = not self.changed()
        notices = write_settings(self.path, changes)
        if is_ours:
            self._seen = _stamp(self.path)
        return notices

    def changed(self) -> bool:
        """Whether the file is another one than at the last `read` or `write`. Cheap: nothing is read."""
        return _stamp(self.path) != self._seen


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """What tells one state of the file from another; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SettingsInvalid(
            f"The settings file {str(path)!r} cannot be read: {error.strerror or error}.",
            hint="Give yourself the right to read it, or move it away.",
        ) from error


def _protection(path: Path) -> dict[str, object]:
    """The settings of a corrupt file that keep others out, as far as their own lines can be read."""
    kept: dict[str, object] = {}
    for line in (_read(path) or b"").decode("utf-8", "replace").splitlines():
        with suppress(tomllib.TOMLDecodeError):
            kept |= {name: value for name, value in tomllib.loads(line).items() if name in PROTECTING and value}
    return kept


def _set_aside(path: Path, error: SettingsCorrupt) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.name}.broken-{number}")).exists():
        number += 1
    try:
        path.rename(aside)
    except OSError as refusal:
        raise error from refusal
    return aside


def _edited(path: Path, before: str, changes: Mapping[str, object]) -> str:
    # Lazy: only who changes a setting needs it.
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        document = tomlkit.parse(before)
        for name, value in changes.items():
            if value is None:
                document.pop(name, None)
            else:
                document[name] = _plain(value)
        after = tomlkit.dumps(document)
        # What a person wrote is worth more than our change: never replace it by what cannot be read back.
        tomllib.loads(after)
    except (TOMLKitError, ValueError) as error:
        raise _unsaved(path, f"its form is beyond a program's editing ({error})") from error
    return re.sub(r"(?<!\r)\n", "\r\n", after) if "\r\n" in before else after


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return list(value)
    return str(value) if isinstance(value, Path) else value


def _unsaved(path: Path, reason: str) -> DrawbridgeError:
    return DrawbridgeError(
        f"The settings file {str(path)!r} cannot be written: {reason}.",
        hint="The change holds until Drawbridge ends; to keep it, see that you may write that file.",
        title="The settings are not saved",
    )


def _corrupt(path: Path, line: int, reason: str) -> SettingsCorrupt:
    return SettingsCorrupt(
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
