import re

import pytest

from server.config import Config
from server.machine.page_ticket import make_ticket
from server.web.access.middleware import AccessPolicy
from tests.server.web.scene import NOW, FakeControl, FakeEngine, client, served

BROWSER = {"accept": "text/html", "sec-fetch-site": "none"}
OWN = {"origin": "http://127.0.0.1:8082", "sec-fetch-site": "same-origin"}


def with_token(token: str) -> dict[str, str]:
    return {"x-drawbridge-token": token}


def token_in(page: str) -> str | None:
    found = re.search(r'name="drawbridge-token" content="(\w+)"', page)
    return found[1] if found else None


async def test_the_token_alone_authorizes_the_controls_even_if_a_key_is_required() -> None:
    engine, control = FakeEngine(), FakeControl()
    engine.change(api_key="gate-key")
    async with client(served(engine, control=control)) as c:
        status = await c.get("/control/status", headers=with_token(control.token))
        assert (status.status_code, status.json()["pool"]["size"]) == (200, 3)
        assert control.stopped == 0
        stop = await c.post("/control/stop", headers=with_token(control.token))
        assert (stop.status_code, control.stopped) == (202, 1)


@pytest.mark.parametrize("token", ["", "wrong", "token-of-this-instance-and-more", "ü"])
async def test_without_the_right_token_the_controls_are_denied(token: str) -> None:
    engine, control = FakeEngine(), FakeControl()
    engine.change(api_key="gate-key")
    async with client(served(engine, control=control), **{"api-key": "gate-key"}) as c:
        for method, path in (("GET", "/control/status"), ("POST", "/control/stop")):
            reply = await c.request(method, path, headers=[(b"x-drawbridge-token", token.encode())])
            assert reply.status_code == 403
    assert control.stopped == 0


async def test_another_listener_has_no_controls() -> None:
    control = FakeControl()
    app = served(FakeEngine(), control=control, policy=AccessPolicy("lan", key="gate-key"))
    async with client(app, **{"api-key": "gate-key"}) as c:
        for method, path in (("GET", "/control/status"), ("POST", "/control/stop")):
            assert (await c.request(method, path, headers=with_token(control.token))).status_code == 404
        assert token_in((await c.get("/", headers=BROWSER)).text) is None
    assert control.stopped == 0


@pytest.mark.parametrize("what", ["stop", "quit"])
async def test_the_pages_buttons_stop_the_server_and_quit_the_app(what: str) -> None:
    control = FakeControl()
    async with client(served(FakeEngine(), control=control)) as c:
        page = (await c.get("/", headers=BROWSER)).text
        token = token_in(page)
        assert token
        assert control.token not in page
        reply = await c.post(f"/control/{what}", json={}, headers={**OWN, **with_token(token)})
    assert (reply.status_code, control.stopped, control.has_quit) == (202, what == "stop", what == "quit")


async def test_the_pages_token_shows_the_status_and_is_not_the_instances() -> None:
    control = FakeControl()
    async with client(served(FakeEngine(), control=control)) as c:
        token = token_in((await c.get("/", headers=BROWSER)).text)
        assert token
        assert token != control.token
        assert (await c.get("/control/status", headers=with_token(token))).json()["status"] == "ok"
        assert (await c.get("/control/status", headers=with_token("guess"))).status_code == 403


async def test_once_a_key_is_required_an_old_page_cannot_stop_the_server() -> None:
    engine, control = FakeEngine(), FakeControl()
    async with client(served(engine, control=control)) as c:
        token = token_in((await c.get("/", headers=BROWSER)).text)
        assert token
        engine.change(api_key="gate-key")
        assert (await c.post("/control/stop", json={}, headers=with_token(token))).status_code == 403
    assert control.stopped == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://localhost:3000", "sec-fetch-site": "same-site"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "app://obsidian.md", "sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
