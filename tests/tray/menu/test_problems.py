"""Texts of problems, notifications and status lines."""

from dataclasses import replace
from pathlib import Path

import pytest

from server import errors
from server.errors import DrawbridgeError
from server.status import AccountStatus, CircuitStatus, CliStatus, PoolStatus, State, Status, UsageWindow
from tests.tray.states import NOW, RUNNING
from tray.commands import ActOnProblem, Open
from tray.control.snapshot import command_for
from tray.menu.menu import menu_for, tooltip_for
from tray.menu.plan import LimitReached
from tray.menu.problems import (
    CLI_MISSING,
    SIGNED_OUT,
    Copied,
    DiagnosticsCopied,
    KeyReplaced,
    KeyRequired,
    NetworkOpened,
    NoTray,
    PortMoved,
    Quitting,
    SettingsSetAside,
    SignedIn,
    crash_problem,
    notice_for,
    problem_for,
    problem_in,
)
from tray.model import Fix, Notice, Problem

SOON = NOW.timestamp() + 3.5 * 3600
LIMIT = UsageWindow("5 hours", 1.0, SOON, is_reached=True)

MISSING = PoolStatus(trouble=str(errors.CliMissing()), lacks="claude code")


def all_kinds(kind: type[DrawbridgeError] = DrawbridgeError) -> list[type[DrawbridgeError]]:
    return [kind, *(below for sub in kind.__subclasses__() for below in all_kinds(sub))]


class TestErrors:
    @pytest.mark.parametrize(
        ("error", "title", "fix"),
        [
            (errors.CliMissing(), "Claude Code was not found", Fix.INSTALL),
            (errors.CliMisnamed("There is no Claude Code at '/x'."), "Claude Code was not found", Fix.SETTINGS),
            (errors.SignInNeeded("It said no."), "Claude Code is not signed in", Fix.SIGN_IN),
            (
                errors.PortTaken("Port 8082 on 127.0.0.1 is taken by node (pid 412)."),
                "Port 8082 on 127.0.0.1 is taken by node (pid 412)",
                Fix.NEXT_PORT,
            ),
            (errors.PortTaken(f"Port 8082 is taken by {'x' * 60}."), "The port is taken", Fix.NEXT_PORT),
            (errors.UsageLimit(), "Claude's usage limit is reached", Fix.NOTHING),
            (errors.UsageLimit(retry_after_s=3600), "Usage limit reached, resets at 15:30", Fix.NOTHING),
            (errors.SettingsCorrupt("Line 3 of '/a/b' is wrong."), "The settings file cannot be read", Fix.SETTINGS),
            (errors.SettingsInvalid("The port takes a number."), "The port takes a number", Fix.SETTINGS),
            (errors.KeyringLocked(), "The keyring is locked", Fix.RESTART),
            (errors.KeyUnreadable("It is in the keyring."), "The required access key cannot be read", Fix.RESTART),
            (errors.KeyringMissing(), "No keyring found", Fix.NOTHING),
            (errors.KeyNeeded("Others can reach it."), "An access key is needed", Fix.NOTHING),
            (errors.AlreadyRunning("It is."), "Drawbridge is already running", Fix.NOTHING),
            (errors.StartError("A socket closed."), "Drawbridge cannot start", Fix.LOG),
            (ValueError("secret detail"), "Something went wrong", Fix.LOG),
        ],
    )
    def test_each_error_has_its_title_and_its_fix(self, error: Exception, title: str, fix: Fix) -> None:
        problem = problem_for(error, now=NOW)
        assert (problem.title, problem.fix) == (title, fix)

    @pytest.mark.parametrize("kind", all_kinds())
    def test_every_error_fits_the_menu_and_has_a_message(self, kind: type[DrawbridgeError]) -> None:
        problem = problem_for(kind())
        assert 0 < len(problem.title) < 60
        assert problem.message

    def test_a_server_that_crashed_too_often_shows_how_often_and_the_last_error(self) -> None:
        problem = crash_problem(4, errors.StartError("A socket closed."))
        assert problem.title == "The server crashed 4 times"
        assert problem.message.endswith("Last error: A socket closed.")
        assert problem.fix is Fix.LOG


