"""The capabilities that Drawbridge needs from a Claude Code, and the result of checking one program for them."""

from dataclasses import dataclass
from enum import Enum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

# Increment it when the check itself changes: every Claude Code is then checked again.
CHECK_VERSION = 5


class Capability(Enum):
    """What a Claude Code must do; each value completes the sentence "it ..."."""

    SYSTEM_PROMPT = "accepts a system prompt after its start"
    HISTORY = "accepts a conversation's history with its roles"
    PLAIN_TEXT = "passes on the user's text unchanged"
    NO_TOOLS = "offers Claude no tools of this computer"
    TOOLS = "offers Claude the client's tools unchanged, and passes on its calls"
    SETTINGS = "follows the settings of each request"
    ONE_CALL = "sends one request to Claude's API for each request that it gets"
    RESET = "forgets a conversation at a reset"
    SETTINGS_RESET = "forgets the settings of the previous request"
    CALLS = "waits for the results of tool calls"
    NO_COMPACTION = "never shortens a conversation by itself"
    SIGN_IN = "finds the sign-in with a private config folder"
    LIVE = "takes another system prompt and other tools while it runs"
    WARM_UP = "answers questions before its first conversation without a trace in it"


# Without one of these, answers are wrong even if each conversation has its own process. Without one of the others,
# processes are not reused; without SIGN_IN, they use the user's own config folder; without LIVE, a process is reused
# only for the same system prompt and tools; without WARM_UP, no process is warmed up.
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
class ProbeResult:
    """Whether one capability was seen; `detail` describes what was seen instead, empty if it holds."""

    capability: Capability
    holds: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class CliFingerprint:
    """Identifies the checked program and the check. `version` is what the program reports; None: not known yet."""

    path: str
    size: int
    mtime_ns: int
    version: str | None
    sdk: str
    check: int = CHECK_VERSION

    def matches(self, other: "CliFingerprint") -> bool:
        """Whether both mean the same program; an unknown version matches any."""
        ours, theirs = _without_version(self), _without_version(other)
        return ours == theirs and (None in {self.version, other.version} or self.version == other.version)


def _without_version(fingerprint: CliFingerprint) -> tuple[str, int, int, str, int]:
    return fingerprint.path, fingerprint.size, fingerprint.mtime_ns, fingerprint.sdk, fingerprint.check


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of checking one program, with one probe result for each capability."""

    fingerprint: CliFingerprint
    probes: tuple[ProbeResult, ...]

    @property
    def failed(self) -> tuple[ProbeResult, ...]:
        """The probes of missing capabilities."""
        return tuple(probe for probe in self.probes if not probe.holds)

    @property
    def is_warm(self) -> bool:
        """Whether a Claude Code process may be reused for other requests and conversations."""
        return not {probe.capability for probe in self.failed} - {Capability.LIVE, Capability.WARM_UP}

    @property
    def is_fit(self) -> bool:
        """Whether Claude Code answers correctly if each conversation has its own process."""
        return not FOR_EVERY_ANSWER & {probe.capability for probe in self.failed}

    @property
    def is_private(self) -> bool:
        """Whether a Claude Code process may have a private config folder."""
        return Capability.SIGN_IN not in {probe.capability for probe in self.failed}

    @property
    def is_live(self) -> bool:
        """Whether a process may be reused for other system prompts and tools as well."""
        return not {probe.capability for probe in self.failed} - {Capability.WARM_UP}

    @property
    def may_warm_up(self) -> bool:
        """Whether an unused process may be warmed up."""
        return not self.failed

    @property
    def summary(self) -> str:
        """What is missing, as a sentence without a full stop; empty if nothing is."""
        return "; ".join(
            f"the check did not confirm that it {probe.capability.value}: {probe.detail}" for probe in self.failed
        )


class CheckInconclusive(Exception):
    """The check could not be finished (a timeout, a dead process), so nothing is known about the Claude Code."""


def fingerprint_of(cli: Path, cli_version: str | None = None) -> CliFingerprint:
    """The fingerprint of the program at `cli` as it is on disk now. Raises OSError if it is missing."""
    stat = cli.stat()
    return CliFingerprint(str(cli), stat.st_size, stat.st_mtime_ns, cli_version, _sdk_version())


def _sdk_version() -> str:
    try:
        return version("claude-agent-sdk")
    except PackageNotFoundError:
        return "unknown"
