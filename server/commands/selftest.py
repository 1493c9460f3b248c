"""`drawbridge doctor --self-test`: starts this very program in demo mode and has it answer, to see that it is whole."""

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

from server.commands.findings import Finding, Verdict
from server.errors import DrawbridgeError, StartError
from server.machine.assets import asset
from server.machine.environment import clean_environment
from server.machine.keychain import Keychain

START_S = 60.0
ANSWER_S = 60.0
END_S = 20.0
QUESTION = "Is the bridge down?"
# One of each kind, as a build might lose a whole folder.
_ASSETS = ("icons/drawbridge.png", "icons/states.png", "web/page.html", "web/docs.html", "web/icon.svg")


def self_test(cli: str = "") -> Iterator[Finding]:
    """A finding for each thing that a build may lose: files, certificates, keyring, and the whole way of an answer.

    `cli`: the Claude Code to run, if not the one that is found.
    """
    yield _seen("assets", _assets)
    yield _seen("certificates", _certificates)
    with tempfile.TemporaryDirectory(prefix="drawbridge-test-", ignore_cleanup_errors=True) as folder:
        yield _keyring(Path(folder))
        yield _seen("an answer", lambda: _answer(Path(folder), cli))


def own_program() -> list[str]:
    """The arguments that start this very program headless, from a clone, a wheel or the built app."""
    return [sys.executable, "serve"] if getattr(sys, "frozen", False) else [sys.executable, "-m", "server"]


def _seen(name: str, look: Callable[[], str]) -> Finding:
    """What `look` found, or why it did not."""
    try:
        return Finding(name, Verdict.OK, look())
    except (DrawbridgeError, OSError, ValueError, subprocess.SubprocessError, http.client.HTTPException) as error:
        return Finding(name, Verdict.MISSING, f"{type(error).__name__}: {error}")


def _assets() -> str:
    folders = {str(asset(name).parent.parent) for name in _ASSETS}
    # Lazy: a quarter of a second, for the folder of the pages under /docs.
    import fastapi_offline

    if not (Path(fastapi_offline.__file__).parent / "static" / "swagger-ui-bundle.js").is_file():
        raise FileNotFoundError("the files of /docs are missing")
    return ", ".join(sorted(folders))


def _certificates() -> str:
    found = ssl.create_default_context().get_ca_certs()
    return f"{ssl.OPENSSL_VERSION}, {len(found)} roots of this system" if found else f"{ssl.OPENSSL_VERSION}, no roots"


def _keyring(folder: Path) -> Finding:
    """Which keyring this program can use. That there is none to use is the computer's, and no fault of a build."""
    name, keychain = "keyring backend", Keychain(folder)
    match keychain.probe():
        case "keyring":
            return Finding(name, Verdict.OK, f"{keychain.name()}, by a round trip")
        case "locked":
            return Finding(name, Verdict.NOTE, "locked, or asking for its password")
        case "none":
            return Finding(name, Verdict.NOTE, "none that can be used here")


def _answer(folder: Path, cli: str) -> str:
    began = time.monotonic()
    with _server(folder, cli) as base:
        started_s = time.monotonic() - began
        words, way = _chat(base)
    if "demo" not in words.lower() or QUESTION not in words:
        raise ValueError(f"the demo's answer is not what it says: {words[:80]!r}")
    return f"{len(words)} characters of a demo's answer, streamed ({way}); up after {started_s:.1f} s, and ended again"


@contextmanager
def _server(folder: Path, cli: str) -> Iterator[str]:
    """A server of this program's own, on a free port; "host:port" of it. It is asked to end, and must."""
    options = (
        "--demo",
        "--data-dir",
        str(folder / "data"),
        "--log-dir",
        str(folder / "logs"),
        *(("--cli-path", cli) if cli else ()),
    )
    # A port that is free now: the default one may be another Drawbridge's.
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
                raise StartError(f"It ended with {process.wait(END_S)} before it listened.", hint="")
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
    """The streamed answer to one question, and the way of its worker."""
    body = {"stream": True, "messages": [{"role": "user", "content": QUESTION}]}
    with closing(http.client.HTTPConnection(address, timeout=ANSWER_S)) as connection:
        connection.request(
            "POST", "/v1/chat/completions", json.dumps(body), headers={"content-type": "application/json"}
        )
        response = connection.getresponse()
        if response.status != 200:
            raise ValueError(f"status {response.status}: {response.read(300).decode(errors='replace')}")
        words, is_whole = _words(response)
    if not is_whole:
        raise ValueError("the stream broke off")
    return words, response.headers.get("x-drawbridge-way", "no way named")


def _words(lines: Iterable[bytes]) -> tuple[str, bool]:
    """What a stream says, and whether it came to its end."""
    words, is_whole = "", False
    for line in lines:
        data = line.decode().removeprefix("data: ").strip()
        is_whole = is_whole or data == "[DONE]"
        if data.startswith("{"):
            words += "".join(choice["delta"].get("content") or "" for choice in json.loads(data).get("choices", ()))
    return words, is_whole
