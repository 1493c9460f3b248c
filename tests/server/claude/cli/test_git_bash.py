"""Git Bash on Windows, found as Claude Code finds it."""

import pytest

from server.claude.cli.git_bash import VARIABLE, find_git_bash

PLACE = r"C:\Program Files\Git\bin\bash.exe"


@pytest.mark.parametrize(
    ("environment", "files", "git", "found"),
    [
        ({VARIABLE: r"D:\bash.exe"}, {r"D:\bash.exe", PLACE}, None, r"D:\bash.exe"),
        ({VARIABLE: r"D:\gone.exe", "ProgramFiles": r"C:\Program Files"}, {PLACE}, None, None),
        ({"PROGRAMFILES": r"C:\Program Files"}, {PLACE}, None, PLACE),
        ({"LOCALAPPDATA": r"C:\L"}, {r"C:\L\Programs\Git\bin\bash.exe"}, None, r"C:\L\Programs\Git\bin\bash.exe"),
        ({}, {r"E:\Git\bin\bash.exe"}, r"E:\Git\cmd\git.exe", r"E:\Git\bin\bash.exe"),
        ({}, set(), r"E:\Git\cmd\git.exe", None),
        ({}, set(), None, None),
    ],
)
def test_where_it_is(environment: dict[str, str], files: set[str], git: str | None, found: str | None) -> None:
    assert find_git_bash(environment, exists=files.__contains__, which=lambda _: git) == found
