"""One rotating log, the id of the request on each line; never a prompt, an answer or a key."""

import contextvars
import logging
import logging.handlers
import re
from pathlib import Path

FILE_NAME = "drawbridge.log"
FORMAT = "%(asctime)s %(levelname)-7s [%(request_id)s] %(name)s: %(message)s"
_OURS = ("server", "tray")
# Its access log would repeat every path, where ours says more with the request id; its other one tells of start and end
# once for each socket, where we do once.
_QUIET = ("uvicorn.access", "uvicorn.error")

request_id: contextvars.ContextVar[str] = contextvars.ContextVar("request_id", default="-")
"""The id of the request that is being answered; it follows the task. The one module global that changes."""

# A belt, not the trousers: no code of ours logs a key. These are the shapes that foreign error texts might carry.
_SECRET = re.compile(r"(sk-[A-Za-z0-9_-]{4})[A-Za-z0-9_-]{8,}|((?i:bearer|x-api-key:?)\s+)[^\s'\"]{8,}")


class _Line(logging.Filter):
    """Adds the request id and takes out what looks like a key."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get()
        message = record.getMessage()
        redacted = _SECRET.sub(lambda m: f"{m[1] or m[2]}[redacted]", message)
        if redacted != message:
            record.msg, record.args = redacted, ()
        return True


def _is_news(record: logging.LogRecord) -> bool:
    """An idle connection that is open at the end is no error, although uvicorn says "Cancel 0 running task(s)"."""
    return not (str(record.msg).startswith("Cancel ") and record.args == (0,))


class _LogFile(logging.handlers.RotatingFileHandler):
    """The log, and the levels that held before it was opened."""

    def __init__(self, file: Path) -> None:
        super().__init__(file, maxBytes=5_000_000, backupCount=3, encoding="utf-8", errors="backslashreplace")
        self.before = {name: logging.getLogger(name).level for name in ("", *_OURS, *_QUIET)}


def open_log(folder: Path, *, level: str = "info") -> logging.Handler:
    """Starts logging to `folder`/drawbridge.log: 5 MB a file, three old ones kept. Close it with `close_log`.

    Raises OSError when the folder cannot be written.
    """
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
    logging.getLogger("uvicorn.error").addFilter(_is_news)
    return handler


def close_log(handler: logging.Handler) -> None:
    """Stops what `open_log` started and closes the file."""
    logging.getLogger().removeHandler(handler)
    logging.getLogger("uvicorn.error").removeFilter(_is_news)
    if isinstance(handler, _LogFile):
        for name, level in handler.before.items():
            logging.getLogger(name).setLevel(level)
    handler.close()
