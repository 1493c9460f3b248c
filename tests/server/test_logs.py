"""What a line of the log holds, and what it never holds."""

import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.logs import FILE_NAME, close_log, open_log, request_id


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Path]:
    handler = open_log(tmp_path / "deep", level="debug")
    yield tmp_path / "deep" / FILE_NAME
    close_log(handler)


def test_each_line_names_its_request(log: Path) -> None:
    logging.getLogger("server.x").info("before")
    token = request_id.set("req-7")
    logging.getLogger("server.x").info("during")
    request_id.reset(token)
    before, during = log.read_text().splitlines()
    assert "[-] server.x: before" in before
    assert "[req-7] server.x: during" in during


@pytest.mark.parametrize(
    "text",
    ["key sk-ant-api03-abcdefghijklmnop", "Authorization: Bearer abcdefghijklmnop", "x-api-key: abcdefghijklmnop"],
)
def test_what_looks_like_a_key_is_taken_out(log: Path, text: str) -> None:
    logging.getLogger("server.x").warning("they said %s", text)
    assert "abcdefghijklmnop" not in log.read_text()
    assert "[redacted]" in log.read_text()


def test_letters_that_no_encoding_has_do_not_lose_the_line(log: Path) -> None:
    logging.getLogger("server.x").info("half \ud800 of a pair")
    assert "of a pair" in log.read_text()


def test_a_full_log_is_rolled_over_and_three_old_ones_are_kept(tmp_path: Path) -> None:
    handler = open_log(tmp_path)
    try:
        # 26 MB, and 5 MB are a file.
        for _ in range(26):
            logging.getLogger("server.x").info("a" * 1_000_000)
    finally:
        close_log(handler)
    assert {path.name for path in tmp_path.iterdir()} == {FILE_NAME, *(f"{FILE_NAME}.{number}" for number in (1, 2, 3))}
    assert max(path.stat().st_size for path in tmp_path.iterdir()) <= 5_000_000


@pytest.mark.skipif(os.name != "posix", reason="Windows protects the folder, not the file")
def test_only_this_user_can_read_the_log(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).touch(mode=0o644)
    handler = open_log(tmp_path)
    try:
        for _ in range(2):
            # Past pytest, which would show megabytes of a failure.
            handler.handle(logging.makeLogRecord({"msg": "a" * 4_000_000}))
    finally:
        close_log(handler)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {FILE_NAME: 0o600, f"{FILE_NAME}.1": 0o600}


@pytest.mark.parametrize("part", ["server.x", "tray.x"])
def test_the_level_of_our_own_lines_can_be_set(tmp_path: Path, part: str) -> None:
    handler = open_log(tmp_path, level="warning")
    try:
        logging.getLogger(part).info("quiet")
        logging.getLogger(part).warning("loud")
    finally:
        close_log(handler)
    assert (tmp_path / FILE_NAME).read_text().count("\n") == 1


def test_afterwards_every_level_is_as_before(tmp_path: Path) -> None:
    names = ("", "server", "tray", "uvicorn.access", "uvicorn.error")
    before = [(logging.getLogger(name).level, logging.getLogger(name).filters[:]) for name in names]
    close_log(open_log(tmp_path, level="error"))
    assert [(logging.getLogger(name).level, logging.getLogger(name).filters) for name in names] == before
