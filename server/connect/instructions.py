"""Fills in a client's template with the address, key and model of a server.

The templates are Markdown, with the placeholders of `Setup.values`. A line that begins with `[key] ` is for servers
that require an access key, one with `[no key] ` for all others. A fenced block `env` holds variables, and `curl` a path
and a body; they become commands for the shell of the system.
"""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from string import Template
from urllib.parse import urlsplit, urlunsplit

from server.connect.clients import TITLES, ClientName
from server.machine.files.assets import asset

# Most clients want a key even if none is required; any text will do.
ANY_KEY = "anything"
# The user must replace this: a key is required but cannot be read.
MISSING_KEY = "YOUR-ACCESS-KEY"
_CONDITION = re.compile(r"^\[(key|no key)\] ?")
_FENCE = re.compile(r"^```(.*)$")


@dataclass(frozen=True, slots=True)
class Setup:
    """What a client must know of a server. `key`: the one that it requires, if it can be read.

    `is_windows`: commands are quoted for Windows.
    """

    base_url: str
    model: str
    requires_key: bool = False
    key: str | None = field(default=None, repr=False)
    is_windows: bool = sys.platform == "win32"

    @property
    def shown_key(self) -> str:
        """The text to type as the key."""
        return (self.key or MISSING_KEY) if self.requires_key else ANY_KEY

    def values(self, client: ClientName) -> dict[str, str]:
        """The values of the placeholders. JSON, YAML, TOML, Python and JavaScript read those with `quoted_`.

        Those with `json_` are for within such quotes, and those with `shell_` for a command line.
        """
        url = urlsplit(self.base_url)
        quoted_key, quoted_model = (json.dumps(text, ensure_ascii=False) for text in (self.shown_key, self.model))
        root = urlunsplit(url._replace(path=""))
        return {
            "title": TITLES[client],
            "base_url": self.base_url,
            "root_url": root,
            "docker_url": urlunsplit(url._replace(netloc=f"host.docker.internal:{url.port}")),
            "port": str(url.port),
            "host": url.netloc,
            "key": self.shown_key,
            # The tunnel has a key of its own, which is shown only when it is made.
            "tunnel_key": MISSING_KEY,
            "model": self.model,
            "quoted_key": quoted_key,
            "quoted_model": quoted_model,
            "json_key": quoted_key[1:-1],
            "json_model": quoted_model[1:-1],
            "shell_key": self.command(self.shown_key),
            "shell_model": self.command(self.model),
        }

    def command(self, *arguments: str) -> str:
        """One line for a shell. The Windows command line has no single quotes."""
        return subprocess.list2cmdline(arguments) if self.is_windows else shlex.join(arguments)


@dataclass(frozen=True, slots=True)
class Snippet:
    """Lines to paste, in a `language`."""

    language: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Instructions:
    """All that there is to type, as Markdown `text` and as its `snippets`, the most important first."""

    text: str = field(repr=False)
    snippets: tuple[Snippet, ...]


def instructions_for(client: ClientName, setup: Setup) -> Instructions:
    """The instructions for `client`."""
    template = asset(f"connect/{client}.md").read_text("utf-8")
    filled = Template(_chosen(template, setup)).substitute(setup.values(client))
    lines, snippets = list[str](), list[Snippet]()
    for part in _parts(filled):
        if isinstance(part, str):
            lines.append(part)
            continue
        snippet = _for_shell(part, setup)
        snippets.append(snippet)
        lines += [f"```{snippet.language}", *snippet.text.splitlines(), "```"]
    return Instructions("\n".join(lines) + "\n", tuple(snippets))


def _chosen(template: str, setup: Setup) -> str:
    """Without the lines of the other condition."""
    left_out = "no key" if setup.requires_key else "key"
    kept = []
    for line in template.splitlines():
        condition = _CONDITION.match(line)
        if condition is None:
            kept.append(line)
        elif condition[1] != left_out:
            kept.append(line[condition.end() :])
    return "\n".join(kept)


def _parts(text: str) -> Iterator[str | Snippet]:
    """The lines of the prose, and the fenced blocks."""
    language: str | None = None
    block: list[str] = []
    for line in text.splitlines():
        fence = _FENCE.match(line)
        if fence is None:
            if language is None:
                yield line
            else:
                block.append(line)
        elif language is None:
            language, block = fence[1], []
        else:
            yield Snippet(language, "".join(f"{each}\n" for each in block))
            language = None


def _for_shell(snippet: Snippet, setup: Setup) -> Snippet:
    """`snippet` as commands, if it is a block of variables or of curl."""
    match snippet.language:
        case "env":
            pairs = [line.partition("=") for line in snippet.text.splitlines()]
            if setup.is_windows:
                quoted = [(name, value.replace("'", "''")) for name, _, value in pairs]
                return Snippet("powershell", "".join(f"$env:{name} = '{value}'\n" for name, value in quoted))
            return Snippet("sh", "".join(f"export {name}={shlex.quote(value)}\n" for name, _, value in pairs))
        case "curl":
            return Snippet("sh", f"{_curl(snippet.text, setup)}\n")
        case _:
            return snippet


def _curl(block: str, setup: Setup) -> str:
    """The command for a block whose first line is the URL and the rest the JSON body, if there is one."""
    url, _, body = block.partition("\n")
    arguments = ["curl", url]
    if body:
        arguments += ["-H", "Content-Type: application/json"]
    if setup.requires_key:
        arguments += ["-H", f"Authorization: Bearer {setup.shown_key}"]
    if body:
        arguments += ["-d", json.dumps(json.loads(body))]
    return setup.command(*arguments)
