"""The stand-in server: a double of Anthropic's Messages API that validates and records requests and plays scripts."""

import asyncio
import itertools
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Literal, assert_never
from urllib.parse import parse_qs, urlsplit

from server.standin.http_connection import ClientDisconnected, Connection, Request
from server.standin.script import Cut, Hold, Pause, Plain, Refusal, Script, refuse, say
from server.standin.validation.request import BODY_LIMIT, check
from server.standin.wire_events import Body, Head, ReplyContext, actions_for

MESSAGES = "/v1/messages"

Outcome = Literal["whole", "refused", "cut", "client disconnected", "stopped"]
"""How a request ended: completely answered (even with an error event), with an error status, cut by the script, by the
client's disconnect, or still open when the stand-in was closed."""


class Recorded:
    """One recorded request and its outcome.

    `body` is the JSON object of the request, empty if it had none; `headers` have lower-case names.
    `outcome` is None until the answer has ended, which may be shortly after the client has read it: await `ended()`.
    `refusal` is the error that the real API would answer; then no script was used.
    """

    def __init__(self, number: int, request: Request) -> None:
        split = urlsplit(request.target)
        self.number = number
        self.method = request.method
        self.path = split.path
        self.query = {name: values[-1] for name, values in parse_qs(split.query).items()}
        self.headers = request.headers
        self.size = request.size
        self.body: dict[str, object] = _object(request.body)
        self.outcome: Outcome | None = None
        self.refusal: Refusal | None = None
        self._ended = asyncio.Event()

    async def ended(self) -> Outcome:
        """Waits for the end of the answer and returns the outcome."""
        await self._ended.wait()
        assert self.outcome is not None
        return self.outcome

    async def client_disconnected(self) -> None:
        """Waits until the client has disconnected during its answer. Raises AssertionError on any other outcome."""
        outcome = await self.ended()
        if outcome != "client disconnected":
            raise AssertionError(f"{self!r} did not end by a disconnect")

    def end(self, outcome: Outcome) -> None:
        """Sets the outcome; called by the stand-in."""
        self.outcome = outcome
        self._ended.set()

    def __repr__(self) -> str:
        return f"<{self.number} {self.method} {self.path} {self.outcome or 'open'}>"


Answer = Callable[[Recorded], Script]
Sleep = Callable[[float], Awaitable[object]]


def default_answer(_: Recorded) -> Script:
    """The answer when there is no script."""
    return say("Hello", " from", " the stand-in.")


