"""The dialects that the server speaks. A new one is a folder here and an entry in `DIALECTS`."""

from collections.abc import Sequence

from server.dialects.base import Dialect
from server.dialects.chat_path import ChatCompletions
from server.dialects.completions.dialect import Completions
from server.dialects.messages.dialect import Messages
from server.dialects.ollama.dialect import OllamaChat, OllamaGenerate
from server.dialects.responses.dialect import Responses

# The first one is the default: its error form is used wherever no other prefix matches.
DIALECTS: tuple[Dialect, ...] = (
    ChatCompletions(),
    Responses(),
    Messages(),
    Completions(),
    OllamaChat(),
    OllamaGenerate(),
)


def dialect_for(path: str, dialects: Sequence[Dialect] = DIALECTS, *, is_anthropics: bool = False) -> Dialect:
    """The dialect for the errors of the canonical `path`: the one with the longest prefix of it, or the default.

    `is_anthropics`: the request is of one of Anthropic's clients, which read the default's errors in their own form.
    """
    matches = [(len(prefix), dialect) for dialect in dialects for prefix in dialect.prefixes if is_below(path, prefix)]
    found = max(matches, key=lambda match: match[0])[1] if matches else dialects[0]
    if is_anthropics and found is dialects[0]:
        return next((dialect for dialect in dialects if isinstance(dialect, Messages)), found)
    return found


def is_below(path: str, prefix: str) -> bool:
    """Whether `path` is `prefix` or continues it after a slash."""
    return path == prefix or path.startswith(f"{prefix}/")
