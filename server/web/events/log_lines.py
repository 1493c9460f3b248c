"""The lines of the log for the dashboard: new ones as events, and the last ones of the file."""

import asyncio
import logging
import re
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from server.logs import FILE_NAME, redacted, request_id

KEPT = 500
# About 2000 lines.
_TAIL_BYTES = 250_000
_LONGEST = 4000
_LINE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),(\d{3}) (\w+) +\[([^\]]*)\] ([\w.]+): (.*)")
_FORMATTER = logging.Formatter()

Line = dict[str, object]
"""A line as JSON: {time, level, logger, message, request_id}; `message` may have several lines."""


class LogLines(logging.Handler):
    """Keeps the last lines of the log, and has `publish` called with each new one, in the loop."""

    def __init__(self, publish: Callable[[Line], None]) -> None:
        super().__init__()
        self.lines: deque[Line] = deque(maxlen=KEPT)
        self._publish = publish
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        """Takes a line, from any thread."""
        try:
            line = _line(record)
        except Exception:  # noqa: BLE001 # a line that cannot be formatted is reported by the file's handler
            return
        if threading.get_ident() == self._thread:
            self._take(line)
        else:
            with suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._take, line)

    def _take(self, line: Line) -> None:
        self.lines.append(line)
        self._publish(line)


@contextmanager
def log_lines(publish: Callable[[Line], None]) -> Iterator[LogLines]:
    """Listens to the log of the process during the block."""
    handler = LogLines(publish)
    logging.getLogger().addHandler(handler)
    try:
        yield handler
    finally:
        logging.getLogger().removeHandler(handler)


def tail(folder: Path, before: float) -> list[Line]:
    """The last lines of the file in the log's folder that are older than the Unix time `before`, the oldest first."""
    try:
        with (folder / FILE_NAME).open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _TAIL_BYTES))
            text = file.read(_TAIL_BYTES).decode(errors="replace")
    except OSError:
        return []
    lines = parse(text.splitlines())
    return [line for line in lines if float(str(line["time"])) < before][-KEPT:]


def parse(texts: list[str]) -> list[Line]:
    """The lines of a log file. What follows a line without a time belongs to it; what precedes the first is cut off."""
    lines: list[Line] = []
    for text in texts:
        if found := _LINE.fullmatch(text):
            when = datetime.strptime(found[1], "%Y-%m-%d %H:%M:%S").timestamp() + int(found[2]) / 1000  # noqa: DTZ007
            lines.append(_as_line(when, found[3], found[5], found[6], found[4]))
        elif lines:
            lines[-1]["message"] = f"{lines[-1]['message']}\n{text}"[:_LONGEST]
    return lines


def _line(record: logging.LogRecord) -> Line:
    message = record.getMessage()
    if record.exc_info:
        message += "\n" + _FORMATTER.formatException(record.exc_info)
    return _as_line(record.created, record.levelname, record.name, message, request_id.get())


def _as_line(when: float, level: str, logger: str, message: str, name: str) -> Line:
    return {
        "time": round(when, 3),
        "level": level.lower(),
        "logger": logger,
        "message": redacted(message)[:_LONGEST],
        "request_id": "" if name == "-" else name,
    }
