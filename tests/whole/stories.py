"""Seeded random conversations: each request's body, what must arrive upstream for it, and what interrupts it."""

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
    "whole",
    "limit",
    "cancelled mid-stream",
    "cancelled before the headers",
    "cancelled at a random time",
    "refused",
    "cut",
    "dropped",
]
"""How the first try of a request ends: whole, at the token limit, cancelled by its client, or broken upstream. A client
that gets an error repeats the request, which is then answered whole."""

CANCELLED = frozenset({"cancelled mid-stream", "cancelled before the headers", "cancelled at a random time"})
BROKEN = frozenset({"refused", "cut", "dropped"})
SYSTEMS = (
    "",
    "[s1] Be terse.",
    "\n[s2] You are a pirate.\r\nAlways in ${CLAUDE_PLUGIN_ROOT}.\r\n",
    "[s3] Rules:\n" + "Be kind. " * 300 + "\n",
)
# Claude Code has tools of the first two names itself.
TOOLS = ("Bash", "Skill", "look", "left_click", "a.b", "Größe")
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
    """One request. `turns` are its messages without the system prompt: alternating, the user's last."""

    id: str
    system: str
    turns: tuple[str, ...]
    settings: Mapping[str, Any]
    fate: Fate
    is_streamed: bool
    answer: str
    kills: bool
    chance: float
    tools: tuple[str, ...] = ()

    @property
    def has_moment(self) -> bool:
        """Whether the script pauses at the token limit, so that Claude Code can be stopped before it continues."""
        return self.chance < 0.5

    @property
    def expected(self) -> list[tuple[str, str]]:
        """The turns that must arrive upstream; white space at the ends of assistant turns does not count."""
        return [("assistant", text.strip()) if n % 2 else ("user", text) for n, text in enumerate(self.turns)]

    @property
    def marks(self) -> set[str]:
        """The marks in its system prompt and turns."""
        return marks_in(self.system + "".join(self.turns))

    @property
    def body(self) -> dict[str, Any]:
        """The request's body."""
        before = [{"role": "system", "content": self.system}] if self.system else []
        history = [{"role": "assistant" if n % 2 else "user", "content": text} for n, text in enumerate(self.turns)]
        tools = {"tools": [tool_of(name) for name in self.tools]} if self.tools else {}
        return {"messages": [*before, *history], "stream": self.is_streamed, **self.settings, **tools}

    def script(self, tries: int) -> Script:
        """What the stand-in does at try number `tries`."""
        half = self.answer[: len(self.answer) // 2]
        match self.fate if tries == 1 else "whole":
            case "cancelled mid-stream":
                return say(half, Hold(Gate()), self.answer)
            case "cancelled before the headers":
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
                halves = (half, self.answer[len(half) :])
                return Reply((Thinking(("Hm.",)), Text(halves))) if self.chance < 0.2 else say(*halves)


def tool_of(name: str) -> dict[str, Any]:
    """A tool as the client writes it."""
    return {"type": "function", "function": {"name": name, "description": f"What {name} does.", "parameters": {}}}


def turns_in(body: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The turns of an upstream body as (role, text), without Claude Code's notes and Claude's thinking."""
    turns = []
    for message in body["messages"]:
        content = message["content"]
        texts = [content] if isinstance(content, str) else [block["text"] for block in content if "text" in block]
        if message["role"] != "system":
            text = "|".join(texts)
            turns.append((message["role"], text.strip() if message["role"] == "assistant" else text))
    return turns


def marks_in(text: str) -> set[str]:
    """The marks of requests and system prompts in a text."""
    return set(_MARK.findall(text))


@dataclass
class _Conversation:
    """A conversation with its completed exchanges."""

    system: str
    settings: dict[str, Any]
    tools: tuple[str, ...] = ()
    turns: tuple[str, ...] = ()


@dataclass
class _User:
    system: str
    conversations: list[_Conversation] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)


def stories(seed: int, count: int) -> list[list[list[Request]]]:
    """Chapters: for each of a few users their requests in order, `count` requests in all."""
    chance = random.Random(seed)
    users = [_User(system) for system in SYSTEMS]
    chapters = []
    for first in range(1, count + 1, CHAPTER):
        for number in range(first, min(first + CHAPTER, count + 1)):
            _add_request(chance.choice(users), f"r{number}", chance)
        chapters.append([user.requests for user in users])
        for user in users:
            user.requests = []
    return chapters


def _add_request(user: _User, name: str, chance: random.Random) -> None:
    """Adds a request to the last conversation, an earlier one, an edited one or a new one."""
    conversation, history = _next_conversation(user, chance)
    question = f"[{name}] {chance.choice(('Why?', 'And then?', 'Tell me.', *ODD))}"
    filler = "so it is " * chance.randint(1, 30)
    answer = f"{chance.choice(BLANKS)}To [{name}]: {filler}.{chance.choice(BLANKS)}"
    fate = chance.choices(
        ("whole", "limit", *sorted(CANCELLED), *sorted(BROKEN)), (82, 2, *[3] * len(CANCELLED), *[2] * len(BROKEN))
    )[0]
    # Some clients send answers back unchanged, others trim them.
    sent = tuple(text.strip() if n % 2 and chance.random() < 0.7 else text for n, text in enumerate(history))
    user.requests.append(
        Request(
            name,
            conversation.system,
            (*sent, question),
            dict(conversation.settings),
            fate,  # type: ignore[arg-type] # one of `Fate`
            fate in CANCELLED or chance.random() < 0.6,
            answer,
            chance.random() < 0.02,
            chance.random(),
            conversation.tools,
        )
    )
    conversation.turns = history if fate in CANCELLED else (*history, question, answer)


def _next_conversation(user: _User, chance: random.Random) -> tuple[_Conversation, tuple[str, ...]]:
    """The conversation to continue, and its turns before the next question."""
    open_ones = [one for one in user.conversations[-3:] if one.turns and len(one.turns) < _LONGEST]
    dice = chance.random()
    if not open_ones or dice < 0.25:
        conversation = _Conversation(
            user.system if chance.random() < 0.4 else _system(chance), _settings(chance), _tools(chance)
        )
        user.conversations.append(conversation)
        return conversation, ()
    conversation = open_ones[-1] if dice < 0.8 else chance.choice(open_ones)
    if chance.random() < 0.15:
        conversation.settings = _settings(chance)
    if dice > 0.88:
        # An earlier message is edited, or the last one repeated: the turns from there on are dropped.
        return conversation, conversation.turns[: 2 * chance.randrange(len(conversation.turns) // 2)]
    return conversation, conversation.turns


def _system(chance: random.Random) -> str:
    """A system prompt that others have too, or a new one."""
    if chance.random() < 0.3:
        return chance.choice(SYSTEMS)
    odd = chance.choice(("", "---", "$ARGUMENTS", "!`ls`", "${CLAUDE_PLUGIN_ROOT} ${user_config.prompt-1}", *ODD))
    begin, end = (chance.choice(("",) * 4 + ("\n", " ", "\r\n", "\ufeff")) for _ in range(2))
    return f"{begin}[s{chance.randrange(10, 10**9)}] Be {odd} {'kind. ' * chance.choice((1, 20, 1000))}.{end}"


def _tools(chance: random.Random) -> tuple[str, ...]:
    """No tools, some that others have too, or a new one."""
    if chance.random() < 0.5:
        return ()
    return (*chance.sample(TOOLS, chance.randint(1, 3)), *([f"t{chance.randrange(10**6)}"] * (chance.random() < 0.5)))


def _settings(chance: random.Random) -> dict[str, Any]:
    settings: dict[str, Any] = {"model": chance.choices(MODELS, (6, 1, 1, 2))[0]}
    if chance.random() < 0.2:
        settings["max_tokens"] = chance.choice((50, 3000))
    if chance.random() < 0.2:
        settings["reasoning_effort"] = chance.choice(("low", "high"))
    if chance.random() < 0.1:
        settings["stop"] = ["END"]
    return settings
