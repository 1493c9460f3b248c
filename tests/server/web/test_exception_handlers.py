import pytest

from tests.server.web.scene import FakeEngine, client, served


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/images/generations"),
        ("POST", "/v1/audio/transcriptions"),
        ("GET", "/v1/files"),
        ("POST", "/v1/moderations"),
        ("POST", "/v1/batches"),
        ("GET", "/v1/fine_tuning/jobs"),
        ("POST", "/v1/assistants"),
        ("POST", "/v1/threads/runs"),
        ("GET", "/v1/vector_stores"),
        ("POST", "/v1/uploads"),
        ("GET", "/v1/realtime"),
        ("POST", "/v1/rerank"),
    ],
)
async def test_an_unbuilt_endpoint_is_a_404(method: str, path: str) -> None:
    async with client(served(FakeEngine())) as c:
        reply = await c.request(method, path)
    assert reply.status_code == 404
    assert "does not support" in reply.json()["error"]["message"]
    assert reply.headers["x-should-retry"] == "false"


async def test_an_upload_to_an_unbuilt_endpoint_is_a_404_too() -> None:
    async with client(served(FakeEngine())) as c:
        reply = await c.post("/v1/audio/transcriptions", files={"file": b"sound"}, data={"model": "whisper-1"})
    assert reply.status_code == 404


@pytest.mark.parametrize(
    "path", ["/nowhere", "/v1/nowhere", "/v1/chat", "/control/stop", "/assets/none", "/assets/../x"]
)
async def test_an_unknown_path_is_a_404_in_json(path: str) -> None:
    async with client(served(FakeEngine())) as c:
        reply = await c.get(path)
    assert reply.status_code == 404
    assert reply.json()["error"]["message"]


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/v1/chat/completions", "POST"),
        ("DELETE", "/v1/models", "GET"),
        ("POST", "/health", "GET"),
        ("PATCH", "/", "GET"),
    ],
)
async def test_a_wrong_method_is_a_405_that_names_the_right_one(method: str, path: str, allow: str) -> None:
    async with client(served(FakeEngine())) as c:
        reply = await c.request(method, path)
    assert (reply.status_code, reply.headers["allow"]) == (405, allow)
    assert path in reply.json()["error"]["message"]
