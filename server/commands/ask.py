"""`drawbridge ask`: sends a question to the running server, over the API that every client uses."""

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

# A response that is not streamed comes only when the answer is complete.
WHOLE_TIMEOUT_S = 3600.0
# Streams have a heartbeat, so a longer silence means a lost connection.
STREAM_TIMEOUT_S = 120.0


@click.command()
@click.argument("text", nargs=-1)
@click.option("--model", default=None, help="The model, as in opus.")
@click.option("--stream/--no-stream", default=True, help="Show the answer as it is generated, or when complete.")
@click.option(
    "-n", "--answers", type=click.IntRange(min=1), default=1, help="How many times to ask, one after another."
)
@settings_options("api_key", "data_dir")
def ask(text: tuple[str, ...], model: str | None, *, stream: bool, answers: int, **flags: object) -> int:
    """Ask the running server TEXT, or the standard input (with '-' or without TEXT)."""
    settled = settle(flags, unprefixed=False)
    question = " ".join(text)
    if question in {"", "-"}:
        question = sys.stdin.read() if sys.stdin is not None else ""
    if not question.strip():
        raise click.UsageError('No question given. Example: drawbridge ask "What is a drawbridge?"')
    instance = running_instance(settled.folders)
    # An empty name selects the server's default model.
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
    """Yields the answer in chunks. Raises `DrawbridgeError`, also after the first chunk."""
    # Lazy: 0.1 s.
    import http.client

    timeout_s = STREAM_TIMEOUT_S if body["stream"] else WHOLE_TIMEOUT_S
    try:
        # A plain connection ignores proxy variables, which must not apply to this computer.
        with closing(http.client.HTTPConnection(instance.host, instance.port, timeout=timeout_s)) as connection:
            connection.request("POST", "/v1/chat/completions", json.dumps(body).encode(), dict(headers))
            response = connection.getresponse()
            if response.status != 200:
                raise _refused(response.read(), response.status)
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
