"""Which of the clients with instructions sent a request: by the name of its key, else by how the app names itself."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from server.connect.clients import TITLES, ClientName
from server.journal.apps import UNKNOWN
from server.web.arrivals.arrival import HTTPS, Arrival
from server.web.arrivals.diagnosis import Finding, diagnosis

State = Literal["waiting", "reached", "wrong", "seen"]

# The names of `server.journal.apps` under which a client may appear. Many are built on a library and name only that.
_APPS: Mapping[ClientName, frozenset[str]] = MappingProxyType(
    {
        "cursor": frozenset({"Cursor"}),
        "talon": frozenset({"Talon", "Python requests"}),
        "cline": frozenset({"Cline", "Roo Code", "Kilo Code", "AI SDK", "OpenAI JavaScript"}),
        "continue": frozenset({"Continue", "OpenAI JavaScript", "Node.js"}),
        "open-webui": frozenset({"Open WebUI", "Python"}),
        "codex": frozenset({"Codex"}),
        "claude-code": frozenset({"Claude Code"}),
        "opencode": frozenset({"OpenCode", "AI SDK"}),
        "aider": frozenset({"aider", "LiteLLM", "OpenAI Python"}),
        "zed": frozenset({"Zed"}),
        "jetbrains": frozenset({"JetBrains", "ktor-client", "Ktor", "OkHttp", "Java-http-client", UNKNOWN}),
        "raycast": frozenset({"Raycast", "OpenAI JavaScript", "Node.js"}),
        "vscode": frozenset({"VS Code", "Node.js"}),
        "n8n": frozenset({"n8n", "LangChain", "OpenAI JavaScript", "Node.js"}),
        "curl": frozenset({"curl"}),
        "openai-python": frozenset({"OpenAI Python"}),
        "openai-node": frozenset({"OpenAI JavaScript"}),
        "anthropic-python": frozenset({"Anthropic Python"}),
        "ai-sdk": frozenset({"AI SDK"}),
        "langchain": frozenset({"LangChain", "OpenAI Python", "OpenAI JavaScript"}),
        "llamaindex": frozenset({"LlamaIndex", "OpenAI Python"}),
        "litellm": frozenset({"LiteLLM", "OpenAI Python"}),
        "llm": frozenset({"llm", "OpenAI Python"}),
        "ollama": frozenset({"Ollama Python", "Ollama JavaScript"}),
    }
)
# What an answered request for a list shows to be right by now; a path, a body or a limit may still be wrong.
_RIGHT_AFTER_LIST = frozenset({"https", "key missing", "key wrong", "other user", "host", "proxy", "origin", "page"})
_MOST_OTHERS = 3


@dataclass(frozen=True, slots=True)
class Seen:
    """What became of a client's attempts. `last`: its newest answered request, or list if there is none.

    `finding` is what was wrong since then; `others` are requests meanwhile that may be of another client, newest first.
    """

    state: State = "waiting"
    last: Arrival | None = None
    finding: Finding | None = None
    found_at: float | None = None
    others: tuple[Arrival, ...] = ()


def is_of(client: ClientName, arrival: Arrival) -> bool:
    """Whether `client` sent it, as far as one can tell."""
    if client == "cursor" and _is_cursors_through_tunnel(arrival):
        return True
    if arrival.key:
        # A second key of the same app has a number: "Talon 2".
        name = arrival.key.rstrip("0123456789 ")
        return plain(name) in {plain(client), plain(TITLES[client])} or arrival.app in _own_names(client)
    return arrival.app in _APPS[client] or arrival.error == HTTPS


def seen(client: ClientName, arrivals: Iterable[Arrival]) -> Seen:
    """What became of the attempts of `client` among `arrivals`, the newest first."""
    last: Arrival | None = None
    finding: Finding | None = None
    found_at: float | None = None
    others: dict[str, Arrival] = {}
    for arrival in arrivals:
        if not is_of(client, arrival):
            others.setdefault(arrival.app, arrival)
        elif last is not None and last.kind == "request":
            continue
        elif arrival.is_ok:
            last = arrival if last is None or arrival.kind == "request" else last
        elif (
            finding is None and (wrong := diagnosis(arrival)) and (last is None or wrong.kind not in _RIGHT_AFTER_LIST)
        ):
            finding, found_at = wrong, arrival.at
    if last is not None and last.kind == "request":
        state: State = "seen"
    elif finding is not None:
        state = "wrong"
    else:
        state = "waiting" if last is None else "reached"
    return Seen(state, last, finding, found_at, tuple(others.values())[:_MOST_OTHERS])


def last_seen(client: ClientName, arrivals: Iterable[Arrival]) -> Arrival | None:
    """The newest answered request that only this client can have sent."""
    own = _own_names(client)
    return next((arrival for arrival in arrivals if arrival.is_ok and arrival.app in own), None)


def _is_cursors_through_tunnel(arrival: Arrival) -> bool:
    """Whether the request came as Cursor's do, whose servers name themselves in several ways.

    Strangers who find the public name send no key, and a phone has a key of its own.
    """
    if arrival.listener != "tunnel" or arrival.key_sent == "none" or _is_anothers("cursor", arrival.app):
        return False
    return not arrival.key or plain(arrival.key.rstrip("0123456789 ")) in {"tunnel", "cursor"}


def _is_anothers(client: ClientName, app: str) -> bool:
    """Whether the app names itself as another client."""
    return app != UNKNOWN and any(app in _own_names(other) for other in _APPS if other != client)


def plain(name: str) -> str:
    """`name` for a comparison: its letters and digits, in lower case."""
    return "".join(filter(str.isalnum, name.lower()))


def _own_names(client: ClientName) -> frozenset[str]:
    """The names that no other client has."""
    shared = {app for other, apps in _APPS.items() if other != client for app in apps}
    return _APPS[client] - shared
