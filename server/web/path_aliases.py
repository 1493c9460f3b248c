"""Maps every spelling of an endpoint's path to one: with and without /v1, under other servers' prefixes, extra slashes.

The path is rewritten before routing and never redirected, because clients drop the body or the key on a redirect.
"""

import re
from urllib.parse import unquote

AS_SENT = "drawbridge.path"
"""The key in an ASGI scope of the path as the client sent it."""
DEPLOYMENT = "drawbridge.deployment"
"""The key in an ASGI scope of the model that an Azure path names; it replaces the one in the body."""

_SLASHES = re.compile(r"/{2,}")
# OpenAI's own, Azure's with and without a deployment, Groq's, and that of LM Studio's first API.
_PREFIX = re.compile(
    r"""
      (?:/api)?/v1(?=/|$)
    | /openai/v1(?=/|$)
    | /openai/deployments/(?P<deployment>.+?)(?=/(?:chat/completions|completions|embeddings|(?:audio|images)/\w+)$)
    | /openai(?=/(?:chat|completions|embeddings|files|batches|models|responses)(?:/|$))
    | /api/v0(?=/(?:chat|completions|embeddings)(?:/|$))
    """,
    re.VERBOSE,
)

# What stands behind it may be the name of a session, which may contain slashes.
_BEFORE_NAME = re.compile(r"/v1/(?:sessions|chat/completions)/")

# Endpoints that clients with a base URL without /v1 request under their bare name.
_BARE = frozenset(
    {
        "assistants",
        "audio",
        "auth",
        "batches",
        "chat",
        "completions",
        "conversations",
        "embeddings",
        "files",
        "fine_tuning",
        "images",
        "messages",
        "models",
        "moderations",
        "realtime",
        "rerank",
        "responses",
        "threads",
        "uploads",
        "vector_stores",
    }
)


def canonical_path(path: str, encoded: str = "") -> str:
    """The path that the routes know `path` by; an unknown path only loses its extra slashes.

    `encoded` is the same path with its percent-encoding. An encoded slash in the name of a session is part of the name.
    """
    if "%2f" in encoded.lower() and _BEFORE_NAME.match(known := _read(encoded)[0]):
        return unquote(known)
    return _read(path)[0]


def deployment_in(path: str) -> str | None:
    """The model that the Azure path names, as in /openai/deployments/sonnet/chat/completions; None for other paths."""
    return _read(path)[1]


def _read(path: str) -> tuple[str, str | None]:
    cleaned = _SLASHES.sub("/", f"/{path}").rstrip("/")
    rest, versioned, deployment = cleaned, False, None
    while match := _PREFIX.match(rest):
        rest, versioned = rest[match.end() :], True
        deployment = match["deployment"] or deployment
    if versioned and not rest.startswith("/api/"):
        return f"/v1{rest}" if rest else "/", deployment
    if rest[1:].partition("/")[0] in _BARE:
        return f"/v1{rest}", deployment
    return rest or "/", deployment
