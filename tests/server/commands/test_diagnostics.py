"""Doctor's table without private data, as pasted into bug reports."""

from collections.abc import Callable
from pathlib import Path

import pytest

from server.commands.checks.diagnostics import diagnostics, redacted


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("jo@example.org: the Claude Max plan pays", "[redacted]: the Claude Max plan pays"),
        ("/home/jo/.config/drawbridge/settings.toml", "~/.config/drawbridge/settings.toml"),
        ("/srv/jo/claude", "/srv/[user]/claude"),
        ("jo is a name and so is jodel", "jo is a name and so is jodel"),
        ("key sk-ant-0123456789abcdef and db-0123456789_abcdef", "key sk-[redacted] and db-[redacted]"),
        ("taken by nginx (pid 812)", "taken by nginx (pid 812)"),
    ],
)
def test_what_is_personal_is_taken_out_and_nothing_else(said: str, shown: str) -> None:
    assert redacted(said, home=Path("/home/jo"), user="jo") == shown


def test_the_table_is_doctors_under_the_desktops_settings(
    home: Path, settings: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings("pool_size = 2\n")
    monkeypatch.setenv("PORT", "no port")
    text = diagnostics({"cli_path": str(home / "nothing")})
    assert "settings" in text
    assert "There is no Claude Code at '~/nothing'" in text
    assert str(home) not in text
    assert "no port" not in text
