import asyncio
import logging
from pathlib import Path

from server.logs import close_log, open_log, request_id
from server.web.events.log_lines import Line, log_lines, parse, tail

logger = logging.getLogger("server.tests")
KEY = "sk-ant-" + "abcdefghijklmnop"


async def test_each_line_is_published_and_kept_without_keys() -> None:
    published: list[Line] = []
    token = request_id.set("req_1")
    with log_lines(published.append) as log:
        logger.warning("the key is %s", KEY)
        try:
            int(KEY)
        except ValueError:
            logger.exception("failed")
        await asyncio.to_thread(logger.error, "from a thread")
        await asyncio.sleep(0)
    logger.warning("after")
    request_id.reset(token)
    assert published == list(log.lines)
    assert [line["level"] for line in published] == ["warning", "error", "error"]
    assert published[0]["message"] == "the key is sk-ant-[redacted]"
    assert "ValueError: invalid literal for int() with base 10: 'sk-ant-[redacted]'" in str(published[1]["message"])
    assert "abcdefghijkl" not in str(published)
    assert {line["request_id"] for line in published} == {"req_1"}


async def test_a_line_that_cannot_be_formatted_harms_nothing() -> None:
    published: list[Line] = []
    with log_lines(published.append):
        logging.raiseExceptions, before = False, logging.raiseExceptions
        logger.warning("%d", "no number")
        logging.raiseExceptions = before
    assert published == []


def test_the_tail_of_the_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    handler = open_log(tmp_path)
    try:
        logger.info("first")
        logger.error("second\nwith a line of its own")
    finally:
        close_log(handler)
    lines = tail(tmp_path, float("inf"))
    assert [(line["level"], line["logger"], line["message"]) for line in lines] == [
        ("info", "server.tests", "first"),
        ("error", "server.tests", "second\nwith a line of its own"),
    ]
    assert tail(tmp_path, float(str(lines[0]["time"]))) == []
    assert tail(tmp_path / "none", float("inf")) == []


def test_the_rest_of_a_line_that_is_cut_off_is_left_out() -> None:
    assert [line["message"] for line in parse(["est of a line", "2026-11-28 12:00:00,000 INFO    [-] a: b"])] == ["b"]
