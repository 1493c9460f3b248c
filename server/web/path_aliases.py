"""Maps every spelling of an endpoint's path to one: with and without /v1, under /api/v1, with extra slashes.

The path is rewritten before routing and never redirected, because clients drop the body or the key on a redirect.
"""

import re

from server.dialects.registry import DIALECTS, dialect_for, is_below

_SLASHES = re.compile(r"/{2,}")
_VERSION = re.compile(r"^(?:/api)?/v1(?=/|$)")

# Endpoints that clients with a base URL without /v1 request under their bare name.
_BARE = frozenset(
    {
        "assistants",
        "audio",
        "auth",
        "batches",
        "chat",
        "completions",
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

# Prefixes of endpoints that OpenAI's API or a similar server has, and Drawbridge does not have yet.
_UNBUILT = (
    "/v1/assistants",
    "/v1/audio",
    "/v1/batches",
    "/v1/completions",
    "/v1/containers",
    "/v1/conversations",
    "/v1/edits",
    "/v1/embeddings",
    "/v1/engines",
    "/v1/evals",
    "/v1/files",
    "/v1/fim",
    "/v1/fine-tunes",
    "/v1/fine_tuning",
    "/v1/images",
    "/v1/messages",
    "/v1/moderations",
    "/v1/organization",
    "/v1/projects",
    "/v1/realtime",
    "/v1/rerank",
    "/v1/sessions",
    "/v1/threads",
    "/v1/uploads",
    "/v1/vector_stores",
    "/v1/videos",
    "/openai",
    "/api/blobs",
    "/api/chat",
    "/api/copy",
    "/api/create",
    "/api/delete",
    "/api/embed",
    "/api/embeddings",
    "/api/generate",
    "/api/ps",
    "/api/pull",
    "/api/push",
    "/api/show",
    "/api/tags",
    "/api/v0",
    "/api/version",
)


def canonical_path(path: str) -> str:
    """The path that the routes know `path` by; an unknown path only loses its extra slashes."""
    cleaned = _SLASHES.sub("/", f"/{path}").rstrip("/")
    rest, versioned = cleaned, False
    while match := _VERSION.match(rest):
        rest, versioned = rest[match.end() :], True
    if versioned:
        return f"/v1{rest}" if rest else "/"
    if rest[1:].partition("/")[0] in _BARE:
        return f"/v1{rest}"
    return rest or "/"


def is_unbuilt(path: str) -> bool:
    """Whether `path` is an endpoint that other servers have, and that neither Drawbridge nor a dialect has."""
    return dialect_for(path) is DIALECTS[0] and any(is_below(path, prefix) for prefix in _UNBUILT)
