"""`drawbridge doctor --self-test`: starts this program in demo mode and asks it a question, to verify the build."""

import http.client
import json
import os
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from server.commands.checks.findings import Finding, Level
from server.errors import DrawbridgeError, StartError
from server.machine.files.assets import asset
from server.machine.keychain import Keychain
from server.machine.processes.environment import clean_environment

ANSWER_S = 60.0
END_S = 20.0
QUESTION = "Is the bridge down?"
# One of each folder, which a build might lose as a whole.
_ASSETS = ("icons/drawbridge.png", "icons/states.png", "web/page.html", "web/docs.html", "web/icon.svg")


def self_test(cli: str = "") -> Iterator[Finding]:
    """Checks what a build may lose: assets, certificates, the keyring, and everything that an answer needs.

    `cli`: the Claude Code to run, if not the one found.
    """
    yield _checked("assets", _assets)
    yield _checked("certificates", _certificates)
    with tempfile.TemporaryDirectory(prefix="drawbridge-test-", ignore_cleanup_errors=True) as folder:
        yield _keyring(Path(folder))
        yield _checked("an answer", lambda: _answer(Path(folder), cli))


def own_program() -> list[str]:
    """Returns the arguments that start this program without an icon, from a clone, a wheel or the built app."""
    return [sys.executable, "serve"] if getattr(sys, "frozen", False) else [sys.executable, "-m", "server"]


def _checked(name: str, check: Callable[[], str]) -> Finding:
    """The result of `check`, or its error."""
    try:
        return Finding(name, Level.OK, check())
    except (DrawbridgeError, OSError, ValueError, subprocess.SubprocessError, http.client.HTTPException) as error:
        return Finding(name, Level.MISSING, f"{type(error).__name__}: {error}")


def _assets() -> str:
    folders = {str(asset(name).parent.parent) for name in _ASSETS}
    # Lazy: 0.25 s.
    import fastapi_offline

    if not (Path(fastapi_offline.__file__).parent / "static" / "swagger-ui-bundle.js").is_file():
        raise FileNotFoundError("the files of /docs are missing")
    return ", ".join(sorted(folders))


def _certificates() -> str:
    found = ssl.create_default_context().get_ca_certs()
    return f"{ssl.OPENSSL_VERSION}, {len(found)} roots of this system" if found else f"{ssl.OPENSSL_VERSION}, no roots"


def _keyring(folder: Path) -> Finding:
    """Which keyring this program can use. A missing keyring is not a fault of the build."""
    name, keychain = "keyring backend", Keychain(folder)
    match keychain.probe():
        case "keyring":
            return Finding(name, Level.OK, f"{keychain.name()}, verified by a round trip")
        case "locked":
            return Finding(name, Level.NOTE, "locked, or waiting for its password")
        case "none":
            return Finding(name, Level.NOTE, "no usable keyring here")


def _answer(folder: Path, cli: str) -> str:
    started_at = time.monotonic()
    with _server(folder, cli) as base:
        started_s = time.monotonic() - started_at
        text, way = _chat(base)
    if "demo" not in text.lower() or QUESTION not in text:
        raise ValueError(f"unexpected answer of the demo: {text[:80]!r}")
    return f"{len(text)} characters streamed by the demo ({way}); started in {started_s:.1f} s and stopped"


@contextmanager
def _server(folder: Path, cli: str) -> Iterator[str]:
    """Runs a server of this program on a free port and yields its "host:port"; ends it afterwards."""
    options = (
        "--demo",
        "--data-dir",
        str(folder / "data"),
        "--log-dir",
        str(folder / "logs"),
        *(("--cli-path", cli) if cli else ()),
    )
    # A free port: another Drawbridge may use the default one.
    environment = clean_environment(os.environ) | {"DRAWBRIDGE_PORT": str(_free_port())}
    with subprocess.Popen(
        [*own_program(), *options],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if "http://" not in line:
                raise StartError(f"It ended with code {process.wait(END_S)} before it listened.", hint="")
            yield line.partition("http://")[2].partition("/")[0].strip()
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(END_S)
            if process.poll() is None:
                process.kill()


def _free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _chat(address: str) -> tuple[str, str]:
    """Returns the streamed answer to one question, and its way."""
    body = {"stream": True, "messages": [{"role": "user", "content": QUESTION}]}
    with closing(http.client.HTTPConnection(address, timeout=ANSWER_S)) as connection:
        connection.request(
            "POST", "/v1/chat/completions", json.dumps(body), headers={"content-type": "application/json"}
        )
        response = connection.getresponse()
        if response.status != 200:
            raise ValueError(f"status {response.status}: {response.read(300).decode(errors='replace')}")
        text, is_complete = _streamed_text(response)
    if not is_complete:
        raise ValueError("the stream ended early")
    return text, response.headers.get("x-drawbridge-way", "no way given")


def _streamed_text(lines: Iterable[bytes]) -> tuple[str, bool]:
    """Returns the text of a stream, and whether it is complete."""
    text, is_complete = "", False
    for line in lines:
        data = line.decode().removeprefix("data: ").strip()
        is_complete = is_complete or data == "[DONE]"
        if data.startswith("{"):
            text += "".join(choice["delta"].get("content") or "" for choice in json.loads(data).get("choices", ()))
    return text, is_complete
