"""Endpoints that other servers have get a 404 in OpenAI's form that says what to use instead."""

import pytest

from server.web.unavailable import is_unbuilt
from tests.server.web.scene import FakeEngine, client, served

ENDPOINTS = (
    *("/v1/audio/speech", "/v1/audio/transcriptions", "/v1/images/generations", "/v1/moderations", "/v1/files"),
    *("/v1/files/file-1/content", "/v1/batches", "/v1/rerank", "/v1/realtime", "/v1/conversations/conv_1/items"),
    *("/v1/assistants", "/v1/threads/t/runs", "/v1/vector_stores", "/v1/fine_tuning/jobs", "/v1/uploads"),
    *("/v1/videos", "/v1/containers", "/v1/evals", "/v1/edits", "/v1/fim/completions", "/v1/organization/usage"),
    *("/openai/deployments/x", "/openai/deployments/x/images/generations", "/api/v0/nothing", "/v1/chat"),
)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ENDPOINTS)
async def test_any_method_gets_a_404_that_names_another_way(path: str, method: str) -> None:
    async with client(served(FakeEngine())) as c:
        reply = await c.request(method, path)
    error = reply.json()["error"]
    assert reply.status_code == 404
    assert set(error) == {"message", "type", "param", "code"}
    assert error["code"] == "not_supported"
    assert "does not support" in error["message"]
    assert reply.headers["x-should-retry"] == "false"


async def test_an_upload_is_not_refused_for_its_type() -> None:
    async with client(served(FakeEngine())) as c:
        for path in ("/v1/audio/transcriptions", "/v1/files", "/v1/images/edits", "/audio/translations"):
            reply = await c.post(path, files={"file": ("a.wav", b"RIFF")}, data={"model": "whisper-1"})
            assert reply.status_code == 404
            assert reply.json()["error"]["code"] == "not_supported"


@pytest.mark.parametrize(
    "path",
    [
        *("/v1/chat/completions", "/v1/completions", "/v1/models", "/", "/v1/embeddingsx", "/api", "/api/tags"),
        *("/api/chat", "/v1/chatter"),
    ],
)
def test_unknown_paths_and_own_endpoints_are_not_unavailable(path: str) -> None:
    assert not is_unbuilt(path)
