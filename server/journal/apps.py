"""Which app sent a request: by the name that it gives itself, its user agent, its page, and the shape of its request.

Every name is a guess for a person to read. Nothing is decided by it.
"""

import re
from collections.abc import Mapping

UNKNOWN = "unknown"
_LONGEST = 40
# Headers in which apps name themselves; the first is OpenRouter's, which many apps send everywhere.
_NAMED_BY = ("x-title", "x-openrouter-title", "originator")
# The beginnings of user agents, in lower case, before the general ones below.
_AGENTS = {
    "claude-cli": "Claude Code",
    "claude-code": "Claude Code",
    "codex": "Codex",
    "cursor": "Cursor",
    "cline": "Cline",
    "roocode": "Roo Code",
    "kilo-code": "Kilo Code",
    "continue": "Continue",
    "opencode": "OpenCode",
    "zed": "Zed",
    "raycast": "Raycast",
    "githubcopilotchat": "VS Code",
    "open-webui": "Open WebUI",
    "open webui": "Open WebUI",
    "litellm": "LiteLLM",
    "langchain": "LangChain",
    "n8n": "n8n",
    "aider": "aider",
    "goose": "Goose",
    "drawbridge": "Drawbridge",
    "openai/python": "OpenAI Python",
    "asyncopenai/python": "OpenAI Python",
    "openai/js": "OpenAI JavaScript",
    "asyncanthropic/python": "Anthropic Python",
    "anthropic/python": "Anthropic Python",
    "anthropic/js": "Anthropic JavaScript",
    "agents/python": "OpenAI Agents",
    "ollama-python": "Ollama Python",
    "ollama-js": "Ollama JavaScript",
    "ai-sdk": "AI SDK",
    "ai/": "AI SDK",
    "curl": "curl",
    "postmanruntime": "Postman",
    "python-requests": "Python requests",
    "python-httpx": "Python httpx",
    "node": "Node.js",
    "undici": "Node.js",
    "okhttp": "OkHttp",
}
# Apps inside a browser engine, by a part of the user agent.
_INSIDE = {"cursor/": "Cursor", "obsidian/": "Obsidian", "raycast/": "Raycast", "code/": "VS Code"}
# All names that are not an app's own words.
KNOWN_APPS = frozenset({*_AGENTS.values(), *_INSIDE.values(), "Talon", "browser", UNKNOWN})
_CODEX = re.compile(r"codex([_-]|$)")
_CURSORS_CHECK = {"role": "user", "content": "Test prompt using gpt-3.5-turbo"}
_PRODUCT = re.compile(r"[^/\s(]+")


def app_of(headers: Mapping[str, str], body: object = None) -> str:
    """The name of the app, of at most 40 printable characters. `headers` have lower-case names."""
    for header in _NAMED_BY:
        if name := _printable(headers.get(header, "")):
            return "Codex" if _CODEX.match(name.lower()) else name
    if _is_cursors_check(body):
        return "Cursor"
    agent = headers.get("user-agent", "")
    known = _known(agent.lower())
    if known == "Python requests" and _is_talon(body):
        return "Talon"
    if known:
        return known
    if agent.lower().startswith("mozilla/"):
        return _page(headers.get("origin", ""))
    product = _PRODUCT.match(agent)
    return _printable(product[0] if product else "") or UNKNOWN


def _known(agent: str) -> str | None:
    for begin, name in _AGENTS.items():
        if agent.startswith(begin):
            return name
    if agent.startswith("mozilla/"):
        return next((name for part, name in _INSIDE.items() if part in agent), None)
    return None


def _page(origin: str) -> str:
    """The name of a browser's page: that of its host, or of the app whose scheme it has."""
    scheme, _, host = origin.partition("://")
    if scheme in {"http", "https"}:
        return _printable(host)
    return _printable(scheme) or "browser"


def _is_talon(body: object) -> bool:
    """Whether talon-ai-tools sent `body`: it has no user agent of its own, but always the same fields."""
    return isinstance(body, dict) and body.get("max_tokens") == 2024 and body.get("n") == 1 and "stream" not in body


def _is_cursors_check(body: object) -> bool:
    """Whether Cursor checks an address and a key with `body`, itself or from its servers."""
    messages = body.get("messages") if isinstance(body, dict) else None
    return isinstance(messages, list) and messages[-1:] == [_CURSORS_CHECK]


def _printable(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable()).strip()[:_LONGEST]