class TestStatus:
    def test_without_a_known_problem_there_is_none(self) -> None:
        for state in (State.STARTING, State.RUNNING, State.STOPPING, State.STOPPED):
            assert problem_in(Status(state=state)) is None

    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({"cli": CliStatus(), "pool": MISSING}, CLI_MISSING),
            # It was found earlier and then removed.
            ({"pool": MISSING}, CLI_MISSING),
            ({"account": AccountStatus(signed_in=False, payer="nobody")}, SIGNED_OUT),
        ],
    )
    def test_what_the_server_lacks_is_a_problem_with_a_fix(self, changes: dict[str, object], expected: Problem) -> None:
        assert problem_in(replace(RUNNING.status, **changes)) == expected  # type: ignore[arg-type] # a table

    def test_a_demo_needs_no_sign_in(self) -> None:
        assert problem_in(replace(RUNNING.status, demo=True, account=AccountStatus(signed_in=False))) is None

    def test_of_several_problems_the_first_to_fix_is_shown(self) -> None:
        everything = Status(
            state=State.RUNNING,
            account=AccountStatus(signed_in=False),
            pool=MISSING,
            usage=(LIMIT,),
        )
        assert problem_in(everything, now=NOW) == CLI_MISSING
        found = replace(everything, pool=PoolStatus())
        assert problem_in(found, now=NOW) == SIGNED_OUT
        limited = problem_in(replace(found, account=AccountStatus(signed_in=True)), now=NOW)
        assert limited is not None
        assert limited.title == "Usage limit reached, resets at 18:00"

    @pytest.mark.parametrize(
        ("circuit", "title"),
        [
            (CircuitStatus("limit", "opus", "limit", 0.0, SOON), "Usage limit reached, resets at 18:00"),
            (CircuitStatus("limit", "opus", "limit", 0.0, NOW.timestamp() - 1), None),
            (CircuitStatus("upstream", "opus", "down", 0.0, SOON), "Claude's API keeps failing"),
        ],
    )
    def test_an_open_circuit_is_a_problem_while_it_is_open(self, circuit: CircuitStatus, title: str | None) -> None:
        problem = problem_in(replace(RUNNING.status, circuits=(circuit,)), now=NOW)
        assert (problem.title if problem else None) == title

    def test_of_several_limits_the_last_to_reset_is_shown(self) -> None:
        week = UsageWindow("7 days", 1.0, SOON + 24 * 3600, is_reached=True)
        problem = problem_in(replace(RUNNING.status, usage=(week, LIMIT)), now=NOW)
        assert problem is not None
        assert problem.title == "Usage limit reached, resets tomorrow at 18:00"

    def test_a_wrong_path_of_claude_code_leads_to_the_settings(self) -> None:
        message = "There is no Claude Code at '/x/claude', the path named in the settings. Correct it."
        problem = problem_in(
            Status(state=State.RUNNING, pool=PoolStatus(trouble=message, lacks="the claude code that is named"))
        )
        assert problem == Problem("Claude Code was not found", message, "", Fix.SETTINGS)

    def test_any_other_problem_keeps_its_message(self) -> None:
        message = "Claude Code did not start. Run 'drawbridge doctor' to see what it says."
        problem = problem_in(replace(RUNNING.status, pool=PoolStatus(trouble=message)))
        assert problem is not None
        assert (problem.title, problem.message) == ("Claude Code did not start", message)

    def test_a_notification_does_not_repeat_its_title(self) -> None:
        message = "Claude Code did not start. Run 'drawbridge doctor' to see what it says."
        problem = problem_in(replace(RUNNING.status, pool=PoolStatus(trouble=message)))
        assert problem is not None
        notice = notice_for(problem)
        assert notice.title == "Claude Code did not start"
        assert notice.text.startswith("Run 'drawbridge doctor'")
        assert notice_for(Problem("No.", "No.")).text == "No."

    def test_a_server_that_failed_without_a_message_is_a_problem(self) -> None:
        problem = problem_in(Status(state=State.FAILED))
        assert problem is not None
        assert problem.title == "The server crashed"


