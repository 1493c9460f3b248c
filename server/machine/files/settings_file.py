"""Reads and writes the settings file: TOML, edited by the user and by the menu; each keeps the other's changes."""

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
from server.machine.files.atomic_files import replace_file

logger = logging.getLogger(__name__)

# Without these a protected server would be open: they are kept even from a corrupt file.
PROTECTING = ("require_key", "api_key")
# The common settings as they are written in the file, with their defaults.
COMMON: tuple[tuple[str, str, str], ...] = (
    ("port", "8082", "the port to listen on"),
    ("model", '"sonnet"', "answers requests that name no model, or none of Claude's"),
    # In one line, since all lines after the head of a table would belong to it.
    (
        "aliases",
        '{ fast = "haiku", deep = { model = "opus", effort = "high" } }',
        "your own names for models, which clients can request; none if absent",
    ),
    ("pool_size", "3", "how many answers may run at once; each needs one Claude Code process"),
    ("require_key", "false", "apps on this computer must send the access key, too"),
    ("reach", '"local"', '"lan" lets containers and the network connect, with the access key'),
    ("ollama_port", "0", "a second port for apps that only know Ollama, which look at 11434; 0: none"),
    ("payer", '"automatic"', 'which account pays: "automatic", "plan" or "api key"'),
    ("on_extra_usage", '"go on"', 'when the plan is used up: "go on" with paid extra usage, or "stop"'),
    ("usage_notice", "80", "the app notifies you at this percentage of the plan; 0: not at all"),
    ("timeout", "120", "a request fails if Claude sends nothing for this many seconds"),
    (
        "proxy",
        '"http://user:password@proxy.example.org:3128"',
        "the proxy for Claude Code; if absent, that of the environment",
    ),
    ("cli_path", '"/path/to/claude"', "the Claude Code program to run; if absent, Drawbridge searches for it"),
    ("log_dir", '"/path/to/folder"', "the folder of the log; if absent, the system's folder for logs"),
    ("demo", "false", "made-up answers, without an account"),
    ("journal_days", "30", "how many days the list of requests is kept, without their words; 0: not at all"),
    ("sessions", '"disk"', "where conversations with a session_id are kept: disk, memory or off"),
    ("session_hours", "1", "how many hours a session is kept after its last request"),
    ("metrics", "false", "serve counts and times of requests at /metrics in Prometheus' form, to this computer only"),
    ("contents_days", "0", "how many days contents that you keep stay on the disk too; 0: in memory only"),
    ("agent_mode", "false", "let Claude Code's own tools work in the folder of a project, for requests that name one"),
    ("agents", "2", "how many agents work at once"),
    ("computer_use", "false", "let the app's menu start a time in which Claude uses the screen, pointer and keyboard"),
    ("projects_root", '"/path/to/folder"', "where folders of projects may be made; if absent, nowhere"),
    ("projects_by_api", "false", "apps without a key of their own may add and remove projects in that folder"),
    ("check_updates", "false", "check once a day for a newer version"),
    ("tunnel", '"off"', "the provider of the tunnel that is opened at the start: the manual names them"),
    ("tunnel_host", '"bridge.example.org"', "the tunnel's public host name, for cloudflared-named, own and ngrok"),
    ("tunnel_port", "0", "the local port of the tunnel's listener; 0: a free one, or 8490"),
    ("tunnel_idle_hours", "8", "after how many hours without a request the tunnel is closed; 0: never"),
)
_INTRODUCTION = """\
# Drawbridge's settings. The manual (/manual/commands) lists them all. Changes apply while Drawbridge runs.
# To change a setting, remove the '#' before its name. The values shown are the defaults.
"""
_PLACE = re.compile(r"\(at line (\d+), column (\d+)\)")


@dataclass(frozen=True, slots=True)
class Saved:
    """The file's values. `notices` are sentences about ignored settings; `aside` is the new path of a corrupt file."""

    values: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    notices: tuple[str, ...] = ()
    aside: Path | None = None


def read_settings(path: Path) -> Saved:
    """Reads the settings in `path`; none without a file. Raises `SettingsCorrupt` or `SettingsInvalid`."""
    raw = _read(path)
    if raw is None:
        return Saved()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise _corrupt(path, line, "it is not UTF-8 text") from error
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        reason = str(error)
        place = _PLACE.search(reason)
        line = int(place[1]) if place else text.count("\n") + 1
        raise _corrupt(path, line, _PLACE.sub("", reason).strip().rstrip(".")) from error
    return Saved(MappingProxyType(values), tuple(_notices(path, values)))


