"""The clients that Drawbridge has instructions for."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Literal, get_args

from server.errors import DrawbridgeError

ClientName = Literal[
    "talon",
    "cline",
    "continue",
    "open-webui",
    "codex",
    "claude-code",
    "opencode",
    "aider",
    "zed",
    "jetbrains",
    "raycast",
    "vscode",
    "cursor",
    "n8n",
    "curl",
    "openai-python",
    "openai-node",
    "anthropic-python",
    "ai-sdk",
    "langchain",
    "llamaindex",
    "litellm",
    "llm",
    "ollama",
]
CLIENTS: tuple[ClientName, ...] = get_args(ClientName)
TITLES: Mapping[ClientName, str] = MappingProxyType(
    {
        "talon": "Talon",
        "cline": "Cline",
        "continue": "Continue",
        "open-webui": "Open WebUI",
        "codex": "Codex",
        "claude-code": "Claude Code",
        "opencode": "OpenCode",
        "aider": "aider",
        "zed": "Zed",
        "jetbrains": "JetBrains IDEs",
        "raycast": "Raycast",
        "vscode": "VS Code (Copilot)",
        "cursor": "Cursor",
        "n8n": "n8n",
        "curl": "curl",
        "openai-python": "OpenAI's Python library",
        "openai-node": "OpenAI's Node library",
        "anthropic-python": "Anthropic's Python library",
        "ai-sdk": "Vercel's AI SDK",
        "langchain": "LangChain",
        "llamaindex": "LlamaIndex",
        "litellm": "LiteLLM",
        "llm": "llm",
        "ollama": "Ollama's Python library",
    }
)


def client_named(name: str) -> ClientName:
    """Returns the client, also for another spelling of its name or title, as in "Open WebUI". Raises `DrawbridgeError`.

    A name that belongs to several clients, as in "openai", is not known.
    """
    known = {_plain(client): client for client in CLIENTS} | {_plain(TITLES[client]): client for client in CLIENTS}
    if (client := known.get(_plain(name))) is not None:
        return client
    similar: Iterable[ClientName] = [client for client in CLIENTS if client.startswith(f"{name.lower()}-")]
    similar = similar or dict.fromkeys(known[close] for close in get_close_matches(_plain(name), known, n=1))
    meant = f"Did you mean {' or '.join(similar)}? " if similar else ""
    raise DrawbridgeError(
        f"There are no instructions for {name[:100]!r}.",
        hint=f"{meant}'drawbridge connect' lists the clients; any other OpenAI client takes the same base URL and key.",
        title="Unknown client",
    )


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name.lower()))