def token_count(body: dict[str, object]) -> int:
    """An estimate of a request's tokens: one for four characters."""
    return max(1, len(json.dumps(body)) // 4)


class Standin:
    """The running stand-in: its URL, the recorded requests, and the scripts to answer them with."""

    def __init__(self, answer: Answer, sleep: Sleep, keep: int | None) -> None:
        self.url = ""
        self.requests: list[Recorded] = []
        self.others: list[Recorded] = []
        self._answer = answer
        self._queue: deque[Script] = deque()
        self._sleep = sleep
        self._keep = keep
        self._numbers = itertools.count(1)
        self._arrived = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()
        self._failures: list[Exception] = []

    def script(self, *answers: Script | Answer) -> None:
        """Replaces the queue: scripts are used once each, in order; a function answers when the queue is empty."""
        self._queue.clear()
        for answer in answers:
            if callable(answer):
                self._answer = answer
            else:
                self._queue.append(answer)

    async def arrived(self, count: int) -> Recorded:
        """Waits until `count` messages requests have arrived and returns the last of them."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: len(self.requests) >= count)
        return self.requests[count - 1]

    async def disconnected(self) -> None:
        """Waits until no client is connected, so that everything sent has been recorded."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves a new connection in a task of its own."""
        task = asyncio.create_task(self._serve(Connection(reader, writer, body_limit=BODY_LIMIT + 1)))
        self._tasks.add(task)
        task.add_done_callback(self._served)

    def _served(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            self._failures.append(error)

    async def close(self) -> None:
        """Closes all connections. Raises an ExceptionGroup of what failed in them, such as an answer function."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._failures:
            raise ExceptionGroup("the stand-in failed", self._failures)

    async def _serve(self, connection: Connection) -> None:
        try:
            while (request := await connection.request()) is not None:
                recorded = await self._record(request)
                outcome: Outcome = "stopped"
                try:
                    script = self._script_for(request, recorded)
                    outcome = await self._play(connection, recorded, script)
                finally:
                    recorded.end(outcome)
                if outcome not in ("whole", "refused"):
                    break
        except asyncio.CancelledError:
            connection.abort()
            raise
        finally:
            await connection.close()

    async def _record(self, request: Request) -> Recorded:
        recorded = Recorded(next(self._numbers), request)
        is_message = recorded.method == "POST" and recorded.path == MESSAGES
        records = self.requests if is_message else self.others
        records.append(recorded)
        if self._keep is not None:
            del records[: max(0, len(records) - self._keep)]
        async with self._arrived:
            self._arrived.notify_all()
        return recorded

    def _script_for(self, request: Request, recorded: Recorded) -> Script:
        match recorded.method, recorded.path:
            case "POST", "/v1/messages":
                recorded.refusal = check(request)
                if recorded.refusal is not None:
                    return recorded.refusal
                return self._queue.popleft() if self._queue else self._answer(recorded)
            case "POST", "/v1/messages/count_tokens":
                recorded.refusal = check(request, counting=True)
                return recorded.refusal or Plain(json.dumps({"input_tokens": token_count(recorded.body)}))
            case "HEAD" | "GET", "/api/hello":
                return Plain("")
            case _, "/v1/messages" | "/v1/messages/count_tokens":
                return refuse(405, "Method Not Allowed")
            case _:
                return refuse(404)

    async def _play(self, connection: Connection, recorded: Recorded, script: Script) -> Outcome:
        """Plays the script until it ends or the client disconnects."""
        playing = asyncio.create_task(self._act(connection, recorded, script))
        disconnect = asyncio.create_task(connection.wait_closed())
        try:
            await asyncio.wait({playing, disconnect}, return_when=asyncio.FIRST_COMPLETED)
            return playing.result() if playing.done() else "client disconnected"
        except ClientDisconnected:
            return "client disconnected"
        finally:
            for task in (playing, disconnect):
                task.cancel()
            await asyncio.gather(playing, disconnect, return_exceptions=True)

    async def _act(self, connection: Connection, recorded: Recorded, script: Script) -> Outcome:
        context = ReplyContext(
            recorded.number, str(recorded.body.get("model")), stream=recorded.body.get("stream") is True
        )
        outcome: Outcome = "whole"
        for action in actions_for(script, context):
            match action:
                case Head():
                    outcome = "whole" if action.status < 400 else "refused"
                    await connection.start(action.status, action.headers)
                case Body():
                    await connection.send(action.content)
                case Pause():
                    await self._sleep(action.seconds)
                case Hold():
                    await action.gate.pass_through()
                case Cut():
                    connection.cut(reset=action.reset)
                    return "cut"
                case _:
                    assert_never(action)
        await connection.finish()
        return outcome


@asynccontextmanager
async def open_standin(
    answer: Answer = default_answer, *, sleep: Sleep = asyncio.sleep, keep: int | None = None
) -> AsyncIterator[Standin]:
    """Runs the stand-in on a free port of 127.0.0.1. `keep`: how many of the last requests stay recorded; None: all."""
    standin = Standin(answer, sleep, keep)
    server = await asyncio.start_server(standin.accept, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    standin.url = f"http://{host}:{port}"
    try:
        yield standin
    finally:
        server.close()
        await standin.close()
        await server.wait_closed()


def _object(body: bytes) -> dict[str, object]:
    with suppress(ValueError):
        value = json.loads(body)
        if isinstance(value, dict):
            return value
    return {}
