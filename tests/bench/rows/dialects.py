"""The first token in each dialect, in turns with chat's: what a dialect costs beside the same request in another."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.bench.caller import CHAT, Wire
from tests.bench.measuring import Found, Timing, line
from tests.bench.scene import KNOWN, Scene
from tests.bench.upstream import WORDS
from tests.whole.speaking import SPEECHES, Said

TARGET = 1.1
_LIMIT = 4000
# A round is short, and the figures are compared with each other.
_ROUNDS = 2


@dataclass(frozen=True, slots=True)
class Spoken:
    """A dialect of the benchmark. `path` is the one of its requests; `is_prompt`: they hold a prompt, no history."""

    name: str
    path: str
    wire: Wire
    is_prompt: bool = False

    def body(self, turns: Sequence[str]) -> Mapping[str, Any]:
        """A streamed request of these turns, the first of the user."""
        if self.is_prompt:
            (prompt,) = turns
            limit = {"options": {"num_predict": _LIMIT}} if self.path.startswith("/api") else {"max_tokens": _LIMIT}
            return {"model": "sonnet", "prompt": prompt, "system": KNOWN, "stream": True, **limit}
        roles = ("user", "assistant")
        said = [Said(roles[number % 2], text) for number, text in enumerate(turns)]
        return {**SPEECHES[self.name].body(KNOWN, {}, _LIMIT, said), "model": "sonnet", "stream": True}


def _wire(text: bytes, end: bytes) -> Wire:
    return Wire(re.compile(text), end)


DIALECTS = (
    Spoken("chat", "/v1/chat/completions", CHAT),
    Spoken("responses", "/v1/responses", _wire(rb'"type":"response.output_text.delta"', b"response.completed")),
    Spoken("messages", "/v1/messages", _wire(rb'"type":"text_delta"', b"message_stop")),
    Spoken("ollama", "/api/chat", _wire(rb'"content":"[^"]', b'"done":true')),
    Spoken("completions", "/v1/completions", _wire(rb'"text":"[^"]', b"data: [DONE]"), is_prompt=True),
    Spoken("generate", "/api/generate", _wire(rb'"response":"[^"]', b'"done":true'), is_prompt=True),
)


async def next_turn(scene: Scene, dialect: Spoken) -> Timing:
    """The next turn of a conversation that a worker holds."""
    first = scene.new("Begin.")
    await scene.caller.send(dialect.path, dialect.body([first]), dialect.wire)
    await scene.settle()
    return await scene.caller.send(dialect.path, dialect.body([first, WORDS, scene.new("Next?")]), dialect.wire)


async def fresh(scene: Scene, dialect: Spoken) -> Timing:
    """A fresh conversation under a system prompt that a worker has."""
    await scene.caller.send(dialect.path, dialect.body([scene.new("Begin.")]), dialect.wire)
    await scene.settle()
    return await scene.caller.send(dialect.path, dialect.body([scene.new("Hello?")]), dialect.wire)


async def measure_dialects(scene: Scene) -> list[Found]:
    """A line for each dialect and kind of request, with the ratio to chat's of the same kind."""
    kinds = (("next turn", next_turn, [one for one in DIALECTS if not one.is_prompt]), ("fresh", fresh, DIALECTS))
    timings: dict[tuple[str, str], list[Timing]] = {}
    for number in range(scene.scale.warm_up + _ROUNDS * scene.scale.repeats):
        for kind, measure, dialects in kinds:
            # Each dialect comes first, and last, in turn.
            at = number % len(dialects)
            for dialect in (*dialects[at:], *dialects[:at]):
                timing = await measure(scene, dialect)
                if number >= scene.scale.warm_up:
                    timings.setdefault((kind, dialect.name), []).append(timing)
    return [
        line(f"{kind} in {name}, x chat's", found, bare=timings[kind, "chat"], target=TARGET)
        for (kind, name), found in sorted(timings.items(), key=lambda one: one[0][0] != "next turn")
    ]
