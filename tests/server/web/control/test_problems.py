from dataclasses import replace

import pytest

from server.status import AccountStatus, CircuitStatus, PoolStatus, Status
from server.web.control.problems import problems_of
from tests.server.web.scene import STATUS

CIRCUIT = CircuitStatus("upstream", None, "Claude's API failed", 1.0, 2.0)


def test_a_server_without_problems_has_none() -> None:
    assert list(problems_of(STATUS)) == []


@pytest.mark.parametrize(
    ("status", "title", "help_"),
    [
        (replace(STATUS, trouble="The port moved."), "The port moved.", "Logs"),
        (replace(STATUS, pool=PoolStatus(trouble="none", lacks="claude code")), "was not found", "Install it"),
        (
            replace(STATUS, pool=PoolStatus(trouble="No file.", lacks="the claude code that is named")),
            "No file.",
            "cli",
        ),
        (replace(STATUS, pool=PoolStatus(trouble="It crashed.")), "It crashed.", "Logs"),
        (replace(STATUS, account=AccountStatus(False, "nobody")), "not signed in", "drawbridge login"),
        (replace(STATUS, account=AccountStatus(True, "nobody")), "No API key", "ANTHROPIC_API_KEY"),
        (
            replace(STATUS, account=AccountStatus(True, refused="The key was refused", cure="Unset it.")),
            "so no",
            "Unset",
        ),
        (replace(STATUS, circuits=(CIRCUIT,)), "Claude's API failed", "tries again by itself"),
        (replace(STATUS, circuits=(replace(CIRCUIT, cause="limit"),)), "resets at", "Another model"),
        (replace(STATUS, circuits=(replace(CIRCUIT, cause="sign in"),)), "next try", "Sign in again"),
    ],
)
def test_each_problem_says_what_helps(status: Status, title: str, help_: str) -> None:
    (problem,) = problems_of(status)
    assert title in problem.title
    assert help_ in problem.help
    assert problem.is_serious


def test_the_demo_has_no_problem_with_an_account() -> None:
    assert list(problems_of(replace(STATUS, demo=True, account=AccountStatus(False, "nobody")))) == []


def test_what_no_request_fails_for_is_not_serious_and_comes_last() -> None:
    status = replace(
        STATUS,
        trouble="First.",
        own_address=("ANTHROPIC_BASE_URL",),
        refused_origin="https://example.org",
        journal_trouble="disk full",
    )
    found = list(problems_of(status))
    assert [problem.is_serious for problem in found] == [True, False, False, False]
    assert "disk full" in found[-1].title
