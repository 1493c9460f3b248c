"""Copying to a real X11 clipboard, and with a fake wl-copy."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.server.machine.vault import ROOT, needs, virtual_display
from tray.desktop.clipboard import ClipboardMissing, copy

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Windows and macOS always have a clipboard")

TEXT = "http://127.0.0.1:8082/v1 \u00fc \u6f22 \U0001f309\nand a second line"
# In its own process: the library keeps its connection to the first display.
COPIER = """
import sys
from tray.desktop.clipboard import copy
for text in sys.argv[1:]:
    copy(text)
print("copied", flush=True)
sys.stdin.read()
"""


def environment(**variables: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in {"DISPLAY", "WAYLAND_DISPLAY"}}
    return {**kept, "PYTHONPATH": str(ROOT), **variables}


def test_copied_text_can_be_pasted_while_the_process_lives() -> None:
    needs("Xvfb", "xclip")
    with virtual_display() as display:
        command = [sys.executable, "-W", "error", "-c", COPIER, "something before it", TEXT]
        with subprocess.Popen(
            command, env=environment(DISPLAY=display), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as copier:
            assert copier.stdout is not None
            assert copier.stdout.readline() == "copied\n"
            pasted = subprocess.run(
                ["xclip", "-selection", "clipboard", "-o"],
                env=environment(DISPLAY=display),
                capture_output=True,
                timeout=20,
            )
            assert pasted.stdout.decode() == TEXT
            copier.communicate("")
        assert copier.returncode == 0


@pytest.mark.parametrize(
    ("variables", "ending"),
    [
        ({}, "There is no display, so there is no clipboard."),
        ({"DISPLAY": ":9999"}, "The display does not answer. Try again."),
        ({"WAYLAND_DISPLAY": "wayland-9999"}, "Install the package wl-clipboard."),
    ],
)
def test_without_a_display_an_error_names_the_remedy(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], ending: str
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ClipboardMissing) as caught:
        copy(TEXT, environ=variables, which=lambda _: None)
    assert str(caught.value).endswith(ending)
    assert caught.value.title == "It could not be copied"


def fake_wl_copy(folder: Path, code: int = 0) -> str:
    path = folder / "wl-copy"
    path.write_text(f'#!/bin/sh\ncat > {folder}/copied\necho "$*" > {folder}/arguments\nexit {code}\n')
    path.chmod(0o755)
    return str(path)


def test_on_wayland_wl_copy_gets_the_text_on_stdin(tmp_path: Path) -> None:
    """Other users can read arguments, and the text may be the access key."""
    program = fake_wl_copy(tmp_path)
    environ = {"WAYLAND_DISPLAY": "wayland-0", "PATH": os.environ["PATH"]}
    assert copy(TEXT, environ=environ, which={"wl-copy": program}.get)
    assert (tmp_path / "copied").read_text() == TEXT
    assert (tmp_path / "arguments").read_text() == "--type text/plain;charset=utf-8\n"


def test_if_wl_copy_fails_the_library_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    program = fake_wl_copy(tmp_path, code=1)
    with pytest.raises(ClipboardMissing):
        copy(TEXT, environ={"WAYLAND_DISPLAY": "wayland-0", "PATH": os.environ["PATH"]}, which={"wl-copy": program}.get)
    assert (tmp_path / "copied").exists()


@pytest.mark.parametrize(
    ("variables", "is_certain"), [({"DISPLAY": ":0"}, True), ({"DISPLAY": ":0", "WAYLAND_DISPLAY": "wayland-0"}, False)]
)
def test_on_wayland_without_wl_copy_the_text_may_not_have_arrived(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], is_certain: bool
) -> None:
    copied: list[str] = []
    monkeypatch.setattr("copykitten.copy", copied.append)
    assert copy(TEXT, environ=variables, which=lambda _: None) is is_certain
    assert copied == [TEXT]


def test_the_text_is_never_logged(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    monkeypatch.delenv("DISPLAY", raising=False)
    with pytest.raises(ClipboardMissing):
        copy("db-secret", environ={}, which=lambda _: None)
    assert "db-secret" not in caplog.text
    assert "no clipboard" in caplog.text
