"""The boot history: the back-off, the outlook and the last error."""

import random

from server.backoff import Backoff
from server.errors import CliFailed, CliMisnamed, CliMissing
from server.pool.boot_history import PROBATION_S, BootHistory
from server.pool.types import BootOutlook


def new_history() -> BootHistory:
    return BootHistory(Backoff(jitter=0.0, random=random.Random(0)))


def test_nothing_is_known_before_the_first_boot() -> None:
    boots = new_history()
    assert (boots.outlook, boots.boot_from, boots.problem) == (BootOutlook.UNKNOWN, 0.0, None)


def test_the_delay_doubles_with_each_failure_in_a_row() -> None:
    boots, now, delays = new_history(), 100.0, []
    for _ in range(8):
        boots.failed(CliFailed(), now)
        delays.append(boots.boot_from - now)
        now = boots.boot_from
    assert delays == [1, 2, 4, 8, 16, 32, 60, 60]


def test_two_failures_in_a_row_make_the_outlook_poor() -> None:
    boots, outlooks = new_history(), []
    for now in (100, 101):
        boots.failed(CliFailed(), now)
        outlooks.append(boots.outlook)
    assert outlooks == [BootOutlook.UNKNOWN, BootOutlook.POOR]


def test_failures_within_one_back_off_count_once() -> None:
    boots = new_history()
    for _ in range(3):
        boots.failed(CliFailed(), 100)
    assert (boots.outlook, boots.boot_from) == (BootOutlook.UNKNOWN, 101)


def test_a_missing_cli_makes_boots_impossible_even_during_back_off() -> None:
    boots = new_history()
    boots.failed(CliFailed(), 100)
    missing = CliMissing()
    boots.failed(missing, 100)
    assert (boots.outlook, boots.problem, boots.lacks) == (BootOutlook.IMPOSSIBLE, missing, "claude code")
    boots.failed(CliMisnamed(), 100)
    assert boots.lacks == "the claude code that is named"
    boots.failed(CliFailed(), 100)
    assert boots.lacks is None


def test_a_successful_boot_clears_the_problem_but_not_the_back_off() -> None:
    """A process that boots and dies at once would otherwise be started once a second forever."""
    boots = new_history()
    boots.failed(CliFailed(), 100)
    boots.succeeded(101)
    assert (boots.outlook, boots.problem) == (BootOutlook.GOOD, None)
    boots.failed(CliFailed(), 102)
    assert boots.boot_from == 104


def test_an_answer_resets_the_back_off() -> None:
    boots = new_history()
    boots.failed(CliFailed(), 100)
    boots.succeeded(101)
    boots.proved()
    boots.failed(CliFailed(), 102)
    assert boots.boot_from == 103


def test_a_while_without_failures_resets_the_back_off() -> None:
    boots = new_history()
    boots.failed(CliFailed(), 100)
    boots.succeeded(101)
    boots.failed(CliFailed(), 101 + PROBATION_S)
    assert boots.boot_from == 102 + PROBATION_S


def test_forgiven_failures_allow_a_boot_at_once() -> None:
    boots = new_history()
    boots.failed(CliMissing(), 100)
    boots.forgive()
    assert boots.boot_from == 0.0
