"""Heads of requests, and policies, for tests of access."""

from server.web.access.head import Head
from server.web.access.policy import AccessPolicy

LOCAL = AccessPolicy()
KEYED = AccessPolicy(key="gate-key")
LAN = AccessPolicy("lan", key="gate-key")
HERE = "127.0.0.1:8082"


def head(method: str = "GET", path: str = "/v1/models", host: str | None = HERE, **headers: str) -> Head:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if host is not None:
        named["host"] = host
    return Head.read(method, path, [(name.encode(), value.encode("latin-1")) for name, value in named.items()])


def posted(path: str = "/v1/chat/completions", **headers: str) -> Head:
    return head("POST", path, **{"content_type": "application/json", "content_length": "2", **headers})
