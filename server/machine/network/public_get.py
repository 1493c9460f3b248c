"""Gets a public address as other programs of this computer would: over its proxies and with its certificates."""

import asyncio
import threading
import urllib.request
from concurrent.futures import Future

_MOST_BYTES = 4096
TIMEOUT_S = 8.0
# ngrok shows browsers a page of its own before the first visit.
_HEADERS = {"user-agent": "curl/8", "ngrok-skip-browser-warning": "1", "cache-control": "no-cache"}


async def public_get(url: str) -> bytes:
    """The start of the body at `url`. Raises `OSError` for any failure, also for an error status."""
    result: Future[bytes] = Future()
    # A thread of its own: the pool's would have to end before the server does.
    threading.Thread(target=_complete, args=(result, url), name="drawbridge-public-get", daemon=True).start()
    return await asyncio.wrap_future(result)


def _complete(result: "Future[bytes]", url: str) -> None:
    if not result.set_running_or_notify_cancel():
        return
    try:
        request = urllib.request.Request(url, headers=_HEADERS)  # noqa: S310 # https, as the tunnel's provider tells it
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:  # noqa: S310 # the same
            result.set_result(response.read(_MOST_BYTES))
    except OSError as error:
        result.set_exception(error)
    except Exception as error:  # noqa: BLE001 # such as a reply that is not HTTP: the caller gets one kind of error
        result.set_exception(OSError(f"{type(error).__name__}: {error}"))
