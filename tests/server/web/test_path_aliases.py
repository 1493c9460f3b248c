import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.web.path_aliases import canonical_path, is_unbuilt


@pytest.mark.parametrize(
    ("written", "known"),
    [
        ("/v1/chat/completions", "/v1/chat/completions"),
        ("/v1/chat/completions/", "/v1/chat/completions"),
        ("/api/v1/chat/completions", "/v1/chat/completions"),
        ("/api/v1/chat/completions//", "/v1/chat/completions"),
        ("/chat/completions", "/v1/chat/completions"),
        ("//chat/completions", "/v1/chat/completions"),
        ("/v1/v1/chat/completions", "/v1/chat/completions"),
        ("/v1/api/v1/chat/completions", "/v1/chat/completions"),
        ("/api/v1/api/v1/chat/completions", "/v1/chat/completions"),
        ("/api/v1/v1/models", "/v1/models"),
        ("/v1//v1//chat//completions", "/v1/chat/completions"),
        ("/v1/v1/v1/models/cc:opus", "/v1/models/cc:opus"),
        ("/v1//models", "/v1/models"),
        ("/models", "/v1/models"),
        ("/models/anthropic/opus", "/v1/models/anthropic/opus"),
        ("/v1/models/v1", "/v1/models/v1"),
        ("/auth/status", "/v1/auth/status"),
        ("/v1", "/"),
        ("/v1/", "/"),
        ("/api/v1", "/"),
        ("", "/"),
        ("/", "/"),
        ("//", "/"),
        ("/health/", "/health"),
        ("/v1/health", "/v1/health"),
        ("/docs", "/docs"),
        ("/v12/models", "/v12/models"),
        ("/modelsx", "/modelsx"),
        ("/api/tags", "/api/tags"),
        ("/api/chat", "/api/chat"),
        ("/embeddings", "/v1/embeddings"),
        ("/control/stop", "/control/stop"),
        ("/v1/control/stop", "/v1/control/stop"),
    ],
)
def test_every_spelling_of_a_path_becomes_the_canonical_one(written: str, known: str) -> None:
    assert canonical_path(written) == known


@given(st.lists(st.sampled_from(["v1", "api", "models", "chat", "x", ""]), max_size=6))
def test_a_canonical_path_does_not_change(steps: list[str]) -> None:
    path = canonical_path("/" + "/".join(steps))
    assert path.startswith("/")
    assert "//" not in path
    assert canonical_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "/v1/embeddings",
        "/v1/audio/speech",
        "/api/tags",
        "/openai/deployments/x",
        "/api/v0/models",
    ],
)
def test_endpoints_of_other_servers_are_unbuilt(path: str) -> None:
    assert is_unbuilt(path)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/models", "/", "/v1/embeddingsx", "/api"])
def test_unknown_paths_and_own_endpoints_are_not_unbuilt(path: str) -> None:
    assert not is_unbuilt(path)
