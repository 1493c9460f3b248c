"""Seeded random conversations: each request's body, what must arrive upstream for it, and what interrupts it."""

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from server.claude.protocol.tool_names import legal_name
from server.keys.named_key import NamedKey, hash_of, make_key
from server.keys.rights import ALL
from server.standin.script import (
    Block,
    Cut,
    Drop,
    Gate,
    Hold,
    Pause,
    Reply,
    Script,
    Text,
    Thinking,
    call,
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


KEY = "the-key-of-the-containers"
# Docker Desktop sends the requests of containers for this name to the loopback, and they need the key.
CONTAINER = {"host": "host.docker.internal", "x-api-key": KEY}


# Two apps with keys of their own. The server stores hashes of them; see `named_keys`.
APPS = {name: f"db-{number:010x}-{name[0] * 43}" for number, name in enumerate(("Talon", "Cursor"))}
Owner = Literal["nobody", "containers", "Talon", "Cursor"]
"""Whose key a request sends: none, the user's own, as containers must, or an app's."""
OWNERS: tuple[Owner, ...] = ("nobody", "containers", "Talon", "Cursor")


def named_keys() -> dict[str, NamedKey]:
    """The keys of the apps by their ids, as a server stores them."""
    made = [make_key(name, ALL, now=1.0)[0] for name in APPS]
    known = [replace(key, id=f"{number:010x}") for number, key in enumerate(made)]
    return {key.id: replace(key, hash=hash_of(key.name[0] * 43, key.salt)) for key in known}


@dataclass(frozen=True)
class Turn:
    """A message. `tool`: Claude's text is followed by a call of this tool, or the user's text is its result.

    `call` names the call. The client writes ids of its own.
    """

    text: str
    tool: str = ""
    call: str = ""

    @property
    def as_claude(self) -> dict[str, Any]:
        """The message of Claude in the client's history."""
        function = {"name": self.tool, "arguments": f'{{"of": "{self.call}"}}'}
        calls = [{"id": f"call_{self.call}", "type": "function", "function": function}]
        return {"role": "assistant", "content": self.text, **({"tool_calls": calls} if self.call else {})}

    @property
    def as_user(self) -> dict[str, Any]:
        """The message of the user, or of the tool."""
        kind = {"role": "tool", "tool_call_id": f"call_{self.call}"} if self.call else {"role": "user"}
        return {**kind, "content": self.text}

    @property
    def calls(self) -> list[tuple[str, str]]:
        """The calls that the client must get: their tools and arguments."""
        return [(self.tool, f'{{"of": "{self.call}"}}')] if self.call else []


@dataclass(frozen=True)
class Request:
    """One request. `turns` are its messages without the system prompt: alternating, the user's last.

    `answer` is Claude's turn.
    """

    id: str
    system: str
    turns: tuple[Turn, ...]
    settings: Mapping[str, Any]
    fate: Fate
    is_streamed: bool
    answer: Turn
    kills: bool
    chance: float
    tools: tuple[str, ...] = ()
    owner: Owner = "nobody"

    @property
    def has_moment(self) -> bool:
        """Whether the script pauses at the token limit, so that Claude Code can be stopped before it continues."""
        return self.chance < 0.5

    @property
    def expected(self) -> list[tuple[str, str]]:
        """The turns that must arrive upstream; white space at the ends of assistant turns does not count."""
        return [_as_claude_has_it("assistant" if n % 2 else "user", turn) for n, turn in enumerate(self.turns)]

    @property
    def headers(self) -> dict[str, str]:
        """The headers that make it a request of its owner."""
        if self.owner in APPS:
            return {"authorization": f"Bearer {APPS[self.owner]}"}
        return CONTAINER if self.owner == "containers" else {}

    @property
    def marks(self) -> set[str]:
        """The marks in its system prompt and turns."""
        return marks_in(self.system + "".join(turn.text for turn in self.turns))

    @property
    def body(self) -> dict[str, Any]:
        """The request's body."""
        before = [{"role": "system", "content": self.system}] if self.system else []
        history = [turn.as_claude if n % 2 else turn.as_user for n, turn in enumerate(self.turns)]
        tools = {"tools": [tool_of(name) for name in self.tools]} if self.tools else {}
        return {"messages": [*before, *history], "stream": self.is_streamed, **self.settings, **tools}

    def script(self, tries: int) -> Script:
        """What the stand-in does at try number `tries`."""
        text = self.answer.text
        half, rest = text[: len(text) // 2], text[len(text) // 2 :]
        match self.fate if tries == 1 else "whole":
            case "cancelled mid-stream":
                return say(half, Hold(Gate()), text)
            case "cancelled before the headers":
                return say(text, before_headers=(Hold(Gate()),))
            case "limit":
                moment = (Pause(5.0),) if self.has_moment else ()
                return say(half, rest, stop_reason="max_tokens", before_stop=moment)
            case "refused":
                return refuse((400, 429, 500, 529)[int(self.chance * 4)], f"{self.id} is refused")
            case "cut":
                return Reply((Text((half, Cut(reset=self.chance < 0.5))),))
            case "dropped":
                return Drop(reset=self.chance < 0.5)
            case _:
                thinking: tuple[Block, ...] = (Thinking(("Hm.",)),) if self.chance < 0.2 else ()
                if not self.answer.call:
                    return Reply((*thinking, Text((half, rest))))
                name, of = self.answer.tool, self.answer.call
                wanted = call(legal_name(name), {"of": of}, id=f"toolu_{of}")
                return Reply((*thinking, Text((half, rest)), wanted), stop_reason="tool_use")


def tool_of(name: str) -> dict[str, Any]:
    """A tool as the client writes it."""
    return {"type": "function", "function": {"name": name, "description": f"What {name} does.", "parameters": {}}}


def turns_in(body: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The turns of an upstream body as (role, text), without Claude Code's notes and Claude's thinking."""
    turns = []
    for message in body["messages"]:
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        if message["role"] != "system":
            texts = [_text_of(block, message["role"]) for block in blocks if "thinking" not in block["type"]]
            turns.append((message["role"], "|".join(texts)))
    return turns


def _text_of(block: Mapping[str, Any], role: str) -> str:
    match block["type"]:
        case "tool_use":
            return f"<{block['name']} of {block['input']['of']} as {_bare(block['id'])}>"
        case "tool_result":
            inner = block["content"]
            text = inner if isinstance(inner, str) else "|".join(part["text"] for part in inner)
            return f"{text}<result of {_bare(block['tool_use_id'])}>"
        case _:
            return str(block["text"]).strip() if role == "assistant" else str(block["text"])


def _bare(id_: str) -> str:
    """The part of an id that Claude's and the client's share."""
    return id_.rpartition("_")[2]


def _as_claude_has_it(role: str, turn: Turn) -> tuple[str, str]:
    if role == "user":
        return role, f"{turn.text}<result of {turn.call}>" if turn.call else turn.text
    said = turn.text.strip()
    return role, f"{said}|<{legal_name(turn.tool)} of {turn.call} as {turn.call}>" if turn.call else said


def marks_in(text: str) -> set[str]:
    """The marks of requests and system prompts in a text."""
    return set(_MARK.findall(text))


@dataclass
class _Conversation:
    """A conversation with its completed exchanges."""

    system: str
    settings: dict[str, Any]
    tools: tuple[str, ...] = ()
    turns: tuple[Turn, ...] = ()


@dataclass
class _User:
    system: str
    owner: Owner
    conversations: list[_Conversation] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)


def stories(seed: int, count: int) -> list[list[list[Request]]]:
    """Chapters: for each of a few users their requests in order, `count` requests in all."""
    chance = random.Random(seed)
    users = [_User(system, owner) for system, owner in zip(SYSTEMS, OWNERS, strict=True)]
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
    said = f"[{name}] {chance.choice(('Why?', 'And then?', 'Tell me.', *ODD))}"
    # Whoever gets a call sends its result.
    question = replace(history[-1], text=said) if history else Turn(said)
    filler = "so it is " * chance.randint(1, 30)
    text = f"{chance.choice(BLANKS)}To [{name}]: {filler}.{chance.choice(BLANKS)}"
    fate = chance.choices(
        ("whole", "limit", *sorted(CANCELLED), *sorted(BROKEN)), (82, 2, *[3] * len(CANCELLED), *[2] * len(BROKEN))
    )[0]
    calls = fate == "whole" and conversation.tools and chance.random() < 0.5
    answer = Turn(text, chance.choice(conversation.tools), name) if calls else Turn(text)
    # Some clients send answers back unchanged, others trim them.
    sent = tuple(
        replace(turn, text=turn.text.strip()) if n % 2 and chance.random() < 0.7 else turn
        for n, turn in enumerate(history)
    )
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
            user.owner,
        )
    )
    conversation.turns = history if fate in CANCELLED else (*history, question, answer)


def _next_conversation(user: _User, chance: random.Random) -> tuple[_Conversation, tuple[Turn, ...]]:
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
