"""What Drawbridge relies on in a Claude Code, one capability a line, and what a check found of them."""

from dataclasses import dataclass
from enum import Enum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

# Raise it when the check itself changes: every Claude Code is then checked anew.
CHECK_VERSION = 3


class Capability(Enum):
    """What a Claude Code must do; the words complete "it ..."."""

    SYSTEM_PROMPT = "takes a system prompt after its start"
    HISTORY = "takes a conversation's history in its true roles"
    PLAIN_TEXT = "passes on what the user writes as it is written"
    NO_TOOLS = "offers Claude no tools of this computer"
    TOOLS = "offers Claude the client's tools as they are, and passes on its calls"
    SETTINGS = "follows the settings of each request"
    ONE_CALL = "asks Claude once for each request"
    BOUNDARY = "forgets a conversation at its boundary"
    SETTINGS_RESET = "forgets the settings of the request before"
    CALLS = "waits for the results of calls"
    NO_COMPACTION = "never shortens a conversation by itself"
    SIGN_IN = "finds the sign-in also from a private folder"


# Without these no answer can be right, in whatever way its process was found. The others are needed, or are cheaper,
# only where a process goes on after its answer; and who finds no sign-in from a private folder gets the user's own.
FOR_EVERY_ANSWER = frozenset(
    {
        Capability.SYSTEM_PROMPT,
        Capability.HISTORY,
        Capability.PLAIN_TEXT,
        Capability.NO_TOOLS,
        Capability.TOOLS,
        Capability.SETTINGS,
    }
)


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether one capability was seen; `words` say what was seen instead, empty if it was."""

    capability: Capability
    holds: bool
    words: str = ""


@dataclass(frozen=True, slots=True)
class Key:
    """Which program was checked, by which check. `version` is what it calls itself; None: not asked yet."""

    path: str
    size: int
    mtime_ns: int
    version: str | None
    sdk: str
    check: int = CHECK_VERSION

    def is_same(self, other: "Key") -> bool:
        """Whether both are the same program, as far as is known: a version that is not known yet is no difference."""
        ours, theirs = _without_version(self), _without_version(other)
        return ours == theirs and (None in {self.version, other.version} or self.version == other.version)


def _without_version(key: Key) -> tuple[str, int, int, str, int]:
    return key.path, key.size, key.mtime_ns, key.sdk, key.check


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the check found of one program: a finding for each capability."""

    key: Key
    findings: tuple[Finding, ...]

    @property
    def failed(self) -> tuple[Finding, ...]:
        """What it does not do."""
        return tuple(finding for finding in self.findings if not finding.holds)

    @property
    def is_warm(self) -> bool:
        """Whether its processes may go on to other turns and conversations."""
        return not self.failed

    @property
    def is_fit(self) -> bool:
        """Whether it can give right answers at all."""
        return not FOR_EVERY_ANSWER & {finding.capability for finding in self.failed}

    @property
    def is_private(self) -> bool:
        """Whether it may have a config folder of its own."""
        return Capability.SIGN_IN not in {finding.capability for finding in self.failed}

    @property
    def words(self) -> str:
        """What it does not do, as a sentence; empty if there is nothing."""
        return "; ".join(f"not seen that it {found.capability.value}: {found.words}" for found in self.failed)


class Undecided(Exception):
    """The check could not be done: something took too long or died. It says nothing of the Claude Code."""


def key_for(cli: Path, cli_version: str | None = None) -> Key:
    """The key of the program at `cli` as it is on disk now. Raises OSError when it is not there."""
    found = cli.stat()
    return Key(str(cli), found.st_size, found.st_mtime_ns, cli_version, _sdk_version())


def _sdk_version() -> str:
    try:
        return version("claude-agent-sdk")
    except PackageNotFoundError:
        return "unknown"
