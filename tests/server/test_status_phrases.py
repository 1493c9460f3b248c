"""The phrases of the status, as the menu, the page and the command line show them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.status import AccountStatus, CircuitStatus, PoolStatus, UsageWindow
from server.status_phrases import account_line, circuit_line, counted, fitted, moment, pool_line, usage_line

NOW = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (timedelta(hours=3, minutes=30), "at 18:00"),
        (timedelta(hours=3, minutes=29, seconds=59), "at 18:00"),
        (timedelta(hours=-1), "at 13:30"),
        (timedelta(hours=10), "tomorrow at 00:30"),
        (timedelta(days=2), "on Sunday at 14:30"),
        (timedelta(days=6), "on Thursday at 14:30"),
        (timedelta(days=7), "on 27 November at 14:30"),
        (timedelta(days=-1), "on 19 November at 14:30"),
    ],
)
def test_a_time_is_said_as_a_person_says_it(after: timedelta, words: str) -> None:
    assert moment((NOW + after).timestamp(), NOW) == words


def test_without_a_now_the_day_is_written_in_full() -> None:
    assert moment(datetime(2026, 12, 3, 9, 0, tzinfo=UTC).timestamp(), None) == "on 3 December at 09:00 UTC"


@settings(deadline=None)
@given(st.floats())
def test_every_number_gives_a_phrase(number: float) -> None:
    assert usage_line(UsageWindow("5 hours", number, number), NOW).startswith("5 hours: ")


@pytest.mark.parametrize(
    ("used", "words"), [(0, "0%"), (0.004, "0%"), (0.425, "42%"), (0.999, "99%"), (1, "100%"), (1.3, "100%")]
)
def test_a_hundred_percent_means_all_of_it(used: float, words: str) -> None:
    assert usage_line(UsageWindow("5 hours", used), NOW) == f"5 hours: {words} used"


@settings(deadline=None)
@given(st.text(), st.integers(4, 80))
def test_a_fitted_text_is_one_line_that_fits(text: str, longest: int) -> None:
    line = fitted(text, longest)
    assert len(line) <= longest
    assert line == line.strip()
    assert line.isprintable()


def test_one_is_not_many() -> None:
    assert [counted(number, "answer") for number in (0, 1, 2)] == ["0 answers", "1 answer", "2 answers"]


@pytest.mark.parametrize(
    ("account", "words"),
    [
        (AccountStatus(), "Checking who is signed in..."),
        (AccountStatus(False, "nobody"), "Not signed in to Claude"),
        (AccountStatus(True, "nobody", email="a@b.c"), "No API key, so nothing can be answered"),
        (AccountStatus(False, "plan", email="a@b.c"), "Not signed in to Claude"),
        (AccountStatus(True, "plan"), "On the Claude plan"),
        (AccountStatus(True, "plan", email="a@b.c", subscription="pro"), "a@b.c, on the Claude Pro plan"),
        (AccountStatus(True, "api key", email="a@b.c"), "a@b.c, billed per token to an API key"),
        (AccountStatus(True, "api key", method="api_key"), "Billed per token to an API key"),
        (AccountStatus(True, "vertex", email="a@b.c"), "Billed per token to Google Vertex AI"),
        (AccountStatus(True, "unknown", email="a@b.c"), "a@b.c: payer unknown"),
        (AccountStatus(True, "demo"), "Demo: no account, no cost"),
    ],
)
def test_the_account_line_always_says_who_pays(account: AccountStatus, words: str) -> None:
    assert account_line(account) == words


def test_a_long_address_is_cut_and_the_payer_is_not() -> None:
    line = account_line(AccountStatus(True, "plan", email="a" * 90 + "@b.c", subscription="max"), longest=59)
    assert len(line) == 59
    assert line.endswith("..., on the Claude Max plan")


def test_the_pool_line_counts_ready_and_busy_processes() -> None:
    assert pool_line(PoolStatus(size=3, ready=3)) == "3 of 3 ready, 0 busy"
    pool = PoolStatus(size=3, ready=1, answering=1, booting=1, waiting=1)
    assert pool_line(pool) == "1 of 3 ready, 1 busy, 1 starting, 1 request waiting"


def test_an_open_circuit_says_when_the_next_try_is() -> None:
    circuit = CircuitStatus("upstream", "opus", "Claude's API failed", 0.0, NOW.timestamp())
    assert circuit_line(circuit) == f"Claude's API failed (opus); next try at {NOW.astimezone():%H:%M:%S}"
