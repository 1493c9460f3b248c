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
def test_an_endpoint_is_found_however_its_address_is_written(written: str, known: str) -> None:
    assert canonical_path(written) == known


@given(st.lists(st.sampled_from(["v1", "api", "models", "chat", "x", ""]), max_size=6))
def test_a_canonical_path_stays_as_it_is(steps: list[str]) -> None:
    path = canonical_path("/" + "/".join(steps))
    assert path.startswith("/")
    assert "//" not in path
    assert canonical_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "/v1/embeddings",
        "/v1/responses/resp_1",
        "/v1/audio/speech",
        "/api/tags",
        "/openai/deployments/x",
        "/api/v0/models",
    ],
)
def test_what_others_have_and_we_do_not_is_known_as_unbuilt(path: str) -> None:
    assert is_unbuilt(path)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/models", "/", "/v1/embeddingsx", "/api"])
def test_what_nobody_has_and_what_we_have_is_not_unbuilt(path: str) -> None:
    assert not is_unbuilt(path)
