"""The menu shows the usage of a plan; a reached limit is notified once, with the time of its end."""

import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from server.standin.script import refuse, say
from server.status_phrases import moment
from tests.tray.trayhost import TrayHost
from tests.whole.account import sign_in
from tests.whole.aside import standin_aside
from tests.whole.desktop import open_app
from tests.whole.limits import limits

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="Windows and macOS have trays of their own"),
    pytest.mark.timeout(360),
]


def test_a_reached_limit_is_notified_once_a_window_with_the_time_of_its_end(
    tmp_path: Path, bus: str, host: TrayHost
) -> None:
    now = datetime.now(UTC).astimezone()
    if (now + timedelta(minutes=2)).date() != now.date():
        # The text depends on the day on which it is made.
        time.sleep(121)
    soon, later = int(time.time()) + 3_600, int(time.time()) + 3 * 86_400
    sign_in(tmp_path / "home")

    def text_of(unix_s: int) -> str:
        return moment(unix_s, datetime.now(UTC).astimezone())

    # Without the circuit breaker, so that each refusal comes from Claude.
    with (
        standin_aside() as upstream,
        open_app(
            tmp_path,
            bus,
            host,
            "--without-breaker",
            is_demo=False,
            environment={"ANTHROPIC_BASE_URL": upstream.url},
        ) as app,
    ):
        app.until("Running on port", "On the Claude Max plan")
        allowed = limits("0.42", "0.25", status="allowed", soon=soon, later=later)
        upstream.standin.script(lambda _: replace(say("Hello"), headers=tuple(allowed.items())))
        assert app.chat().status_code == 200
        app.until(f"~5 hours: 42% used, resets {text_of(soon)}", f"~Week: 25% used, resets {text_of(later)}")
        assert not host.notifications

        rejected = limits("1.0", "0.25", status="rejected", soon=soon, later=later)
        upstream.standin.script(lambda _: refuse(429, "You have hit your limit", headers=rejected))
        for _ in range(3):
            refusal = app.chat()
            assert refusal.status_code == 429
            assert 0 < int(refusal.headers["retry-after"]) <= 3_600
        shown = host.wait_notification("Usage limit reached")
        assert shown.title == f"Usage limit reached, resets {text_of(soon)}"
        assert shown.text == f"Claude's usage limit is reached. Claude answers again {text_of(soon)}. (5 hours)"
        app.until(f"~Usage limit reached, resets {text_of(soon)}", f"~5 hours: limit reached, resets {text_of(soon)}")
        assert len(host.notifications) == 1

        # Another window is notified again.
        other = limits("1.0", "0.25", status="rejected", soon=soon + 600, later=later)
        upstream.standin.script(lambda _: refuse(429, "You have hit your limit", headers=other))
        assert app.chat().status_code == 429
        host.wait(lambda: len(host.notifications) == 2 or None)
        assert text_of(soon + 600) in host.notifications[-1].title
