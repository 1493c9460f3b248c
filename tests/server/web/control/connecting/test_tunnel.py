"""The tunnel over /control: what opens it, which provider is taken, what is refused, and the key."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from server.app import create_app
from server.config import Config
from server.errors import TunnelRefused
from server.keys.key_book import KeyBook
from server.machine.tunnels.provider import Look, Opened, Target, Traits
from server.tunnel.manager import TunnelManager
from server.tunnel.proof import Proofs
from server.web.access.middleware import AccessMiddleware, policy_for
from server.web.control.connecting import tunnel as control_tunnel
from server.web.control.parts import Parts
from tests.server.web.scene import FakeControl, FakeEngine, client


class Waiting:
    """A provider that never gets further than opening. `lacks` is what it says of itself."""

    def __init__(self, traits: Traits, look: Look | TunnelRefused | None = None) -> None:
        self.traits, self.answer = traits, look
        self.targets: list[Target] = []

    async def look(self, host: str = "") -> Look:
        if self.answer is None:
            return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return] # never
        if isinstance(self.answer, TunnelRefused):
            raise self.answer
        return self.answer

    @asynccontextmanager
    async def open(self, target: Target) -> AsyncIterator[Opened]:
        self.targets.append(target)
        await asyncio.get_running_loop().create_future()
        yield  # type: ignore[misc] # never


class Listener:
    host = ""
    used_at: float | None = None

    async def open(self, port: int) -> int:
        return port or 4711

    async def close(self) -> None:
        pass


READY = Look(version="1")
RELAY = Traits("ssh", "Relay", keeps_name=False, reader="localhost.run", asks=True)
STABLE = Traits("tailscale", "Tailscale Funnel", keeps_name=True, reader="")
QUICK = Traits("cloudflared", "Quick", keeps_name=False, reader="Cloudflare")
OWN = Traits("own", "My own", keeps_name=True, reader="Your proxy", needs_host=True, has_fixed_port=True)


@dataclass
class Scene:
    folder: Path
    providers: list[Waiting]
    config: Config = field(default_factory=Config)
    has_tunnel: bool = True
    has_keys: bool = True

    def __post_init__(self) -> None:
        self.book = KeyBook(self.folder) if self.has_keys else None
        by_name: dict[Any, Any] = {one.traits.name: one for one in self.providers}

        async def never(_: str) -> bytes:
            raise OSError

        manager = TunnelManager(by_name, Listener(), Proofs(), never, config=lambda: self.config)
        self.manager = manager if self.has_tunnel else None
        self.control = FakeControl()
        parts = Parts(keys=self.book, tunnel=self.manager)
        app = create_app(self.config, FakeEngine(config=self.config), self.control, parts=parts)
        self.app = AccessMiddleware(app, lambda: policy_for(self.config))

    @property
    def page(self) -> httpx.AsyncClient:
        return client(self.app, **{"x-drawbridge-token": self.control.token})

    async def open(self, body: Any) -> httpx.Response:
        return await self.page.post("/control/tunnel", json=body)

    async def target(self, provider: Waiting) -> Target:
        async with asyncio.timeout(20):
            while not provider.targets:
                await asyncio.sleep(0)
        return provider.targets[-1]


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    made = Scene(tmp_path, [Waiting(STABLE, READY), Waiting(QUICK, READY), Waiting(RELAY, READY), Waiting(OWN, READY)])
    yield made
    assert made.manager is not None
    await made.manager.close()


async def test_the_first_opening_makes_the_key_and_no_later_one_shows_it(scene: Scene) -> None:
    first = await scene.open({"provider": "cloudflared"})
    assert (first.status_code, first.json()["status"]["state"]) == (202, "opening")
    made = first.json()["key"]
    assert made["name"] == "Tunnel"
    assert scene.book is not None
    found = scene.book.find(made["key"])
    assert found is not None
    assert found.rights.listeners == ("tunnel",)
    second = await scene.open({"provider": "cloudflared"})
    assert second.json()["key"] == {"name": "Tunnel", "key": None}
    shown = await scene.page.get("/control/tunnel")
    assert shown.json()["keys"] == ["Tunnel"]
    assert made["key"] not in shown.text


async def test_without_a_name_the_first_that_is_ready_and_need_not_be_asked_for_opens(tmp_path: Path) -> None:
    refusing = Waiting(STABLE, TunnelRefused("It does not answer.", kind="ended"))
    lacking = Waiting(Traits("ngrok", "ngrok", keeps_name=True, reader="ngrok"), Look("missing", "Install it."))
    relay, quick = Waiting(RELAY, READY), Waiting(QUICK, READY)
    scene = Scene(tmp_path, [refusing, lacking, relay, quick])
    reply = await scene.open({})
    assert reply.json()["status"]["provider"] == "cloudflared"
    await scene.target(quick)
    assert not relay.targets
    assert scene.manager is not None
    await scene.manager.close()


async def test_with_none_ready_all_are_named(tmp_path: Path) -> None:
    scene = Scene(tmp_path, [Waiting(STABLE, Look("sign in", "Sign in.")), Waiting(RELAY, READY)])
    reply = await scene.open({})
    error = reply.json()["error"]
    assert (reply.status_code, error["param"]) == (400, "provider")
    assert "tailscale, ssh" in error["message"]
    # Nothing was opened, so no key was made for it.
    assert scene.book is not None
    assert scene.book.listed() == ()


async def test_without_a_name_the_one_of_the_settings_opens(tmp_path: Path) -> None:
    own = Waiting(OWN, READY)
    config = Config(tunnel="own", tunnel_host="me.example.org", tunnel_port=8499)
    scene = Scene(tmp_path, [Waiting(QUICK, READY), own], config)
    assert (await scene.open({})).status_code == 202
    assert await scene.target(own) == Target(8499, "me.example.org")
    shown = (await scene.page.get("/control/tunnel?look=false")).json()
    assert (shown["host"], shown["at_start"]) == ("me.example.org", "own")
    assert "providers" not in shown
    assert scene.manager is not None
    await scene.manager.close()


@pytest.mark.parametrize("agreed", [None, False, "yes", 1])
async def test_a_relay_is_opened_only_with_a_clear_yes(scene: Scene, agreed: object) -> None:
    reply = await scene.open({"provider": "ssh", "agreed": agreed})
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "agreed")
    assert "localhost.run can read" in reply.json()["error"]["message"]
    assert scene.book is not None
    assert scene.book.listed() == ()
    assert (await scene.open({"provider": "ssh", "agreed": True})).status_code == 202


@pytest.mark.parametrize(
    ("given", "host"),
    [
        (" https://me.example.org/ ", "me.example.org"),
        ("Me.Example.org", "me.example.org"),
        ("https://me.example.org:8443", "me.example.org:8443"),
    ],
)
async def test_a_host_name_may_be_given_as_an_address(scene: Scene, given: str, host: str) -> None:
    assert (await scene.open({"provider": "own", "host": given})).status_code == 202
    assert (await scene.target(scene.providers[-1])).host == host


@pytest.mark.parametrize("body", [[], "cloudflared", None, 7])
async def test_a_body_that_is_no_object_is_refused(scene: Scene, body: object) -> None:
    reply = await scene.page.post("/control/tunnel", json=body)
    assert reply.status_code == 400


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"provider": 7}, "provider"),
        ({"provider": "own", "host": ["a"]}, "host"),
        ({"provider": "own", "host": "a" * 254}, "host"),
        ({"provider": "own", "host": "a\r\nb"}, "host"),
        ({"provider": "own", "host": "me.example.org/v1"}, "host"),
        ({"provider": "own", "host": "http://me.example.org"}, "host"),
        ({"provider": "own", "host": "you@me.example.org"}, "host"),
        ({"provider": "own", "host": "me.example.org:"}, "host"),
        ({"provider": "ngrok", "host": "--help"}, "host"),
        ({"provider": "teleport"}, None),
    ],
)
async def test_what_is_wrong_is_named_and_no_key_is_made(scene: Scene, body: dict[str, Any], param: str | None) -> None:
    reply = await scene.open(body)
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, param)
    assert scene.book is not None
    assert scene.book.listed() == ()
    assert (await scene.page.get("/control/tunnel")).json()["status"]["state"] == "off"


async def test_the_providers_are_looked_at_and_a_silent_one_does_not_block_the_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_tunnel, "_LOOK_S", 0.05)
    silent = Waiting(STABLE)
    refusing = Waiting(QUICK, TunnelRefused("It crashed.", kind="ended"))
    scene = Scene(tmp_path, [silent, refusing, Waiting(OWN, Look("setting", "Set tunnel_host."))])
    rows = (await scene.page.get("/control/tunnel")).json()["providers"]
    assert [(row["name"], row["lacks"], row["hint"]) for row in rows] == [
        ("tailscale", "ended", "Its program does not answer."),
        ("cloudflared", "ended", "It crashed."),
        ("own", "setting", "Set tunnel_host."),
    ]


async def test_closing_is_idempotent(scene: Scene) -> None:
    await scene.open({"provider": "cloudflared"})
    for _ in range(2):
        reply = await scene.page.delete("/control/tunnel")
        assert (reply.status_code, reply.json()["status"]["state"]) == (200, "off")


async def test_a_server_without_a_tunnel_says_so_and_one_without_keys_opens_it(tmp_path: Path) -> None:
    bare = Scene(tmp_path, [], has_tunnel=False)
    for method in ("GET", "POST", "DELETE"):
        assert (await bare.page.request(method, "/control/tunnel", json={})).status_code == 404
    keyless = Scene(tmp_path, [Waiting(QUICK, READY)], has_keys=False)
    assert (await keyless.open({"provider": "cloudflared"})).json()["key"] is None
    assert keyless.manager is not None
    await keyless.manager.close()


async def test_only_our_page_and_commands_get_in(scene: Scene) -> None:
    for method in ("GET", "POST", "DELETE"):
        async with client(scene.app) as stranger:
            assert (await stranger.request(method, "/control/tunnel", json={})).status_code == 403
