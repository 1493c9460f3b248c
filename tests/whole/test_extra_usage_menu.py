"""The app tells once of much usage and of paid extra usage; its menu stops that and continues with it."""

import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from server.standin.script import say
from tests.tray.trayhost import TrayHost
from tests.whole.account import sign_in
from tests.whole.aside import standin_aside
from tests.whole.desktop import open_app
from tests.whole.limits import limits, with_extra_usage

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="Windows and macOS have trays of their own"),
    pytest.mark.timeout(360),
]


def test_extra_usage_is_notified_once_stopped_by_the_menu_and_gone_on_with(
    tmp_path: Path, bus: str, host: TrayHost
) -> None:
    soon = int(time.time()) + 3_600
    sign_in(tmp_path / "home")
    high = limits("0.85", "0.25", status="allowed", soon=soon, later=soon + 86_400)
    used_up = limits("1.0", "0.25", status="rejected", soon=soon, later=soon + 86_400)
    paid = with_extra_usage(used_up, "allowed", resets_at=soon + 86_400)
    with (
        standin_aside() as upstream,
        open_app(tmp_path, bus, host, is_demo=False, environment={"ANTHROPIC_BASE_URL": upstream.url}) as app,
    ):
        app.until("Running on port", "On the Claude Max plan")
        upstream.standin.script(lambda _: replace(say("Hello"), headers=tuple(high.items())))
        for _ in range(2):
            assert app.chat().status_code == 200
        assert "5 hours: 85% used" in host.wait_notification("Most of your Claude plan is used").text
        upstream.standin.script(lambda _: replace(say("Hello"), headers=tuple(paid.items())))
        for _ in range(3):
            assert app.chat().status_code == 200
        assert "Answers are paid as extra usage" in host.wait_notification("Paid extra usage has begun").text
        app.until("~Paid extra usage: in use")
        assert len(host.notifications) == 2

        app.item.click("Plan usage", "Stop before paid extra usage")
        app.until("~Plan used up, stopped", "Go on and pay until the plan resets")
        assert app.chat().status_code == 429
        app.item.click("Go on and pay until the plan resets")
        app.until("~Paid extra usage: in use")
        assert app.chat().status_code == 200
        assert 'on_extra_usage = "stop"' in app.settings

        app.item.click("Keep contents of requests: off", "Keep for the next 15 minutes")
        app.until("Contents of requests are kept until")
        assert app.command("contents", "off").returncode == 0
        app.until("Keep contents of requests: off")
