"""The rotating log, with the request's id on each line; it never contains prompts, answers or keys."""

import contextvars
import logging
import logging.handlers
import os
import re
from io import TextIOWrapper
from pathlib import Path

FILE_NAME = "drawbridge.log"
FORMAT = "%(asctime)s %(levelname)-7s [%(request_id)s] %(name)s: %(message)s"
_OURS = ("server", "tray")
# Our access log has the request id; uvicorn.error reports start and stop once per socket, and we do so once.
_QUIET = ("uvicorn.access", "uvicorn.error")

request_id: contextvars.ContextVar[str] = contextvars.ContextVar("request_id", default="-")
"""The id of the current request; it follows the task. The only module global that changes."""

# Defence in depth: our code logs no keys; this redacts keys in third-party messages.
_SECRET = re.compile(
    r"(://)[^\s/@'\"]+(?=@)|((?:sk|db)-[A-Za-z0-9_-]{4})[A-Za-z0-9_-]{8,}|((?i:bearer|x-api-key:?)\s+)[^\s'\"]{8,}"
)


def redacted(text: str) -> str:
    """`text` without what looks like a key."""
    return _SECRET.sub(lambda match: f"{match[1] or match[2] or match[3]}[redacted]", text)


class _Line(logging.Filter):
    """Adds the request id and redacts keys."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get()
        message = record.getMessage()
        if (line := redacted(message)) != message:
            record.msg, record.args = line, ()
        return True


def _is_relevant(record: logging.LogRecord) -> bool:
    """Drops uvicorn's error "Cancel 0 running task(s)" about idle connections at shutdown."""
    return not (str(record.msg).startswith("Cancel ") and record.args == (0,))


class _LogFile(logging.handlers.RotatingFileHandler):
    """The log file, and the log levels from before it was opened."""

    def __init__(self, file: Path) -> None:
        super().__init__(file, maxBytes=5_000_000, backupCount=3, encoding="utf-8", errors="backslashreplace")
        self.before = {name: logging.getLogger(name).level for name in ("", *_OURS, *_QUIET)}

    def _open(self) -> TextIOWrapper:
        """Keeps the file private: paths and addresses of this computer are in it."""
        stream = super()._open()
        if os.name == "posix":
            os.fchmod(stream.fileno(), 0o600)
        return stream

    def shouldRollover(self, record: logging.LogRecord) -> bool:  # noqa: N802 # the name of the base class
        """Whether `record` would exceed the size. The base class also asks the file system twice for each line."""
        if self.stream is None:
            self.stream = self._open()
        return self.stream.tell() + len(self.format(record)) + 1 >= self.maxBytes


def open_log(folder: Path, *, level: str = "info") -> logging.Handler:
    """Logs to `folder`/drawbridge.log: 5 MB per file, three old files kept. Raises OSError if it cannot be written."""
    folder.mkdir(parents=True, exist_ok=True)
    handler = _LogFile(folder / FILE_NAME)
    handler.setFormatter(logging.Formatter(FORMAT))
    handler.addFilter(_Line())
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    for ours in _OURS:
        logging.getLogger(ours).setLevel(level.upper())
    for quiet in _QUIET:
        logging.getLogger(quiet).setLevel(logging.WARNING)
    logging.getLogger("uvicorn.error").addFilter(_is_relevant)
    return handler


def close_log(handler: logging.Handler) -> None:
    """Undoes `open_log` and closes the file."""
    logging.getLogger().removeHandler(handler)
    logging.getLogger("uvicorn.error").removeFilter(_is_relevant)
    if isinstance(handler, _LogFile):
        for name, level in handler.before.items():
            logging.getLogger(name).setLevel(level)
    handler.close()
