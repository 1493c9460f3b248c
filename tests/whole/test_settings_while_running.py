"""Settings for access and the icon in a running server or app, and their change in the settings file."""

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from server.machine.keychain import Keychain
from server.standin.script import Gate, Hold, say
from server.standin.server import default_answer, open_standin
from tests.tray.trayhost import TrayHost
from tests.whole.bridge import START_S, Bridge, open_bridge, text_of
from tests.whole.desktop import open_app
from tray.icon.images import image_for
from tray.model import Picture

NOTES, OTHER = "https://notes.example", "https://other.example"
KEY = "the-stored-key-of-the-test"
# Docker Desktop sends the requests of containers for this name to the loopback.
CONTAINER = {"host": "host.docker.internal"}


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(START_S):
        while not is_so():
            await asyncio.sleep(0.05)


async def from_page(bridge: Bridge, origin: str) -> tuple[int, str | None]:
    """The status of a page's request, and the origin whose pages may read the reply."""
    reply = await bridge.chat("hi", headers={"origin": origin})
    return reply.status_code, reply.headers.get("access-control-allow-origin")


async def from_lan(address: str, **headers: str) -> int:
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        return (await client.get(f"http://{address}/v1/models", headers=headers)).status_code


def sized(size: int) -> dict[str, object]:
    """A chat request whose body has `size` bytes."""
    empty = len(json.dumps({"messages": [{"role": "user", "content": ""}]}, separators=(",", ":")))
    return {"messages": [{"role": "user", "content": "x" * (size - empty)}]}


async def test_settings_for_access_have_their_effect_and_follow_the_settings_file(folder: Path) -> None:
    config = folder / "home" / ".config" / "drawbridge"
    config.mkdir(parents=True)
    key_file = Keychain(config).file
    key_file.write_text(KEY)
    key_file.chmod(0o600)
    file = config / "settings.toml"
    file.write_text(f'reach = "lan"\nallowed_origins = ["{NOTES}"]\nbody_limit_mb = 0.01\n')
    async with open_standin() as standin, open_bridge(standin, folder) as bridge:
        # The network and containers need the key, this computer does not.
        assert (await bridge.chat("hi")).status_code == 200
        addresses: list[str] = (await bridge.health())["lan_addresses"]
        for address in addresses:
            assert (await from_lan(address), await from_lan(address, authorization=f"Bearer {KEY}")) == (401, 200)
        assert (await bridge.chat("hi", headers=CONTAINER)).status_code == 401
        assert (await bridge.chat("hi", headers={**CONTAINER, "x-api-key": KEY})).status_code == 200
        # Locks in /docs are for those who need the key.
        document = bridge.url.removesuffix("/v1") + "/openapi.json"
        assert "securitySchemes" not in (await bridge.client.get(document)).json()["components"]
        assert "securitySchemes" in (await bridge.client.get(document, headers=CONTAINER)).json()["components"]

        assert await from_page(bridge, NOTES) == (200, NOTES)
        assert await from_page(bridge, OTHER) == (403, None)

        assert (await bridge.post(sized(10_000))).status_code == 200
        assert "x" * 9_000 in json.dumps(standin.requests[-1].body["messages"])
        count = len(standin.requests)
        assert (await bridge.post(sized(10_001))).status_code == 413
        assert len(standin.requests) == count

        # An answer that is being sent continues through the change.
        gate = Gate()
        standin.script(say("Half, ", Hold(gate), "whole."))
        streaming = asyncio.create_task(bridge.stream("hi"))
        await asyncio.wait_for(gate.reached(), START_S)
        standin.script(default_answer)
        file.write_text(f'allowed_origins = ["{OTHER}"]\nbody_limit_mb = 0.02\nmodel = "haiku"\n')
        await until(lambda: any("The changed settings are in force." in line for line in bridge.complaints))
        gate.open()
        assert text_of(await streaming) == "Half, whole."

        assert (await bridge.health())["lan_addresses"] == []
        for address in addresses:
            with pytest.raises(httpx.ConnectError):
                await from_lan(address)
        assert (await bridge.chat("hi", headers={**CONTAINER, "x-api-key": KEY})).status_code == 403
        assert await from_page(bridge, NOTES) == (403, None)
        assert await from_page(bridge, OTHER) == (200, OTHER)
        assert (await bridge.post(sized(20_000))).status_code == 200
        assert "x" * 19_000 in json.dumps(standin.requests[-1].body["messages"])
        assert standin.requests[-1].body["model"] == "claude-haiku-5-5"
        assert (await bridge.post(sized(20_001))).status_code == 413


@pytest.mark.skipif(sys.platform != "linux", reason="Windows and macOS have trays of their own")
def test_the_icons_colour_is_the_users_choice_and_follows_the_settings_file(
    tmp_path: Path, bus: str, host: TrayHost
) -> None:
    def is_shown(dark: bool | None) -> bool:
        """Whether the panel has the icon of a running server in all its sizes; `dark` as in `image_for`."""
        pictures = app.item["IconPixmap"]
        for width, _, argb in pictures:
            rgba = b"".join(argb[i + 1 : i + 4] + argb[i : i + 1] for i in range(0, len(argb), 4))
            if rgba != image_for(Picture.LOWERED, width, dark=dark).tobytes():
                return False
        return bool(pictures)

    # A dark icon is for a light panel.
    with open_app(tmp_path, bus, host, settings='icon = "dark"\n') as app:
        app.until("Running on port")
        host.wait(lambda: is_shown(dark=False) or None)
        chosen = app.settings
        app.settings_file.write_text(chosen.replace('"dark"', '"light"'))
        host.wait(lambda: is_shown(dark=True) or None)
        app.settings_file.write_text(chosen.replace('icon = "dark"\n', ""))
        host.wait(lambda: is_shown(dark=None) or None)
