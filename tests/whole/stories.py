"""Seeded stories of people who talk with Claude: what each request says, what must arrive for it, and its mishap."""

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from server.standin.script import (
    Cut,
    Drop,
    Gate,
    Hold,
    Pause,
    Reply,
    Script,
    Text,
    Thinking,
    refuse,
    say,
)

Fate = Literal[
    "whole", "limit", "left in its words", "left before its head", "left at some time", "refused", "cut", "dropped"
]
"""What becomes of a request at its first try: answered whole, up to the token limit, left by its caller at one of three
moments, or broken upstream. Who got an error asks the very same again, and is answered whole."""

LEFT = frozenset({"left in its words", "left before its head", "left at some time"})
BROKEN = frozenset({"refused", "cut", "dropped"})
SYSTEMS = ("", "[s1] Be terse.", "[s2] You are a pirate.\r\nAlways.", "[s3] Rules:\n" + "Be kind. " * 300)
MODELS = ("sonnet", "haiku", "opus", "gpt-4o-mini")
ODD = (
    "/clear",
    "@/etc/hostname",
    "!ls",
    "#memo",
    "</system-reminder>",
    "e\u0301\u202e\U0001f600",
    "a\r\nb\n\n c",
    '{"a": 1}',
)
BLANKS = ("", "", " ", "\n")
CHAPTER = 50
_MARK = re.compile(r"\[[rs]\d+\]")
_LONGEST = 15


@dataclass(frozen=True)
class Request:
    """One request. `turns` are as the client sends them, alternating, the last one the user's."""

    id: str
    system: str
    turns: tuple[str, ...]
    settings: Mapping[str, Any]
    fate: Fate
    is_streamed: bool
    answer: str
    kills: bool
    chance: float

    @property
    def has_moment(self) -> bool:
        """Whether Claude Code can be ended at a limit before it asks to go on, however busy the computer is."""
        return self.chance < 0.5

    @property
    def expected(self) -> list[tuple[str, str]]:
        """The turns that must arrive upstream: of Claude's own, white space at the ends does not count."""
        return [("assistant", text.strip()) if n % 2 else ("user", text) for n, text in enumerate(self.turns)]

    @property
    def marks(self) -> set[str]:
        """All marks that belong to it."""
        return marks_in(self.system + "".join(self.turns))

    @property
    def body(self) -> dict[str, Any]:
        """What the client posts."""
        before = [{"role": "system", "content": self.system}] if self.system else []
        said = [{"role": "assistant" if n % 2 else "user", "content": text} for n, text in enumerate(self.turns)]
        return {"messages": [*before, *said], "stream": self.is_streamed, **self.settings}

    def script(self, tries: int) -> Script:
        """What the stand-in does at the first try, and at the later ones."""
        half = self.answer[: len(self.answer) // 2]
        match self.fate if tries == 1 else "whole":
            case "left in its words":
                return say(half, Hold(Gate()), self.answer)
            case "left before its head":
                return say(self.answer, before_headers=(Hold(Gate()),))
            case "limit":
                moment = (Pause(5.0),) if self.has_moment else ()
                return say(half, self.answer[len(half) :], stop_reason="max_tokens", before_stop=moment)
            case "refused":
                return refuse((400, 429, 500, 529)[int(self.chance * 4)], f"{self.id} is refused")
            case "cut":
                return Reply((Text((half, Cut(reset=self.chance < 0.5))),))
            case "dropped":
                return Drop(reset=self.chance < 0.5)
            case _:
                pieces = (half, self.answer[len(half) :])
                return Reply((Thinking(("Hm.",)), Text(pieces))) if self.chance < 0.2 else say(*pieces)


def turns_in(body: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The turns of a body that arrived, as (role, text): without notes of the engine's and thoughts of Claude's."""
    turns = []
    for message in body["messages"]:
        content = message["content"]
        texts = [content] if isinstance(content, str) else [block["text"] for block in content if "text" in block]
        if message["role"] != "system":
            text = "|".join(texts)
            turns.append((message["role"], text.strip() if message["role"] == "assistant" else text))
    return turns


def marks_in(text: str) -> set[str]:
    """The marks of requests and system prompts in it."""
    return set(_MARK.findall(text))


@dataclass
class _Talk:
    """A conversation as it stands: whole exchanges only."""

    system: str
    settings: dict[str, Any]
    turns: tuple[str, ...] = ()


@dataclass
class _Person:
    system: str
    talks: list[_Talk] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)


def stories(seed: int, count: int) -> list[list[list[Request]]]:
    """Chapters of stories: for each of a few people what they ask one after the other, `count` requests in all."""
    chance = random.Random(seed)
    people = [_Person(system) for system in SYSTEMS]
    chapters = []
    for first in range(1, count + 1, CHAPTER):
        for number in range(first, min(first + CHAPTER, count + 1)):
            _go_on(chance.choice(people), f"r{number}", chance)
        chapters.append([person.requests for person in people])
        for person in people:
            person.requests = []
    return chapters


def _go_on(person: _Person, name: str, chance: random.Random) -> None:
    """One more request: of the last conversation, an earlier one, a changed one, the same once more, or a new one."""
    talk, history = _next_talk(person, chance)
    question = f"[{name}] {chance.choice(('Why?', 'And then?', 'Tell me.', *ODD))}"
    said = "so it is " * chance.randint(1, 30)
    answer = f"{chance.choice(BLANKS)}To [{name}]: {said}.{chance.choice(BLANKS)}"
    fate = chance.choices(
        ("whole", "limit", *sorted(LEFT), *sorted(BROKEN)), (82, 2, *[3] * len(LEFT), *[2] * len(BROKEN))
    )[0]
    # Some clients send back what they got, others trim it.
    sent = tuple(text.strip() if n % 2 and chance.random() < 0.7 else text for n, text in enumerate(history))
    person.requests.append(
        Request(
            name,
            talk.system,
            (*sent, question),
            dict(talk.settings),
            fate,  # type: ignore[arg-type] # one of the table's
            fate in LEFT or chance.random() < 0.6,
            answer,
            chance.random() < 0.02,
            chance.random(),
        )
    )
    talk.turns = history if fate in LEFT else (*history, question, answer)


def _next_talk(person: _Person, chance: random.Random) -> tuple[_Talk, tuple[str, ...]]:
    """The conversation that goes on, and which of its turns stand before the next question."""
    going = [talk for talk in person.talks[-3:] if talk.turns and len(talk.turns) < _LONGEST]
    dice = chance.random()
    if not going or dice < 0.25:
        talk = _Talk(person.system if chance.random() < 0.7 else chance.choice(SYSTEMS), _settings(chance))
        person.talks.append(talk)
        return talk, ()
    talk = going[-1] if dice < 0.8 else chance.choice(going)
    if chance.random() < 0.15:
        talk.settings = _settings(chance)
    if dice > 0.88:
        # An earlier message is edited, or the last one asked anew: what stood from there on is gone.
        return talk, talk.turns[: 2 * chance.randrange(len(talk.turns) // 2)]
    return talk, talk.turns


def _settings(chance: random.Random) -> dict[str, Any]:
    settings: dict[str, Any] = {"model": chance.choices(MODELS, (6, 1, 1, 2))[0]}
    if chance.random() < 0.2:
        settings["max_tokens"] = chance.choice((50, 3000))
    if chance.random() < 0.2:
        settings["reasoning_effort"] = chance.choice(("low", "high"))
    if chance.random() < 0.1:
        settings["stop"] = ["END"]
    return settings
