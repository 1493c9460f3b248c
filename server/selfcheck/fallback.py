"""Decides from check results how requests are served: which Claude Code, with or without reuse, or not at all."""

from dataclasses import dataclass, replace
from pathlib import Path

from server.config import Isolation
from server.errors import CliUnfit
from server.selfcheck.capabilities import CheckResult, fingerprint_of
from server.selfcheck.store import ResultStore

PROCESSES = "Each conversation gets a process of its own."
PROMPTS = "Each system prompt gets a process of its own."
NO_WARM_UP = "Processes are not warmed up."
SHARED_FOLDER = " It uses the folder of your own Claude Code, since it finds the sign-in nowhere else."


@dataclass(frozen=True, slots=True)
class ServingMode:
    """How requests are served.

    `is_checked`: the check has finished. `cli`: the program to use instead of the installed one; None: the installed
    one. `error`: set where no answer would be right. `summary`: what is missing, empty if nothing is. `is_private`:
    processes have private config folders. `is_live`: they may change their system prompt and tools. `may_warm_up`: the
    setting to warm them up may take effect.
    """

    is_checked: bool = False
    isolation: Isolation = "process"
    cli: Path | None = None
    error: CliUnfit | None = None
    summary: str = ""
    is_private: bool = True
    is_live: bool = False
    may_warm_up: bool = False


def serving_mode_for(
    installed: CheckResult | None, *, bundled: Path | None, on_bundled: CheckResult | None
) -> ServingMode:
    """The first of these that applies.

    1. Not checked yet: the installed Claude Code, one process for each conversation.
    2. The installed one does everything that reuse needs: warm.
    3. The bundled one does: that one, warm.
    4. The installed or else the bundled one has what every answer needs: that one, one process for each conversation.
    5. Neither has: an error. Sending the history as a transcript in one message is not an acceptable fallback.

    `bundled` is None where there is none or it is the installed one; `on_bundled` is None until it is checked. Until
    then the first one that can be right serves with a process for each conversation.
    """
    if installed is None:
        return ServingMode()
    if installed.is_warm:
        return _warm(installed)
    if bundled is None:
        return _by_process(installed) if installed.is_fit else _unfit(installed, "there is no other one to use")
    instead = f"{installed.summary}. The Claude Code that comes with Drawbridge is used instead ({bundled})."
    if on_bundled is None:
        if installed.is_fit:
            return replace(_by_process(installed), is_checked=False)
        return ServingMode(cli=bundled, summary=instead)
    if on_bundled.is_warm:
        return replace(_warm(on_bundled), cli=bundled, summary=instead)
    if installed.is_fit:
        return _by_process(installed, reason="The one that comes with Drawbridge lacks something as well. ")
    if on_bundled.is_fit:
        return replace(_by_process(on_bundled, prefix=f"{instead} Of that one: "), cli=bundled)
    return _unfit(installed, "neither can the one that comes with Drawbridge")


def stored_serving_mode(store: ResultStore, cli: Path, version: str, *, bundled: Path | None) -> ServingMode | None:
    """The serving mode by stored results; None if the program at `cli` was never checked."""
    try:
        installed = store.result(fingerprint_of(cli, version))
    except OSError:
        return None
    if installed is None:
        return None
    bundled = bundled_unless_same(cli, bundled)
    return serving_mode_for(installed, bundled=bundled, on_bundled=stored_result(store, bundled))


def bundled_unless_same(cli: Path, bundled: Path | None) -> Path | None:
    """The bundled Claude Code; None where there is none or it is the one at `cli`."""
    try:
        return None if bundled is None or bundled.samefile(cli) else bundled
    except OSError:
        return None


def stored_result(store: ResultStore, cli: Path | None) -> CheckResult | None:
    """The stored result for the program at `cli`, if any."""
    try:
        return None if cli is None else store.result(fingerprint_of(cli))
    except OSError:
        return None


def _warm(result: CheckResult) -> ServingMode:
    effect = NO_WARM_UP if result.is_live else PROMPTS
    summary = f"{result.summary}. {effect}" if result.summary else ""
    return ServingMode(
        is_checked=True, isolation="warm", summary=summary, is_live=result.is_live, may_warm_up=result.may_warm_up
    )


def _by_process(result: CheckResult, *, prefix: str = "", reason: str = "") -> ServingMode:
    folder = "" if result.is_private else SHARED_FOLDER
    summary = f"{prefix}{result.summary}. {reason}{PROCESSES}{folder}"
    return ServingMode(is_checked=True, summary=summary, is_private=result.is_private)


def _unfit(installed: CheckResult, reason: str) -> ServingMode:
    name = f"Claude Code {installed.fingerprint.version or ''}".rstrip()
    error = CliUnfit(f"{name} at {installed.fingerprint.path!r} cannot be used, and {reason}: {installed.summary}.")
    return ServingMode(is_checked=True, error=error, summary=error.message)
