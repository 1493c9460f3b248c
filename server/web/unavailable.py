"""Endpoints that OpenAI's API or a similar server has and Drawbridge does not have, with what to use instead."""

from collections.abc import Mapping
from types import MappingProxyType

from server.dialects.registry import DIALECTS, dialect_for, is_below

_CHAT = "Use /v1/chat/completions."
_INSTEAD: Mapping[str, str] = MappingProxyType(
    {
        "/v1/audio": "Claude has no speech: give the app another address for speech recognition and speech output.",
        "/v1/images": "Claude makes no images: give the app another address for them. It reads those in a chat.",
        "/v1/videos": "Claude makes no videos: give the app another address for them.",
        "/v1/moderations": "Ask Claude itself to judge the text, with /v1/chat/completions.",
        "/v1/files": "Drawbridge stores no files: send them inside a request to /v1/chat/completions, as base64.",
        "/v1/uploads": "Drawbridge stores no files: send them inside a request to /v1/chat/completions, as base64.",
        "/v1/batches": "Send the requests one by one to /v1/chat/completions.",
        "/v1/rerank": "Ask Claude to order the texts, with /v1/chat/completions and a JSON schema.",
        "/v1/realtime": "Send the conversation as text to /v1/chat/completions with stream: true.",
        "/v1/conversations": "Send the whole conversation with each request, to /v1/responses or /v1/chat/completions.",
        "/v1/assistants": "Send the instructions and the whole conversation to /v1/chat/completions.",
        "/v1/threads": "Send the instructions and the whole conversation to /v1/chat/completions.",
        "/v1/vector_stores": "Search on the client's side, and send what it finds to /v1/chat/completions.",
        "/v1/containers": "Run code on the client's side, as a tool of /v1/chat/completions.",
        "/v1/fine_tuning": "Claude cannot be trained here: send examples in the system prompt.",
        "/v1/fine-tunes": "Claude cannot be trained here: send examples in the system prompt.",
        "/v1/fim": "Use /v1/completions with a suffix.",
        "/v1/infill": "Use /v1/completions with a suffix.",
        "/v1/edits": _CHAT,
        "/v1/engines": "/v1/models lists the models.",
        "/v1/evals": "Send the requests one by one to /v1/chat/completions.",
        "/v1/chat": _CHAT,
        "/v1/chatkit": _CHAT,
        "/v1/sessions": _CHAT,
        "/v1/completions": _CHAT,
        "/v1/organization": "The dashboard and `drawbridge status` show the account and its usage.",
        "/v1/tools": "GET /v1/tools lists Claude Code's own tools. What they may do is chosen for each project.",
        "/v1/debug": "Send the request to /v1/chat/completions: an error names the field that is wrong.",
        "/v1/compatibility": "The header x-drawbridge-ignored of a reply names the fields without effect.",
        "/v1/mcp": "Claude uses the MCP servers that are named in a project's settings.",
        "/openai": "Use /openai/deployments/{model}/chat/completions or /openai/v1/chat/completions.",
        "/api/v0": "Use /api/v0/chat/completions; /api/v0/models lists the models.",
    }
)


def instead_of(path: str) -> str | None:
    """What to use instead of `path`; None if it is no endpoint of other servers, or belongs to another dialect."""
    if dialect_for(path) is not DIALECTS[0] or any(path in dialect.paths for dialect in DIALECTS):
        return None
    matches = [prefix for prefix in _INSTEAD if is_below(path, prefix)]
    return _INSTEAD[max(matches, key=len)] if matches else None


def is_unbuilt(path: str) -> bool:
    """Whether `path` is an endpoint that other servers have, and that neither Drawbridge nor a dialect has."""
    return instead_of(path) is not None