class TestNotices:
    @pytest.mark.parametrize("fix", Fix)
    def test_a_problems_notification_has_the_title_of_menu_and_tooltip(self, fix: Fix) -> None:
        problem = Problem("The bridge is stuck", "A chain broke.", "Mend it.", fix)
        notice = notice_for(problem)
        snapshot = replace(RUNNING, problem=problem)
        assert notice.title in {item.text for item in menu_for(snapshot)}
        assert notice.title in tooltip_for(snapshot)
        assert notice.text == "A chain broke. Mend it."
        assert notice.action == (
            None if fix in {Fix.NOTHING, Fix.ALLOW_ORIGIN, Fix.EXTRA_USAGE} else ActOnProblem("The bridge is stuck")
        )

    @pytest.mark.parametrize(
        ("what", "notice"),
        [
            (
                PortMoved(8083, "Port 8082 is taken by node (pid 4).", "http://127.0.0.1:8083/v1"),
                Notice(
                    "Drawbridge is on port 8083 today",
                    "Port 8082 is taken by node (pid 4). Point your apps at http://127.0.0.1:8083/v1",
                ),
            ),
            (Copied("The base URL"), Notice("Copied", "The base URL is on the clipboard.")),
            (DiagnosticsCopied(), Notice("Diagnostics copied", "They contain no keys.")),
            (
                KeyRequired(is_new=True, is_copied=True),
                Notice("New access key copied", "Paste it into your apps; requests without it are refused."),
            ),
            (
                KeyRequired(is_new=True, is_copied=False),
                Notice(
                    "New access key created",
                    "Copy it under 'Access key'. Paste it into your apps; requests without it are refused.",
                ),
            ),
            (
                KeyRequired(is_new=False, is_copied=True),
                Notice(
                    "The access key is required now",
                    "It is on the clipboard. Paste it into your apps; requests without it are refused.",
                ),
            ),
            (
                KeyReplaced(is_copied=True),
                Notice(
                    "New access key copied",
                    "The old one stops working. Paste the new one into the apps that send it.",
                ),
            ),
            (
                NetworkOpened(is_new=True, is_copied=True),
                Notice(
                    "Other devices can connect",
                    "An access key was created. They need the access key, which is on the clipboard. "
                    "Nothing changes for apps on this computer.",
                ),
            ),
            (
                NetworkOpened(is_new=False, is_copied=False),
                Notice(
                    "Other devices can connect",
                    "They need the access key: copy it under 'Access key'. Nothing changes for apps on this computer.",
                ),
            ),
            (
                SettingsSetAside(Path("settings.toml.bad"), "Line 3 is wrong."),
                Notice(
                    "The settings file could not be read",
                    "Line 3 is wrong. It was renamed to 'settings.toml.bad'; the defaults are used.",
                    Open("settings"),
                    "Open the settings file",
                ),
            ),
            (
                LimitReached(LIMIT, NOW),
                Notice(
                    "Usage limit reached, resets at 18:00",
                    "Claude's usage limit is reached. Claude answers again at 18:00. (5 hours)",
                ),
            ),
            (
                NoTray("http://127.0.0.1:8082/"),
                Notice(
                    "Drawbridge runs without an icon",
                    "This desktop shows no tray icons. Drawbridge is running anyway. Control it at http://127.0.0.1:8082/",
                    Open("page"),
                    "Open dashboard",
                ),
            ),
            (Quitting(1), Notice("Drawbridge is quitting", "1 answer has up to 10 s to finish.")),
            (Quitting(2), Notice("Drawbridge is quitting", "2 answers have up to 10 s to finish.")),
            (SignedIn("ada@example.org"), Notice("Signed in to Claude", "ada@example.org.")),
        ],
    )
    def test_each_event_has_its_notification(self, what: object, notice: Notice) -> None:
        assert notice_for(what) == notice  # type: ignore[arg-type] # a table


def test_a_variable_that_points_at_drawbridge_is_a_problem_after_all_others() -> None:
    status = Status(State.RUNNING, own_address=("ANTHROPIC_BASE_URL",))
    assert problem_in(status) == Problem(
        "ANTHROPIC_BASE_URL points at Drawbridge itself",
        "ANTHROPIC_BASE_URL points at Drawbridge itself. Claude Code is started without it.",
        "Remove that from your environment, then start Drawbridge again.",
        Fix.NOTHING,
    )
    assert problem_in(replace(status, trouble="Another one.")).title == "Another one"  # type: ignore[union-attr] # one


def test_a_page_that_was_refused_is_not_allowed_by_a_click_on_its_notification() -> None:
    problem = problem_in(Status(State.RUNNING, refused_origin="https://chat.example.org"))
    assert problem is not None
    assert problem.title == "A page of https://chat.example.org was refused"
    assert problem.fix is Fix.ALLOW_ORIGIN
    assert notice_for(problem).action is None
    assert command_for(problem, problem.title) is None
