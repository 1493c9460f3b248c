from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.web.path_aliases import canonical_path, deployment_in


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
    ("written", "known", "deployment"),
    [
        ("/openai/deployments/sonnet/chat/completions", "/v1/chat/completions", "sonnet"),
        ("/openai/deployments/my/own/sonnet/chat/completions", "/v1/chat/completions", "my/own/sonnet"),
        ("/openai/deployments/gpt-4o/completions/", "/v1/completions", "gpt-4o"),
        ("/openai/deployments/gpt-4o/embeddings", "/v1/embeddings", "gpt-4o"),
        ("/openai/deployments/whisper/audio/transcriptions", "/v1/audio/transcriptions", "whisper"),
        ("/v1/openai/deployments/opus/chat/completions", "/v1/chat/completions", "opus"),
        ("/openai/v1/chat/completions", "/v1/chat/completions", None),
        ("/openai/v1", "/", None),
        ("/openai/responses", "/v1/responses", None),
        ("/openai/models", "/v1/models", None),
        ("/openai/deployments", "/openai/deployments", None),
        ("/openai/deployments/x", "/openai/deployments/x", None),
        ("/api/v0/chat/completions", "/v1/chat/completions", None),
        ("/api/v0/completions", "/v1/completions", None),
        ("/api/v0/models", "/api/v0/models", None),
        ("/api/v0/models/sonnet", "/api/v0/models/sonnet", None),
        ("/v1/api/tags", "/api/tags", None),
        ("/v1/api/v0/models", "/api/v0/models", None),
    ],
)
def test_azures_and_lm_studios_paths(written: str, known: str, deployment: str | None) -> None:
    assert canonical_path(written) == known
    assert deployment_in(written) == deployment
    assert canonical_path(known) == known


@pytest.mark.parametrize(
    ("encoded", "known"),
    [
        ("/v1/sessions/a%2F%2fb", "/v1/sessions/a//b"),
        ("//api/v1//sessions//a%2F/", "/v1/sessions/a/"),
        ("/v1/sessions/%2F", "/v1/sessions//"),
        ("/v1/chat/completions/%2Fa/status", "/v1/chat/completions//a/status"),
        ("/v1/sessions/a%252Fb", "/v1/sessions/a%2Fb"),
        # Elsewhere an encoded slash is one like any other.
        ("/v1/models/a%2F%2Fb", "/v1/models/a/b"),
        ("/%2Fcontrol/%2Fstop", "/control/stop"),
        ("/v1%2Fsessions/a", "/v1/sessions/a"),
        ("/v1%2Fsessions/%2Fa", "/v1/sessions/a"),
    ],
)
def test_an_encoded_slash_in_the_name_of_a_session_is_part_of_it(encoded: str, known: str) -> None:
    assert canonical_path(unquote(encoded), encoded) == known
