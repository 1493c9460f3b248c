"""Runs the package `ngrok` in a process of its own: it can abort the interpreter at its end. Started as a script.

Prints each event as a line of JSON, and ends when its input is closed. Imports nothing of ours.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any  # the package may be missing, so its types are not known

# How long closing the tunnel may take.
_CLOSE_S = 1.0


def _tell(event: str, **more: str) -> None:
    sys.stdout.write(json.dumps({"event": event, **more}) + "\n")
    sys.stdout.flush()


class _End:
    """The end of the tunnel: asked for by our own process, or because the connection to ngrok is lost."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._is_over = asyncio.Event()

    async def wait(self) -> None:
        """Waits for it."""
        await self._is_over.wait()

    def lost(self, _address: str, error: str) -> None:
        """Called by the package, in a thread of its own. It would connect again by itself, and not say when."""
        _tell("lost", message=f"The connection to ngrok is lost. {error}".strip())
        self._loop.call_soon_threadsafe(self._is_over.set)

    def follow_input(self) -> None:
        """Ends with the input."""
        sys.stdin.buffer.read()
        self._loop.call_soon_threadsafe(self._is_over.set)


def _builder(given: argparse.Namespace, end: _End) -> Any:
    import ngrok

    builder = ngrok.SessionBuilder().authtoken_from_env().client_info("drawbridge", given.version)
    builder = builder.handle_disconnection(end.lost)
    if not given.server:
        return builder
    return builder.server_addr(given.server).ca_cert(bytearray(Path(given.authority).read_bytes()))


async def _run(given: argparse.Namespace) -> int:
    end = _End()
    try:
        builder = _builder(given, end)
    except ImportError as error:
        _tell("error", message=str(error))
        return 1
    threading.Thread(target=end.follow_input, daemon=True).start()
    try:
        session = await builder.connect()
        endpoint = session.http_endpoint()
        if given.domain:
            endpoint = endpoint.domain(given.domain)
        listener = await endpoint.listen_and_forward(f"http://127.0.0.1:{given.port}")
    except ValueError as error:
        _tell("error", message=" ".join(str(part) for part in error.args))
        return 1
    _tell("open", url=listener.url())
    await end.wait()
    try:
        async with asyncio.timeout(_CLOSE_S):
            # In this order: a session that is closed first leaves a thread that fails at the end.
            await listener.close()
            await session.close()
    except (TimeoutError, ValueError):
        return 1
    return 0


def main() -> None:
    """Runs until the input is closed, or the tunnel cannot be opened, or is lost."""
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    for name in ("domain", "version", "server", "authority"):
        parser.add_argument(f"--{name}", default="")
    # The input is closed as well, and then the tunnel is closed in order.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    code = asyncio.run(_run(parser.parse_args()))
    # Without the interpreter's own end, which the package can abort.
    os._exit(code)


if __name__ == "__main__":
    main()
