"""What follows from the verdicts: which Claude Code answers, whether its processes go on, or why nobody answers."""

from dataclasses import dataclass, replace
from pathlib import Path

from server.config import Isolation
from server.errors import CliUnfit
from server.selfcheck.capabilities import Verdict, key_for
from server.selfcheck.store import Shelf

PROCESSES = "Each conversation gets a process of its own."
OPENLY = " It uses the folder of your own Claude Code, since it finds the sign-in nowhere else."


@dataclass(frozen=True, slots=True)
class Footing:
    """How requests are answered. `cli` None: by the one at hand, wherever that is found; else by this one instead.

    `is_checked`: the verdicts are in. `trouble`: nobody can answer, for this reason. `words`: what is not as it should
    be, empty if all is well. `is_private`: processes have config folders of their own.
    """

    is_checked: bool = False
    isolation: Isolation = "process"
    cli: Path | None = None
    trouble: CliUnfit | None = None
    words: str = ""
    is_private: bool = True


def footing_for(at_hand: Verdict | None, *, other: Path | None, on_other: Verdict | None) -> Footing:
    """The highest rung that holds.

    1. Not checked yet: a process for each conversation.
    2. The one at hand does everything: warm.
    3. It does not, and the one that we carry does: that one, warm.
    4. One of them does what every answer needs: that one, a process for each conversation; the one at hand first.
    5. Neither does: a clear error. A transcript in one message is no way out.

    `other` is the one that we carry, None where there is none or it is at hand; `on_other` its verdict, None before.
    Until that is in, whichever can be right serves with a process for each conversation.
    """
    if at_hand is None:
        return Footing()
    if at_hand.is_warm:
        return Footing(is_checked=True, isolation="warm")
    if other is None:
        return _by_processes(at_hand) if at_hand.is_fit else _unfit(at_hand, "there is no other one to use")
    instead = f"{at_hand.words}. The Claude Code that Drawbridge carries is used instead ({other})."
    if on_other is None:
        return (
            replace(_by_processes(at_hand), is_checked=False) if at_hand.is_fit else Footing(cli=other, words=instead)
        )
    if on_other.is_warm:
        return Footing(is_checked=True, isolation="warm", cli=other, words=instead)
    if at_hand.is_fit:
        return _by_processes(at_hand, why="Nor does the one that Drawbridge carries do all that is needed. ")
    if on_other.is_fit:
        return replace(_by_processes(on_other, before=f"{instead} Of that one: "), cli=other)
    return _unfit(at_hand, "nor can the one that Drawbridge carries")


def footing_on_shelf(shelf: Shelf, cli: Path, version: str, *, carried: Path | None) -> Footing | None:
    """The footing by what is kept of earlier checks; None if the program at `cli` was never checked."""
    try:
        at_hand = shelf.verdict(key_for(cli, version))
    except OSError:
        return None
    if at_hand is None:
        return None
    other = other_than(cli, carried)
    return footing_for(at_hand, other=other, on_other=kept_on(shelf, other))


def other_than(cli: Path, carried: Path | None) -> Path | None:
    """The Claude Code that we carry; None where there is none, or it is the one at `cli`."""
    try:
        return None if carried is None or carried.samefile(cli) else carried
    except OSError:
        return None


def kept_on(shelf: Shelf, cli: Path | None) -> Verdict | None:
    """The verdict that is kept on the program at `cli`, if there is one."""
    try:
        return None if cli is None else shelf.verdict(key_for(cli))
    except OSError:
        return None


def _by_processes(verdict: Verdict, *, before: str = "", why: str = "") -> Footing:
    openly = "" if verdict.is_private else OPENLY
    words = f"{before}{verdict.words}. {why}{PROCESSES}{openly}"
    return Footing(is_checked=True, words=words, is_private=verdict.is_private)


def _unfit(at_hand: Verdict, why: str) -> Footing:
    name = f"Claude Code {at_hand.key.version or ''}".rstrip()
    trouble = CliUnfit(f"{name} at {at_hand.key.path!r} cannot be used, and {why}: {at_hand.words}.")
    return Footing(is_checked=True, trouble=trouble, words=trouble.message)