def read_or_set_aside(path: Path) -> Saved:
    """Reads the settings in `path`; a corrupt file is renamed to settings.toml.broken-1 (or -2 ...), with a notice.

    Then the defaults apply, except that a required key stays required. Raises `SettingsInvalid` if the file cannot be
    opened or renamed.
    """
    try:
        return read_settings(path)
    except SettingsCorrupt as error:
        kept = _protection(path)
        aside = _set_aside(path, error)
        logger.warning("the settings file was corrupt and is now %s", aside)
        if kept:
            write_settings(path, kept)
        but = ", except that the access key is still required" if kept else ""
        notice = f"{error.message} It was renamed to {aside.name!r}, and the defaults are used{but}."
        return Saved(MappingProxyType(kept), (notice,), aside)


def write_settings(path: Path, changes: Mapping[str, object]) -> tuple[str, ...]:
    """Writes `changes` by their names in the file; None removes one. Comments and unknown settings stay.

    The file is replaced atomically; a new one is private. A corrupt file is renamed first, which the returned notices
    say. Raises `DrawbridgeError` if it cannot be saved.
    """
    saved = read_or_set_aside(path)
    raw = _read(path)
    before = template() if raw is None else raw.decode("utf-8-sig")
    after = _edited(path, before, changes)
    try:
        replace_file(path, after.encode(), mode=None)
    except OSError as error:
        raise _unsaved(path, error.strerror or str(error)) from error
    return saved.notices if saved.aside else ()


def template() -> str:
    """A new file: the common settings as comments, with their defaults and one line each."""
    settings = "".join(
        f"\n# {meaning[0].upper()}{meaning[1:]}.\n# {name} = {value}\n" for name, value, meaning in COMMON
    )
    return f"{_INTRODUCTION}{settings}\n"


class SettingsFile:
    """The settings file of a running server; `changed` tells cheaply whether it was edited."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, int, int] | None = None

    def __repr__(self) -> str:
        """Names the file."""
        return f"<SettingsFile {str(self.path)!r}>"

    def read(self, *, set_aside: bool = True) -> Saved:
        """Reads the settings, after which `changed` is False. `set_aside` False: raises `SettingsCorrupt` instead."""
        # The stamp first, so that a change made meanwhile is noticed.
        self._seen = _stamp(self.path)
        saved = read_or_set_aside(self.path) if set_aside else read_settings(self.path)
        if saved.aside:
            self._seen = _stamp(self.path)
        return saved

    def write(self, changes: Mapping[str, object]) -> tuple[str, ...]:
        """Writes `changes` as `write_settings` does. `changed` becomes True only by an edit of another program."""
        is_ours = not self.changed()
        notices = write_settings(self.path, changes)
        if is_ours:
            self._seen = _stamp(self.path)
        return notices

    def changed(self) -> bool:
        """Whether the file was edited since the last `read` or `write`. Cheap: the file is not read."""
        return _stamp(self.path) != self._seen


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """Identifies a version of the file; None if it does not exist."""
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
            hint="Make the file readable for you, or move it away.",
        ) from error


def _protection(path: Path) -> dict[str, object]:
    """Reads the settings that protect the server from a corrupt file, as far as their own lines are valid."""
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
    # Lazy: needed only for changes.
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
        # Never replace the user's file with one that cannot be read back.
        tomllib.loads(after)
    except (TOMLKitError, ValueError) as error:
        raise _unsaved(path, f"a program cannot edit its form ({error})") from error
    return re.sub(r"(?<!\r)\n", "\r\n", after) if "\r\n" in before else after


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return list(value)
    return str(value) if isinstance(value, Path) else value


def _unsaved(path: Path, reason: str) -> DrawbridgeError:
    return DrawbridgeError(
        f"The settings file {str(path)!r} cannot be written: {reason}.",
        hint="The change applies until Drawbridge quits. Check the file's permissions, or free some disk space.",
        title="The settings could not be saved",
    )


def _corrupt(path: Path, line: int, reason: str) -> SettingsCorrupt:
    return SettingsCorrupt(
        f"Line {line} of the settings file {str(path)!r} cannot be read: {reason}.",
        hint="Correct that line, or move the file away to start with the defaults.",
    )


def _notices(path: Path, values: Mapping[str, object]) -> list[str]:
    """Returns a sentence for each unknown setting: another version's, or a typo."""
    known = [option.key for option in OPTIONS]
    notices = []
    for name in values:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            advice = f" Did you mean {near[0]!r}?" if near else ""
            notices.append(f"The settings file {str(path)!r} has an unknown setting {name!r}; it is ignored.{advice}")
    return notices
