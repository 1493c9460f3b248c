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

# The order of the page's cards; the others follow.
COMMON_CLIENTS: tuple[ClientName, ...] = (
    "cursor",
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
    "curl",
)
SUMMARIES: Mapping[ClientName, str] = MappingProxyType(
    {
        "talon": "Voice control, with talon-ai-tools",
        "cline": "Agent in VS Code; also Roo Code",
        "continue": "Assistant in VS Code and JetBrains",
        "open-webui": "Chat in the browser",
        "codex": "OpenAI's agent in the terminal",
        "claude-code": "Anthropic's agent in the terminal",
        "opencode": "Agent in the terminal",
        "aider": "Pair programmer in the terminal",
        "zed": "Code editor",
        "jetbrains": "IntelliJ IDEA, PyCharm and others",
        "raycast": "Launcher for macOS",
        "vscode": "The chat of VS Code",
        "cursor": "Code editor; needs a tunnel",
        "n8n": "Workflows",
        "curl": "One request, from a terminal",
        "openai-python": "For your own programs",
        "openai-node": "For your own programs",
        "anthropic-python": "For your own programs",
        "ai-sdk": "For web apps",
        "langchain": "For your own programs",
        "llamaindex": "For your own programs",
        "litellm": "Proxy and library",
        "llm": "Command line tool",
        "ollama": "For your own programs",
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
