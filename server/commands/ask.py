"""`drawbridge ask`: sends a question to the running server, over the API that every client uses."""

import json
import queue
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, suppress

import click

from server.commands.asked_server import AskedServer, asked_server
from server.commands.options import settings_options, settle
from server.commands.output import say
from server.errors import DrawbridgeError

# A response that is not streamed comes only when the answer is complete.
WHOLE_TIMEOUT_S = 3600.0
# Streams have a heartbeat, so a longer silence means a lost connection.
STREAM_TIMEOUT_S = 120.0
_AT_ONCE = 8


@click.command()
@click.argument("text", nargs=-1)
@click.option("--model", default=None, help="The model, as in opus.")
@click.option("--stream/--no-stream", default=True, help="Show the answer as it is generated, or when complete.")
@click.option("-n", "--answers", type=click.IntRange(min=1), default=1, help="How many times to ask, several at once.")
@click.option("--session", default=None, metavar="NAME", help="Continue the conversation of this name.")
@settings_options(
    "data_dir",
    api_key="The access key to send. Other users of this computer can see command lines: use the variable instead.",
)
def ask(
    text: tuple[str, ...], model: str | None, *, stream: bool, answers: int, session: str | None, **flags: object
) -> int:
    """Ask the running server TEXT, or the standard input (with '-' or without TEXT)."""
    settled = settle(flags, unprefixed=False)
    question = " ".join(text)
    if question in {"", "-"}:
        question = sys.stdin.read() if sys.stdin is not None else ""
    if not question.strip():
        raise click.UsageError('No question given. Example: drawbridge ask "What is a drawbridge?"')
    server = asked_server(settled, flags)
    # An empty name selects the server's default model.
    body = {"model": model or "", "stream": stream, "messages": [{"role": "user", "content": question}]}
    if session is not None:
        body["session_id"] = session
    headers = {"content-type": "application/json"}
    if server.key is not None:
        headers["authorization"] = f"Bearer {server.key}"
    if answers == 1:
        _show(_ask(server, body, headers))
    else:
        _show_several(lambda: "".join(_ask(server, body, headers)), answers)
    return 0


def _ask(server: AskedServer, body: Mapping[str, object], headers: Mapping[str, str]) -> Iterator[str]:
    """Yields the answer in chunks. Raises `DrawbridgeError`, also after the first chunk."""
    # Lazy: 0.1 s.
    import http.client

    timeout_s = STREAM_TIMEOUT_S if body["stream"] else WHOLE_TIMEOUT_S
    try:
        # A plain connection ignores proxy variables, which must not apply to this computer.
        connect = http.client.HTTPSConnection if server.is_https else http.client.HTTPConnection
        with closing(connect(server.host, server.port, timeout=timeout_s)) as connection:
            connection.request("POST", server.path, json.dumps(body).encode(), dict(headers))
            response = connection.getresponse()
            if response.status != 200:
                raise _refused(response.read(), response.status)
            if "session_id" in (response.getheader("x-drawbridge-ignored") or "").split(", "):
                click.echo("The server keeps no sessions, because its setting 'sessions' is off.", err=True)
            if body["stream"]:
                yield from _chunks(response)
            else:
                yield _content(json.loads(response.read()), "message")
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise DrawbridgeError(
            f"The server stopped answering ({type(error).__name__}).",
            hint="Check it with 'drawbridge status'.",
            title="The answer is incomplete",
        ) from error


def _chunks(response: Iterable[bytes]) -> Iterator[str]:
    for line in response:
        name, _, value = line.decode().strip().partition(": ")
        if name != "data":
            continue
        if value == "[DONE]":
            return
        chunk = json.loads(value)
        if "error" in chunk:
            raise _refused(value.encode(), None)
        yield _content(chunk, "delta")
    raise DrawbridgeError(
        "The stream ended before the answer did.", hint="Ask again.", title="The answer is incomplete"
    )


def _content(reply: Mapping[str, object], part: str) -> str:
    choices = reply.get("choices")
    if not isinstance(choices, list) or not choices:
        return ""
    content = choices[0].get(part, {}).get("content")
    return content if isinstance(content, str) else ""


def _refused(body: bytes, status: int | None) -> DrawbridgeError:
    message, title = f"Status {status}.", "The server refused the question"
    with suppress(ValueError, KeyError, TypeError):
        message = json.loads(body)["error"]["message"]
    if status is None:
        title = "The answer ended early"
    return DrawbridgeError(message, title=title)


def _show_several(ask_once: Callable[[], str], times: int) -> None:
    """Asks so many times, several at once, and shows each answer when it is complete. Raises the first error."""
    left, done = queue.SimpleQueue[None](), queue.SimpleQueue[str | Exception]()
    for _ in range(times):
        left.put(None)

    def work() -> None:
        with suppress(queue.Empty):
            while True:
                left.get_nowait()
                try:
                    done.put(ask_once())
                except Exception as error:  # noqa: BLE001 # the caller raises it
                    done.put(error)

    for _ in range(min(times, _AT_ONCE)):
        # A daemon, so that Ctrl-C need not wait for it.
        threading.Thread(target=work, daemon=True).start()
    errors: list[Exception] = []
    is_first = True
    for _ in range(times):
        answer = done.get()
        if isinstance(answer, Exception):
            errors.append(answer)
            continue
        if not is_first:
            say("")
        is_first = False
        _show(iter([answer]))
    if errors:
        raise errors[0]


def _show(chunks: Iterator[str]) -> None:
    """Writes each chunk as it arrives, and ends the line, also after an error."""
    last = "\n"
    try:
        for chunk in chunks:
            if chunk:
                click.echo(chunk, nl=False)
                last = chunk
                if sys.stdout is not None:
                    sys.stdout.flush()
    finally:
        if not last.endswith("\n"):
            click.echo()
