"""What to paste into which app, with the real address, key and model."""

import json
import shlex
import subprocess
import sys
from typing import assert_never
from urllib.parse import urlsplit, urlunsplit

from tray.commands import App

# Where no key is asked for most apps still want one, and any text will do.
ANY_KEY = "anything"
# Where one is asked for and cannot be had, the person has to put it in.
MISSING_KEY = "YOUR-ACCESS-KEY"
_GREETING = "Say hello in five words."


def text_for(
    app: App,
    *,
    base_url: str,
    model: str,
    key_required: bool,
    key: str | None,
    windows: bool = sys.platform == "win32",
) -> str:
    """The text that is copied for `app`, ready to paste, with what has to be known where it does not speak for itself.

    `base_url` ends in /v1. The key itself stands in the text only if it is required. `windows`: for its command line.
    """
    shown = (key or MISSING_KEY) if key_required else ANY_KEY
    match app:
        case "talon":
            return _talon(base_url, model, shown)
        case "cline":
            return _cline(base_url, model, shown)
        case "continue":
            return _continue(base_url, model, shown)
        case "open webui":
            return _open_webui(base_url, shown)
        case "curl":
            return _curl(base_url, model, shown if key_required else None, windows=windows)
        case _:
            assert_never(app)


def _talon(base_url: str, model: str, key: str) -> str:
    """One file that may be pasted whole: what belongs elsewhere stands in its comments."""
    return f"""\
# talon-ai-tools: a .talon file in Talon's user folder, for example drawbridge.talon
settings():
    user.model_endpoint = {_quoted(f"{base_url}/chat/completions")}
    user.model_default = {_quoted(model)}

# It also wants the variable OPENAI_API_KEY, or it sends nothing at all.
# These two lines belong in a .py file in the same folder, for example drawbridge.py:
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
    """No role of autocomplete: a completion has to be there in a moment, and Claude Code takes longer."""
    return f"""\
# Continue: .continue/config.yaml in your home folder.
# Where that file has models already, add only the entry that begins with "- name".
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
1. In Drawbridge's menu choose "Reachable from", "Also containers and the network". This asks for the access key.
2. Use this URL instead: {in_docker}
3. On Linux start its container with --add-host=host.docker.internal:host-gateway
"""


def _curl(base_url: str, model: str, key: str | None, *, windows: bool) -> str:
    body = {"model": model, "messages": [{"role": "user", "content": _GREETING}]}
    words = ["curl", f"{base_url}/chat/completions", "-H", "Content-Type: application/json"]
    if key is not None:
        words += ["-H", f"Authorization: Bearer {key}"]
    words += ["-d", json.dumps(body)]
    # Windows' command line knows no single quotes.
    return f"{subprocess.list2cmdline(words) if windows else shlex.join(words)}\n"


def _quoted(text: str) -> str:
    """In double quotes, as JSON, YAML, Python and Talon all read it."""
    return json.dumps(text, ensure_ascii=False)
