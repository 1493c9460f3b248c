"""Scripts for the stand-in that call tools: two in one message, a third with their results, then text."""

import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from server.standin.script import Block, Reply, Script, Text, call, say
from server.standin.server import Recorded

QUESTION = "Which is warmer, Paris or Oslo, and by how much?"
VERDICT = "Paris is warmer by 12 degrees."
WANTS_FORM = "as JSON"
OUR_TOOL = "drawbridge_json_answer"
FORM = {"city": "Oslo", "degrees": 9}


@dataclass
class Caller:
    """A script that keeps its calls by id."""

    calls: dict[str, tuple[str, Mapping[str, Any]]] = field(default_factory=dict)

    def calling(self, text: str, *wanted: tuple[str, Mapping[str, Any]]) -> Reply:
        """Streams text, then calls, each in several chunks."""
        blocks: list[Block] = [Text((text[:3], text[3:]))] if text else []
        for name, arguments in wanted:
            block = call(name, arguments, id=f"toolu_{uuid.uuid4().hex[:24]}")
            self.calls[str(block.id)] = (name, arguments)
            blocks.append(block)
        return Reply(tuple(blocks), stop_reason="tool_use")

    def steps(self, body: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Returns what arrived, step by step: text, calls, and results with the call that they answer."""
        return [step for message in spoken(body) for step in self._steps(message)]

    def _steps(self, message: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        steps: list[tuple[Any, ...]] = []
        for block in blocks_of(message["content"]):
            match block["type"]:
                case "tool_use":
                    assert self.calls[block["id"]] == (block["name"], block["input"])
                    steps.append(("call", block["name"], *block["input"].values()))
                case "tool_result":
                    name, arguments = self.calls[block["tool_use_id"]]
                    text = "".join(part["text"] for part in blocks_of(block["content"]))
                    steps.append(("result", name, *arguments.values(), text))
                case "text":
                    steps.append((message["role"], block["text"]))
                case kind:
                    steps.append((message["role"], kind, block))
        return steps


class Forecaster(Caller):
    """Compares the weather of two cities with the client's `get_weather` and `difference`, and answers in JSON."""

    def __call__(self, recorded: Recorded) -> Script:
        body: Mapping[str, Any] = recorded.body
        if WANTS_FORM in str(spoken(body)[0]["content"]):
            return self._form(body)
        results = [step[-1] for step in self.steps(body) if step[0] == "result"]
        match len(results):
            case 0:
                cities = ({"city": "Paris"}, {"city": "Oslo"})
                return self.calling("Let me look.", *(("get_weather", city) for city in cities))
            case 2:
                return self.calling("", ("difference", {"a": int(results[0]), "b": int(results[1])}))
        return say("Paris is ", f"warmer by {results[2]}", " degrees.")

    def _form(self, body: Mapping[str, Any]) -> Script:
        if body.get("tool_choice", {}).get("type") in ("any", "tool"):
            return self.calling("", (next(iter(offered(body))), FORM))
        return say('{"city": "Os', 'lo", "degrees"', ": 9}")


@dataclass
class Clerk(Caller):
    """Reads a file and edits it with two tools of the client, then answers that it is done."""

    reading: tuple[str, Mapping[str, Any]] = ("", {})
    editing: tuple[str, Mapping[str, Any]] = ("", {})

    def __call__(self, recorded: Recorded) -> Script:
        if self.reading[0] not in offered(recorded.body):
            return say("A letter")  # what the client wants for a title
        match [step[0] for step in self.steps(recorded.body)].count("result"):
            case 0:
                return self.calling("Let me read it.", self.reading)
            case 1:
                return self.calling("Now the edit.", self.editing)
        return say("It is ", "done.")


WHOLE_STORY = [
    ("user", QUESTION),
    ("assistant", "Let me look."),
    ("call", "get_weather", "Paris"),
    ("call", "get_weather", "Oslo"),
    ("result", "get_weather", "Paris", "21"),
    ("result", "get_weather", "Oslo", "9"),
    ("call", "difference", 21, 9),
    ("result", "difference", 21, 9, "12"),
]
"""What the last request of such a conversation must contain."""


def spoken(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Returns the messages of the conversation, without Claude Code's own notes."""
    return [message for message in body["messages"] if message["role"] != "system"]


def blocks_of(content: Any) -> list[dict[str, Any]]:
    """Returns content as blocks, whether it is a string or an array."""
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content or [])


def offered(body: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Returns the tools of a body by name."""
    return {tool["name"]: tool for tool in body.get("tools") or []}


def offers(requests: Iterable[Recorded]) -> list[list[dict[str, Any]]]:
    """Returns the client's tools in all requests that offered any, sorted, whatever the order of arrival.

    Leaves out our own tool for JSON answers without a schema.
    """
    found = [list(offered(request.body).values()) for request in requests]
    return sorted([tools for tools in found if tools and tools[0]["name"] != OUR_TOOL], key=json.dumps)


def form_of(body: Mapping[str, Any]) -> Any:
    """Returns the schema of the answer, None if there is none."""
    return ((body.get("output_config") or {}).get("format") or {}).get("schema")
