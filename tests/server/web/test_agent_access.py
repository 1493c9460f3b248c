"""Who may use agents: this computer, apps whose keys may, and from elsewhere only keys that a project names."""

from pathlib import Path
from typing import Literal

import pytest

from server.config import Config
from server.desktop_tools.current import ComputerUse
from server.errors import AgentDenied, DrawbridgeError, InvalidRequest, NotFound
from server.keys.named_key import NamedKey
from server.keys.rights import Rights
from server.projects.project import Project
from server.web.access.policy import Access, AccessPolicy
from server.web.agents import AgentRequests
from tests.server.web.projects_scene import HOST, Scene
from tests.server.web.scene import client

PROJECT = Project("proj-000000000001", "shop", Path("/work/shop"), remote_keys=("k1",), computer_use=True)


class Known:
    """Knows one project."""

    async def find(self, name_or_id: str) -> Project | None:
        return PROJECT if name_or_id in {PROJECT.id, PROJECT.name} else None

    async def check_folder(self, project: Project) -> None:
        pass


async def no(_: str) -> Literal["no"]:
    return "no"


def requests(**config: object) -> AgentRequests:
    given = Config(agent_mode=True, **config)  # type: ignore[arg-type] # its own fields
    return AgentRequests(Known(), lambda: given, ComputerUse(lambda: given, no))


def access(listener: Literal["local", "lan", "tunnel"] = "local", key: NamedKey | None = None) -> Access:
    return Access(AccessPolicy(listener, key="secret"), is_trusted=key is None, is_own=True, key=key)


def named(id_: str, *, agent: bool) -> NamedKey:
    return NamedKey(id_, "app", b"", b"", 0.0, rights=Rights(listeners=("local", "lan", "tunnel"), agent=agent))


@pytest.mark.parametrize(
    ("listener", "key", "allowed"),
    [
        ("local", None, True),
        ("local", named("k9", agent=True), True),
        ("local", named("k1", agent=False), False),
        ("lan", None, False),
        ("tunnel", None, False),
        ("lan", named("k9", agent=True), False),
        ("tunnel", named("k9", agent=True), False),
        ("lan", named("k1", agent=True), True),
        ("tunnel", named("k1", agent=True), True),
        ("tunnel", named("k1", agent=False), False),
    ],
)
@pytest.mark.parametrize("body", [{"model": "sonnet@shop"}, {"model": "sonnet", "project_id": PROJECT.id}], ids=str)
async def test_who_may(
    listener: Literal["local", "lan", "tunnel"], key: NamedKey | None, allowed: bool, body: dict[str, object]
) -> None:
    if not allowed:
        with pytest.raises(AgentDenied) as caught:
            await requests().work_in(body, access(listener, key), request_id="r")
        assert caught.value.hint
        return
    work, rest = await requests().work_in(body, access(listener, key), request_id="r")
    assert work is not None
    assert (work.project, work.request_id, rest) == (PROJECT, "r", {"model": "sonnet"})


@pytest.mark.parametrize("listener", ["local", "lan", "tunnel"])
async def test_the_desktop_is_for_this_computer_only(listener: Literal["local", "lan", "tunnel"]) -> None:
    key = named("k1", agent=True)
    work, _ = await requests(computer_use=True).work_in({"model": "sonnet@shop"}, access(listener, key), request_id="r")
    assert work is not None
    assert work.uses_desktop is (listener == "local")
    with pytest.raises(AgentDenied) as caught:
        await requests(computer_use=True).work_in({"model": "sonnet@computer"}, access(listener, key), request_id="r")
    assert ("now" in caught.value.message) is (listener == "local")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"model": "sonnet@unknown"}, NotFound),
        ({"model": "sonnet", "project_id": 5}, InvalidRequest),
        ({"model": "sonnet@computer"}, AgentDenied),
    ],
    ids=str,
)
async def test_what_is_refused(body: dict[str, object], error: type[DrawbridgeError]) -> None:
    with pytest.raises(error):
        await requests().work_in(body, access(), request_id="r")


@pytest.mark.parametrize(
    "body",
    [{"model": "sonnet"}, {"model": "claude-sonnet@20260101"}, {"model": "claude@latest"}, [], None, {}],
    ids=str,
)
async def test_a_chat_stays_a_chat(body: object) -> None:
    assert await requests().work_in(body, access("tunnel"), request_id="r") == (None, body)


async def test_agents_that_are_off_are_refused() -> None:
    off = AgentRequests(Known(), Config, ComputerUse(Config, no))
    with pytest.raises(AgentDenied, match="Agent mode is off"):
        await off.work_in({"model": "sonnet@shop"}, access(), request_id="r")


@pytest.mark.parametrize("listener", ["local", "lan", "tunnel"])
@pytest.mark.parametrize(("agent", "is_named"), [(True, True), (True, False), (False, True)])
async def test_over_http_each_listener_lets_only_named_keys_work_in_a_project(
    tmp_path: Path, listener: Literal["local", "lan", "tunnel"], agent: bool, is_named: bool
) -> None:
    scene = Scene(tmp_path, listener, agent_mode=True, api_key="secret", reach="lan")
    headers = {
        **scene.key("Cursor", listeners=(listener,), agent=agent),
        "host": HOST if listener == "tunnel" else "127.0.0.1",
    }
    (key,) = scene.book.listed()
    await scene.add(remote_keys=(key.id,) if is_named else ())
    body = {"model": "sonnet@shop", "messages": [{"role": "user", "content": "Go."}]}
    async with client(scene.app, **headers) as c:
        reply = await c.post("/v1/chat/completions", json=body)
    if agent and (listener == "local" or is_named):
        assert reply.status_code == 200, reply.text
        (request,) = scene.engine.requests
        assert request.work is not None
        assert request.work.project.name == "shop"
    else:
        assert (reply.status_code, scene.engine.requests) == (403, [])
