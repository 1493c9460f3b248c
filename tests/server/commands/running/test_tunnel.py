"""`drawbridge tunnel` without a server: what it asks before it opens one. Over one: tests/whole/test_tunnel.py."""

import io
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from server.commands.root import run
from server.commands.running import tunnel
from server.machine.instance import Instance

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def asked(home: object, monkeypatch: pytest.MonkeyPatch) -> list[Mapping[str, object] | None]:
    """What a server whose settings name the ssh relay is asked with POST."""
    posts: list[Mapping[str, object] | None] = []

    def request(
        _: Instance, method: str, body: Mapping[str, object] | None = None, *, look: bool = True
    ) -> Mapping[str, Any]:
        if method == "GET":
            return {"at_start": "ssh", "status": {"state": "failed", "problem": "No network.", **_EMPTY}}
        posts.append(body)
        return {"key": None}

    # No answer to a question.
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    monkeypatch.setattr(tunnel, "running_instance", lambda _: Instance(5, "127.0.0.1", 1, "t", "1", "http://x/v1"))
    monkeypatch.setattr(tunnel, "request_tunnel", request)
    return posts


_EMPTY = {"hint": "", "command": "", "link": ""}


@pytest.mark.parametrize("flags", [[], ["--provider", "ssh"]], ids=["by the setting", "by name"])
def test_a_relay_is_asked_for_each_time_also_if_the_settings_name_it(
    asked: list[Mapping[str, object] | None], capsys: Captured, flags: list[str]
) -> None:
    assert run(["tunnel", "open", *flags]) != 0
    assert "localhost.run can read every request and answer. Open it?" in capsys.readouterr().err
    assert asked == []
    run(["tunnel", "open", *flags, "--yes"])
    assert [body and body["agreed"] for body in asked] == [True]


def test_another_provider_is_opened_without_a_question(asked: list[Mapping[str, object] | None]) -> None:
    run(["tunnel", "open", "--provider", "tailscale"])
    assert [body and body["provider"] for body in asked] == ["tailscale"]
