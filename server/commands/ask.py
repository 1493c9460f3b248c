"""`drawbridge ask`: one question to the running server, over the same API that every client uses."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, suppress

import click

from server.commands.options import settings_options, settle
from server.commands.output import say
from server.commands.status_and_stop import running_instance
from server.errors import DrawbridgeError
from server.machine.instance import Instance
from server.machine.keychain import Keychain, resolve_key

# An answer that is not streamed says nothing until its end.
WHOLE_TIMEOUT_S = 3600.0
# Streams have a heartbeat; what is longer silent than this is gone.
STREAM_TIMEOUT_S = 120.0


@click.command()
@click.argument("text", nargs=-1)
@click.option("--model", default=None, help="The model to ask, as in opus.")
@click.option("--stream/--no-stream", default=True, help="Show the answer as it comes (the default), or whole.")
@click.option(
    "-n", "--answers", type=click.IntRange(min=1), default=1, help="So many answers, asked one after another."
)
@settings_options("api_key", "data_dir")
def ask(text: tuple[str, ...], model: str | None, *, stream: bool, answers: int, **flags: object) -> int:
    """Ask the running server TEXT, or what comes from standard input (with '-', or without TEXT)."""
    settled = settle(flags, unprefixed=False)
    question = " ".join(text)
    if question in {"", "-"}:
        question = sys.stdin.read() if sys.stdin is not None else ""
    if not question.strip():
        raise click.UsageError('There is no question. Example: drawbridge ask "What is a drawbridge?"')
    instance = running_instance(settled.folders)
    # Without a name of Claude's the server takes its own default.
    body = {"model": model or "", "stream": stream, "messages": [{"role": "user", "content": question}]}
    headers = {"content-type": "application/json"}
    key = resolve_key(settled.config, Keychain(settled.folders.config))
    if key is not None:
        headers["authorization"] = f"Bearer {key}"
    for number in range(answers):
        if number:
            say("")
        _show(_ask(instance, body, headers))
    return 0


def _ask(instance: Instance, body: Mapping[str, object], headers: Mapping[str, str]) -> Iterator[str]:
    """The answer in pieces. Raises `DrawbridgeError`, also in the middle."""
    # Lazy: 0.1 s, which the other commands need not wait.
    import http.client

    timeout_s = STREAM_TIMEOUT_S if body["stream"] else WHOLE_TIMEOUT_S
    try:
        # A plain connection: proxy variables are not for this computer.
        with closing(http.client.HTTPConnection(instance.host, instance.port, timeout=timeout_s)) as connection:
            connection.request("POST", "/v1/chat/completions", json.dumps(body).encode(), dict(headers))
            response = connection.getresponse()
            if response.status != 200:
                raise _refused(response.read(), response.status)
            if body["stream"]:
                yield from _pieces(response)
            else:
                yield _content(json.loads(response.read()), "message")
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise DrawbridgeError(
            f"The server stopped answering ({type(error).__name__}).",
            hint="'drawbridge status' says whether it still runs.",
            title="There is no whole answer",
        ) from error


def _pieces(response: Iterable[bytes]) -> Iterator[str]:
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
        "The stream ended before the answer did.", hint="Ask again.", title="There is no whole answer"
    )


def _content(reply: Mapping[str, object], part: str) -> str:
    choices = reply.get("choices")
    if not isinstance(choices, list) or not choices:
        return ""
    content = choices[0].get(part, {}).get("content")
    return content if isinstance(content, str) else ""


def _refused(body: bytes, status: int | None) -> DrawbridgeError:
    message, title = f"It said {status}.", "The server refused the question"
    with suppress(ValueError, KeyError, TypeError):
        message = json.loads(body)["error"]["message"]
    if status is None:
        title = "The answer broke off"
    return DrawbridgeError(message, title=title)


def _show(pieces: Iterator[str]) -> None:
    """Writes each piece as it comes, and ends the line, also where the answer breaks off."""
    last = "\n"
    try:
        for piece in pieces:
            if piece:
                click.echo(piece, nl=False)
                last = piece
                if sys.stdout is not None:
                    sys.stdout.flush()
    finally:
        if not last.endswith("\n"):
            click.echo()
