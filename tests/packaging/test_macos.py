"""The packaging steps for macOS, with stubs of Apple's programs that record their arguments."""

import base64
import os
import plistlib
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.installed import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="on Windows and macOS the workflow tries the packages")

FOLDER = ROOT / ".ci" / "packaging" / "macos"
MACH_O = bytes.fromhex("cffaedfe") + b"\0" * 60
SECRET = "pa55-word"
CERTIFICATE = {
    "MACOS_CERTIFICATE": base64.b64encode(b"the certificate").decode(),
    "MACOS_CERTIFICATE_PASSWORD": SECRET,
}
NOTARY = {"MACOS_NOTARY_KEY": f"-----{SECRET}-----", "MACOS_NOTARY_KEY_ID": "KEYID", "MACOS_NOTARY_ISSUER": "ISSUER"}
PROGRAMS = {
    "codesign": 'case "$*" in "-dv "*claude) cat "$STUBS/team" >&2 ;; esac',
    "security": """case "$1" in find-identity) echo '  1) ABC123 "Developer ID Application: X (T)"' ;; esac""",
    "hdiutil": 'test -s "$STUBS/busy" && { : >"$STUBS/busy"; exit 16; }; for last; do :; done; : >"$last"',
    "xcrun": "",
    "ditto": 'for last; do :; done; mkdir -p "$(dirname "$last")"; : >"$last"',
    "spctl": "",
}


@dataclass(frozen=True)
class Mac:
    """A built app, and the programs that would sign it."""

    folder: Path

    @property
    def app(self) -> Path:
        return self.folder / "dist" / "Drawbridge.app"

    def build(self, *options: str, **variables: str) -> tuple[str, list[str]]:
        """Returns what it prints, and how it called Apple's programs."""
        environment = {
            "PATH": f"{self.folder / 'stubs'}:{os.environ['PATH']}",
            "STUBS": str(self.folder / "stubs"),
            "TMPDIR": str(self.folder / "tmp"),
            **variables,
        }
        dmg = self.folder / "dist" / "Drawbridge.dmg"
        command = ["bash", str(FOLDER / "build"), *options, str(self.app), str(dmg)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        asked = self.folder / "stubs" / "calls"
        lines = asked.read_text().replace(f"{self.app}", "APP").splitlines() if asked.exists() else []
        assert not list((self.folder / "tmp").iterdir())
        return done.stdout + done.stderr, lines


@pytest.fixture
def mac(tmp_path: Path) -> Mac:
    stubs = tmp_path / "stubs"
    stubs.mkdir()
    (tmp_path / "tmp").mkdir()
    for name, script in PROGRAMS.items():
        (stubs / name).write_text(f'#!/bin/bash\necho "{name} $*" >>"$STUBS/calls"\n{script}\n')
        (stubs / name).chmod(0o755)
    (stubs / "team").write_text("TeamIdentifier=MAKER\n")
    contents = tmp_path / "dist" / "Drawbridge.app" / "Contents"
    for name, content in (
        ("MacOS/drawbridge", MACH_O),
        ("MacOS/helper", MACH_O),
        ("Frameworks/libpython3.11.dylib", MACH_O),
        ("Frameworks/PIL/_imaging.so", MACH_O),
        ("Resources/claude_agent_sdk/_bundled/claude", MACH_O),
        ("Resources/assets/page.html", b"<html>"),
        ("Info.plist", plistlib.dumps({"CFBundleExecutable": "drawbridge", "LSUIElement": True})),
    ):
        (contents / name).parent.mkdir(parents=True, exist_ok=True)
        (contents / name).write_bytes(content)
    return Mac(tmp_path)


def signed(lines: list[str]) -> list[str]:
    """What was signed, in order."""
    return [line.rpartition(" ")[2] for line in lines if line.startswith("codesign --force")]


def test_the_scripts_are_clean_and_the_entitlements_are_property_lists() -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("there is no shellcheck on this machine")
    done = subprocess.run(["shellcheck", FOLDER / "build"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    for name in ("app", "cli"):
        entitlements = plistlib.loads((FOLDER / f"{name}.entitlements").read_bytes())
        assert all(key.startswith("com.apple.security.cs.") and value is True for key, value in entitlements.items())


def test_without_a_certificate_it_is_signed_ad_hoc_and_says_so(mac: Mac) -> None:
    said, asked = mac.build()
    assert "signing ad hoc" in said
    # The innermost first, the app last. What is no program has the app's own signature, Claude Code its maker's.
    assert signed(asked) == [
        "APP/Contents/Frameworks/PIL/_imaging.so",
        "APP/Contents/MacOS/helper",
        "APP/Contents/Frameworks/libpython3.11.dylib",
        "APP",
    ]
    assert all("--sign - " in line for line in asked if line.startswith("codesign --force"))
    assert not [line for line in asked if line.startswith(("xcrun", "security", "spctl"))]
    assert (mac.folder / "dist" / "Drawbridge.dmg").exists()


def test_claude_code_without_its_makers_signature_gets_one_that_lets_it_compile(mac: Mac) -> None:
    (mac.folder / "stubs" / "team").write_text("TeamIdentifier=not set\n")
    _, asked = mac.build()
    assert signed(asked)[0] == "APP/Contents/Resources/claude_agent_sdk/_bundled/claude"
    assert str(FOLDER / "cli.entitlements") in next(line for line in asked if "--force" in line)


def test_with_a_certificate_everything_is_signed_for_everybody_and_no_secret_is_printed(mac: Mac) -> None:
    said, asked = mac.build(**CERTIFICATE)
    by_us = [line for line in asked if line.startswith("codesign --force")]
    assert all("--sign ABC123 " in line and "--timestamp" in line for line in by_us)
    assert all("--options runtime" in line for line in by_us[:-1])
    assert signed(asked)[-2:] == ["APP", str(mac.folder / "dist" / "Drawbridge.dmg")]
    assert not [line for line in asked if line.startswith("xcrun")]
    assert asked[-1].startswith("security delete-keychain")
    assert SECRET not in said
    assert CERTIFICATE["MACOS_CERTIFICATE"] not in said


def test_with_a_notarys_key_app_and_image_are_notarised_and_stapled_in_this_order(mac: Mac) -> None:
    said, asked = mac.build(**CERTIFICATE, **NOTARY)
    starts = (
        "codesign --verify --deep --strict",
        "xcrun notarytool submit",
        "xcrun stapler staple APP",
        "hdiutil create",
        "xcrun notarytool submit",
        "xcrun stapler staple",
        "spctl --assess",
    )
    steps = [line for line in asked if line.startswith(starts)]
    assert [line.startswith(start) for line, start in zip(steps, starts, strict=True)] == [True] * 7
    assert "--key-id KEYID" in steps[1]
    assert SECRET not in said


def test_a_busy_disk_image_is_tried_again(mac: Mac) -> None:
    (mac.folder / "stubs" / "busy").write_text("once")
    said, asked = mac.build()
    assert "hdiutil failed (try 1)" in said
    assert len([line for line in asked if line.startswith("hdiutil")]) == 2


def test_a_dry_run_prints_the_commands_and_does_nothing(mac: Mac) -> None:
    said, asked = mac.build("--dry-run", **CERTIFICATE, **NOTARY)
    assert asked == []
    assert not (mac.folder / "dist" / "Drawbridge.dmg").exists()
    assert said.index("+ codesign") < said.index("+ xcrun notarytool") < said.index("+ hdiutil")
    assert SECRET not in said
