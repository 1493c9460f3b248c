"""The settings to paste into each app, with the real address, key and model."""

import json
import shlex
import subprocess
import sys
from typing import assert_never
from urllib.parse import urlsplit, urlunsplit

from tray.commands import ClientApp

# Most apps want a key even if none is required; any text will do.
ANY_KEY = "anything"
# The user must replace this: a key is required but cannot be read.
MISSING_KEY = "YOUR-ACCESS-KEY"
_NAMES: dict[ClientApp, str] = {
    "talon": "Talon",
    "cline": "Cline",
    "continue": "Continue",
    "open webui": "Open WebUI",
    "curl": "curl",
}
_GREETING = "Say hello in five words."


def text_for(
    app: ClientApp,
    *,
    base_url: str,
    model: str,
    key_required: bool,
    key: str | None,
    windows: bool = sys.platform == "win32",
) -> str:
    """The text to paste for `app`, with the key only if that is required. `windows`: quote for its command line."""
    shown_key = (key or MISSING_KEY) if key_required else ANY_KEY
    match app:
        case "talon":
            return _talon(base_url, model, shown_key)
        case "cline":
            return _cline(base_url, model, shown_key)
        case "continue":
            return _continue(base_url, model, shown_key)
        case "open webui":
            return _open_webui(base_url, shown_key)
        case "curl":
            return _curl(base_url, model, shown_key if key_required else None, windows=windows)
        case _:
            assert_never(app)


def _talon(base_url: str, model: str, key: str) -> str:
    """A whole file; the lines for another file are in its comments."""
    return f"""\
# talon-ai-tools: a .talon file in Talon's user folder, for example drawbridge.talon
settings():
    user.model_endpoint = {_quoted(f"{base_url}/chat/completions")}
    user.model_default = {_quoted(model)}

# It also needs the variable OPENAI_API_KEY, or it sends no requests.
# Put these two lines into a .py file in the same folder, for example drawbridge.py:
#     import os
#     os.environ["OPENAI_API_KEY"] = {_quoted(key)}
"""


def _cline(base_url: str, model: str, key: str) -> str:
    return f"""\
Cline, Settings, API Configuration:
API Provider: OpenAI Compatible
Base URL: {base_url}
OpenAI Compatible API Key: {key}
Model ID: {model}
"""


def _continue(base_url: str, model: str, key: str) -> str:
    """Without the autocomplete role, which needs faster answers than Claude Code gives."""
    return f"""\
# Continue: .continue/config.yaml in your home folder.
# If that file has models already, add only the entry that begins with "- name".
name: Drawbridge
version: 0.0.1
schema: v1
models:
  - name: Claude through Drawbridge
    provider: openai
    model: {_quoted(model)}
    apiBase: {_quoted(base_url)}
    apiKey: {_quoted(key)}
    useLegacyCompletionsEndpoint: false
    roles:
      - chat
      - edit
      - apply
"""


def _open_webui(base_url: str, key: str) -> str:
    url = urlsplit(base_url)
    in_docker = urlunsplit(url._replace(netloc=f"host.docker.internal:{url.port}"))
    return f"""\
Open WebUI, Admin Panel, Settings, Connections, OpenAI API, Add Connection:
URL: {base_url}
Key: {key}

If Open WebUI runs in Docker:
1. In Drawbridge's menu choose "Who can connect", "Also my network and containers", and copy the key.
2. Use this URL instead: {in_docker}
3. On Linux start its container with --add-host=host.docker.internal:host-gateway
"""


def _curl(base_url: str, model: str, key: str | None, *, windows: bool) -> str:
    body = {"model": model, "messages": [{"role": "user", "content": _GREETING}]}
    arguments = ["curl", f"{base_url}/chat/completions", "-H", "Content-Type: application/json"]
    if key is not None:
        arguments += ["-H", f"Authorization: Bearer {key}"]
    arguments += ["-d", json.dumps(body)]
    # The Windows command line has no single quotes.
    return f"{subprocess.list2cmdline(arguments) if windows else shlex.join(arguments)}\n"


def name_of(app: ClientApp) -> str:
    """The app's name as users know it."""
    return _NAMES[app]


def _quoted(text: str) -> str:
    """In double quotes, as JSON, YAML, Python and Talon read it."""
    return json.dumps(text, ensure_ascii=False)