async def test_no_other_page_gets_the_token_or_can_use_it(headers: dict[str, str]) -> None:
    control = FakeControl()
    async with client(served(FakeEngine(), control=control)) as c:
        page = await c.get("/", headers={"accept": "text/html", **headers})
        assert page.status_code == 200
        assert token_in(page.text) is None
        for kind in ("application/json", "text/plain"):
            given = {**headers, **with_token(control.token), "content-type": kind}
            assert (await c.post("/control/stop", content=b"{}", headers=given)).status_code == 403
    assert control.stopped == 0


async def test_without_a_control_port_there_are_no_controls_and_no_token() -> None:
    async with client(served(FakeEngine())) as c:
        assert (await c.post("/control/stop", headers=with_token("x"))).status_code == 404
        assert token_in((await c.get("/", headers=BROWSER)).text) is None


class TestThePageWhereAKeyIsRequired:
    async def test_it_gets_its_token_for_the_key(self) -> None:
        engine, control = FakeEngine(config=Config(api_key="gate-key")), FakeControl()
        async with client(served(engine, control=control)) as c:
            assert token_in((await c.get("/", headers=BROWSER)).text) is None
            for key, words in (({}, "requires an access key"), ({"authorization": "Bearer wrong"}, "is wrong")):
                refused = await c.post("/control/open", json={}, headers={**OWN, **key})
                assert (refused.status_code, words in refused.json()["error"]["message"]) == (401, True)
            opened = await c.post("/control/open", json={}, headers={**OWN, "authorization": "Bearer gate-key"})
            # The page keeps this token instead of the key.
            token = opened.json()["token"]
            assert "gate-key" not in opened.text
            assert (await c.get("/control/status", headers=with_token(token))).status_code == 200
            again = (await c.get("/", headers={**BROWSER, **with_token(token)})).text
            assert "Default model" in again
            assert (await c.get("/v1/models", headers=with_token(token))).status_code == 401
            # A new key ends old pages.
            engine.change(api_key="another-key")
            assert (await c.get("/control/status", headers=with_token(token))).status_code == 403
            assert token_in((await c.get("/", headers={**BROWSER, **with_token(token)})).text) is None

    async def test_no_other_page_gets_a_token(self) -> None:
        control = FakeControl()
        for engine in (FakeEngine(), FakeEngine(config=Config(api_key="gate-key"))):
            async with client(served(engine, control=control)) as c:
                given = {"origin": "http://localhost:3000", "authorization": "Bearer gate-key"}
                assert (await c.post("/control/open", json={}, headers=given)).status_code == 403

    async def test_where_no_key_is_required_an_open_page_gets_a_new_token_after_a_restart(self) -> None:
        control = FakeControl()
        async with client(served(FakeEngine(), control=control)) as c:
            opened = await c.post("/control/open", json={}, headers=OWN)
            assert opened.json()["token"] == token_in((await c.get("/", headers=BROWSER)).text)

    async def test_a_ticket_of_the_app_opens_it_once(self) -> None:
        engine, control = FakeEngine(config=Config(api_key="gate-key")), FakeControl()
        ticket = {"x-drawbridge-ticket": make_ticket(control.token, now=NOW)}
        async with client(served(engine, control=control)) as c:
            foreign = await c.post("/control/open", json={}, headers={**ticket, "origin": "http://localhost:3000"})
            assert foreign.status_code == 403
            reply = await c.post("/control/open", json={}, headers={**ticket, **OWN})
            assert reply.status_code == 200
            page = (await c.get("/", headers={**BROWSER, **with_token(reply.json()["token"])})).text
            assert "Default model" in page
            again = await c.post("/control/open", json={}, headers={**ticket, **OWN})
            assert again.status_code == 403
            assert "used already" in again.json()["error"]["message"]

    async def test_other_listeners_take_no_ticket(self) -> None:
        control = FakeControl()
        app = served(FakeEngine(), control=control, policy=AccessPolicy("lan", key="gate-key"))
        async with client(app, **{"api-key": "gate-key"}) as c:
            reply = await c.post("/control/open", headers={"x-drawbridge-ticket": make_ticket(control.token, now=NOW)})
            assert reply.status_code == 404
