"""The codes for a phone: which addresses and keys they may contain, and that a key is nowhere else."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import zxingcpp

from server.app import create_app
from server.config import Config
from server.connect.qr_code import QrCode
from server.keys.key_book import KeyBook
from server.keys.rights import Rights
from server.status import TunnelStatus
from server.web.access.middleware import AccessMiddleware, policy_for
from server.web.control.parts import Parts
from tests.server.connect.test_qr_code import drawn
from tests.server.web.scene import STATUS, FakeControl, FakeEngine, client

MAIN = "db-the-main-key"
CONFIG = Config(api_key=MAIN, reach="lan")
LAN, PUBLIC = "http://192.168.1.7:8082/v1", "https://brave-hills.trycloudflare.com/v1"
OPEN = TunnelStatus("open", "cloudflared", url=PUBLIC.removesuffix("/v1"))


class Scene:
    def __init__(self, folder: Path, config: Config = CONFIG, tunnel: TunnelStatus = OPEN) -> None:
        self.book, self.control = KeyBook(folder), FakeControl()
        state = replace(STATUS, lan_addresses=("192.168.1.7:8082",), tunnel=tunnel)
        app = create_app(config, FakeEngine(config=config, state=state), self.control, parts=Parts(keys=self.book))
        self.app = AccessMiddleware(app, lambda: policy_for(config, "local", self.book.find))

    @property
    def page(self) -> httpx.AsyncClient:
        return client(self.app, **{"x-drawbridge-token": self.control.token})


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def text_in(reply: httpx.Response) -> str:
    assert reply.status_code == 200, reply.text
    assert reply.headers["cache-control"] == "no-store"
    given = reply.json()
    (found,) = zxingcpp.read_barcodes(drawn(QrCode(given["size"], given["path"])))
    return str(found.text)


async def test_it_lists_the_addresses_for_other_devices(scene: Scene) -> None:
    assert (await scene.page.get("/control/phone")).json() == {
        "data": [{"base_url": LAN, "listener": "lan"}, {"base_url": PUBLIC, "listener": "tunnel"}],
        "has_main_key": True,
    }


async def test_a_code_has_the_address_and_the_key(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    _, phone = scene.book.add("Phone")
    _, outside = scene.book.add("Phone outside", Rights(listeners=("tunnel",)))
    codes: list[tuple[dict[str, Any], str]] = [
        ({"base_url": LAN, "key": True}, f"{LAN}\n{MAIN}"),
        ({"base_url": LAN, "key": phone}, f"{LAN}\n{phone}"),
        ({"base_url": PUBLIC, "key": outside}, f"{PUBLIC}\n{outside}"),
        ({"base_url": LAN, "key": None}, LAN),
        ({"base_url": PUBLIC}, PUBLIC),
    ]
    for body, text in codes:
        reply = await scene.page.post("/control/phone", json=body)
        assert text_in(reply) == text
        assert reply.json()["has_key"] is bool(body.get("key"))
        assert not any(key in reply.text for key in (MAIN, phone, outside))
    assert not any(key in caplog.text for key in (MAIN, phone, outside))


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ([], None),
        ({}, "base_url"),
        ({"base_url": 7}, "base_url"),
        ({"base_url": "https://evil.example/v1"}, "base_url"),
        ({"base_url": "http://127.0.0.1:8082/v1"}, "base_url"),
        ({"base_url": LAN, "key": 7}, "key"),
        ({"base_url": LAN, "key": False}, "key"),
        ({"base_url": LAN, "key": "x" * 1001}, "key"),
        ({"base_url": LAN, "key": "db-nobodys"}, "key"),
        # The main key works on this computer and in the network only.
        ({"base_url": PUBLIC, "key": True}, "key"),
    ],
)
async def test_what_leads_nowhere_gets_no_code(scene: Scene, body: Any, param: str | None) -> None:
    reply = await scene.page.post("/control/phone", json=body)
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, param)
    assert MAIN not in reply.text


async def test_a_key_must_be_one_that_its_address_takes(scene: Scene) -> None:
    _, inside = scene.book.add("Inside")
    _, outside = scene.book.add("Outside", Rights(listeners=("tunnel",)))
    for url, key in ((PUBLIC, inside), (LAN, outside)):
        assert (await scene.page.post("/control/phone", json={"base_url": url, "key": key})).status_code == 400


async def test_without_a_main_key_or_a_way_in_there_is_neither(tmp_path: Path) -> None:
    scene = Scene(tmp_path, Config(), TunnelStatus())
    found = (await scene.page.get("/control/phone")).json()
    assert (found["has_main_key"], [row["listener"] for row in found["data"]]) == (False, ["lan"])
    assert (await scene.page.post("/control/phone", json={"base_url": LAN, "key": True})).status_code == 400


async def test_only_our_page_gets_a_code(scene: Scene) -> None:
    for headers in ({}, {"x-drawbridge-token": "wrong"}, {"authorization": f"Bearer {MAIN}"}):
        stranger = client(scene.app, **headers)
        assert (await stranger.get("/control/phone")).status_code == 403
        assert (await stranger.post("/control/phone", json={"base_url": LAN, "key": True})).status_code == 403
