"""The self-test from source, and its findings if something is missing."""

from pathlib import Path

import pytest

from server.commands.checks import selftest
from server.commands.checks.findings import Finding, Level
from server.commands.root import run


def verdicts(findings: list[Finding]) -> dict[str, Level]:
    return {found.name: found.level for found in findings}


def test_this_program_passes_its_self_test(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--self-test"]) == 0
    said = capsys.readouterr().out
    assert "characters streamed by the demo" in said
    assert "assets" in said


def test_a_lost_file_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(name: str) -> Path:
        raise FileNotFoundError(name)

    monkeypatch.setattr(selftest, "asset", lost)
    monkeypatch.setattr(selftest, "_answer", lambda *_: "an answer")
    found = verdicts(list(selftest.self_test()))
    assert found["assets"] is Level.MISSING
    assert found["an answer"] is Level.OK


def test_a_program_that_does_not_start_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selftest, "own_program", lambda: ["/bin/false"])
    found = {finding.name: finding for finding in selftest.self_test()}
    assert found["an answer"].level is Level.MISSING
    assert "before it listened" in found["an answer"].text


def test_a_missing_claude_code_is_reported(tmp_path: Path) -> None:
    found = {finding.name: finding for finding in selftest.self_test(str(tmp_path / "none"))}
    assert found["an answer"].level is Level.MISSING
    assert "503" in found["an answer"].text
