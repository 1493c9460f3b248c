"""The toy dialect: newline-delimited JSON, an error as a string, and the model's name in the path.

POST /toy/{model}/answer {"say": [{"from": "user", "text": "Hi"}], "stream": true}
"""

from dataclasses import dataclass

from server.conversation.events import Event, Failed, Finished, PartDelta, PartStarted, Started
from server.conversation.parts import Message, RedactedThinking, Text, Thinking, ToolCall
from server.conversation.request import ModelRequest, Profile
from server.dialects.base import ErrorReply, Exchange, ParseOptions
from server.dialects.framing import NDJSON_TYPE, ndjson_line
from server.errors import AnswerCut, DrawbridgeError, InvalidRequest, RequestError


class ToyCollector:
    """Collects text and calls; reasoning is left out."""

    def __init__(self, head: dict[str, object]) -> None:
        self._head = head
        self._parts: dict[int, Text | Thinking | RedactedThinking | ToolCall] = {}
        self._texts: dict[int, list[str]] = {}
        self._finished: Finished | None = None

    def add(self, event: Event) -> None:
        """Takes the next event."""
        match event:
            case PartStarted(index=index, part=part):
                self._parts[index], self._texts[index] = part, []
            case PartDelta(index=index, text=text):
                self._texts[index].append(text)
            case Finished():
                self._finished = event
            case Failed(error=error):
                raise error
            case _:
                pass

    def calls(self) -> list[dict[str, str]]:
        """The calls so far."""
        return [
            {"id": part.id, "name": part.name, "arguments": "".join(self._texts[index]) or "{}"}
            for index, part in self._parts.items()
            if isinstance(part, ToolCall)
        ]

    def is_text(self, index: int) -> bool:
        """Whether the part `index` is text."""
        return isinstance(self._parts[index], Text)

    def body(self) -> dict[str, object]:
        """The whole answer."""
        if self._finished is None:
            raise AnswerCut
        text = "".join(delta for index in self._parts if self.is_text(index) for delta in self._texts[index])
        return {**self._head, "text": text, "calls": self.calls(), "done": self._finished.reason.value}


class ToyEncoder:
    """Sends each piece of text as a line, and the calls with the last line."""

    def __init__(self, head: dict[str, object]) -> None:
        self._head = head
        self._collector = ToyCollector(head)

    def start(self) -> bytes:
        """Nothing: there are no comments in this framing."""
        return b""

    def event(self, event: Event) -> bytes:
        """A line for text, for the end, and for an error."""
        if isinstance(event, Failed):
            return ndjson_line({"error": str(event.error)})
        self._collector.add(event)
        match event:
            case PartDelta(index=index, text=text) if text and self._collector.is_text(index):
                return ndjson_line({"text": text})
            case Started():
                return ndjson_line(self._head)
            case Finished(reason=reason):
                return ndjson_line({"calls": self._collector.calls(), "done": reason.value})
            case _:
                return b""

    def heartbeat(self) -> bytes:
        """A line without text."""
        return ndjson_line({"text": ""})

    def end(self) -> bytes:
        """Nothing: the last event is the end."""
        return b""


@dataclass(frozen=True)
class ToyReply:
    """Replies to one request."""

    head: dict[str, object]

    def encoder(self) -> ToyEncoder:
        """A new encoder."""
        return ToyEncoder(self.head)

    def collector(self) -> ToyCollector:
        """A new collector."""
        return ToyCollector(self.head)


class Toy:
    """The dialect."""

    name = "toy"
    paths = ("/toy/{model}/answer",)
    prefixes: tuple[str, ...] = ("/toy",)
    content_type = NDJSON_TYPE

    def parse(self, body: object, owner: str, options: ParseOptions) -> Exchange:
        """Parses texts of alternating roles, the last one the user's."""
        said = body.get("say") if isinstance(body, dict) else None
        if not isinstance(body, dict) or not isinstance(said, list) or not said:
            raise InvalidRequest("say must be an array that is not empty.", param="say")
        model = options.path_params.get("model", "")
        request = ModelRequest(
            messages=tuple(Message(entry["from"], (Text(entry["text"]),)) for entry in said),
            model=model,
            profile=Profile(owner=owner),
        )
        head: dict[str, object] = {
            "id": f"toy-{options.token}",
            "model": model,
            "agent": options.headers.get("user-agent"),
        }
        return Exchange(request, ToyReply(head), body.get("stream") is True)

    def error(self, error: DrawbridgeError, request_id: str) -> ErrorReply:
        """One status for each side's mistakes, and the message as a string."""
        status = 400 if isinstance(error, RequestError) else 500
        return ErrorReply(status, {"error": str(error)}, {"toy-request": request_id})
