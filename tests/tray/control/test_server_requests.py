"""Commands for the running server, and what happens after a sleep."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from server.config import Config
from server.errors import DrawbridgeError
from server.keys.key_book import KeyBook
from server.keys.key_file import FILE_NAME
from server.keys.rights import Rights
from server.keys.tunnel_key import tunnel_keys
from server.status import State
from tray.commands import AllowExtraUsage, CloseTunnel, KeepContents, OpenTunnel
from tray.control.server_requests import ServerRequests
from tray.control.waking import probe_after_sleep
from tray.model import Notice


@dataclass
class Fakes:
    """All that the requests work with. `can_copy`: whether the desktop has a clipboard."""

    folder: Path
    can_copy: bool = True
    asked: list[object] = field(default_factory=list)
    copied: list[str] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    errors: list[DrawbridgeError] = field(default_factory=list)

    @property
    def requests(self) -> ServerRequests:
        settings = SimpleNamespace(file=SimpleNamespace(path=self.folder / "settings.toml"))
        supervisor = SimpleNamespace(
            allow_extra_usage=lambda *, is_allowed: self.asked.append(("extra usage", is_allowed)),
            keep_contents=self.asked.append,
            change_tunnel=lambda provider: self.asked.append(("tunnel", provider)),
        )
        actions = SimpleNamespace(try_to_copy=self.copy)
        shown = SimpleNamespace(show=self.notices.append, error=self.errors.append)
        parts = (settings, supervisor, SimpleNamespace(run=self.run), actions, shown)
        return ServerRequests(*cast("tuple[Any, Any, Any, Any, Any]", parts))

    def copy(self, text: str) -> bool:
        if self.can_copy:
            self.copied.append(text)
        return self.can_copy

    @staticmethod
    def run(work: Callable[[], Any], done: Callable[[Any], None]) -> None:
        try:
            result = work()
        except DrawbridgeError as error:
            result = error
        done(result)


def test_the_first_opening_copies_the_new_key_and_later_ones_open_only(tmp_path: Path) -> None:
    fakes = Fakes(tmp_path)
    fakes.requests.execute(OpenTunnel("cloudflared"))
    (text,) = fakes.copied
    book = KeyBook(tmp_path)
    found = book.find(text)
    assert found is not None
    assert [key.name for key in tunnel_keys(book)] == [found.name] == ["Tunnel"]
    (notice,) = fakes.notices
    assert notice.title == "The key for the tunnel is copied"
    assert text not in f"{notice.title}{notice.text}"
    fakes.requests.execute(OpenTunnel("ngrok"))
    assert (len(fakes.copied), len(fakes.notices)) == (1, 1)
    assert fakes.asked == [("tunnel", "cloudflared"), ("tunnel", "ngrok")]


def test_a_key_of_the_user_for_the_internet_is_used(tmp_path: Path) -> None:
    KeyBook(tmp_path).add("Cursor", Rights(listeners=("tunnel",)))
    fakes = Fakes(tmp_path)
    fakes.requests.execute(OpenTunnel("cloudflared"))
    assert (fakes.copied, fakes.notices, fakes.asked) == ([], [], [("tunnel", "cloudflared")])


def test_without_a_clipboard_the_user_hears_what_to_do(tmp_path: Path) -> None:
    fakes = Fakes(tmp_path, can_copy=False)
    fakes.requests.execute(OpenTunnel("cloudflared"))
    (notice,) = fakes.notices
    assert "Revoke 'Tunnel' on the dashboard" in notice.text
    assert fakes.asked == [("tunnel", "cloudflared")]


def test_keys_that_cannot_be_read_open_no_tunnel(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).mkdir()
    fakes = Fakes(tmp_path)
    fakes.requests.execute(OpenTunnel("cloudflared"))
    assert fakes.asked == []
    assert len(fakes.errors) == 1


def test_the_other_commands_reach_the_server(tmp_path: Path) -> None:
    fakes = Fakes(tmp_path)
    for command in (AllowExtraUsage(), AllowExtraUsage(is_allowed=False), KeepContents("stop"), CloseTunnel()):
        fakes.requests.execute(command)
    assert fakes.asked == [("extra usage", True), ("extra usage", False), "stop", ("tunnel", "")]


class Awake:
    """The app after a sleep. `answers`: what the probe of the server finds."""

    def __init__(
        self, answers: bool | DrawbridgeError, state: State = State.RUNNING, *, has_server: bool = True
    ) -> None:
        self.followed: list[str] = []
        self.restarted: list[object] = []
        self.server = SimpleNamespace(
            follow_network=lambda: self.followed.append("network"), listeners=SimpleNamespace(control="127.0.0.1:1")
        )
        self.supervisor = SimpleNamespace(
            server=self.server if has_server else None,
            status=SimpleNamespace(state=state),
            restart=lambda config, grace_s: self.restarted.append((config, grace_s)),
        )
        self.answers = answers

    def wake(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        def run(work: Callable[[], Any], done: Callable[[Any], None]) -> None:
            assert work() == "127.0.0.1:1"
            meanwhile()
            done(self.answers)

        platform = SimpleNamespace(answers=lambda control: control)
        settings = SimpleNamespace(config=Config(port=8099))
        parts = (self.supervisor, SimpleNamespace(run=run), platform, settings)
        probe_after_sleep(*cast("tuple[Any, Any, Any, Any]", parts))


def test_a_server_that_answers_after_a_sleep_only_follows_the_network() -> None:
    awake = Awake(True)
    awake.wake()
    assert (awake.followed, awake.restarted) == (["network"], [])


@pytest.mark.parametrize("answers", [False, DrawbridgeError("It does not answer.")])
def test_a_silent_server_is_restarted_without_grace(answers: bool | DrawbridgeError) -> None:
    awake = Awake(answers)
    awake.wake()
    assert awake.restarted == [(Config(port=8099), 0.0)]


def test_a_server_that_was_replaced_meanwhile_is_left_alone() -> None:
    awake = Awake(False)
    awake.wake(lambda: setattr(awake.supervisor, "server", SimpleNamespace()))
    assert awake.restarted == []


@pytest.mark.parametrize("state", [state for state in State if state is not State.RUNNING])
def test_a_server_that_does_not_run_is_not_probed(state: State) -> None:
    awake = Awake(False, state)
    awake.wake()
    assert (awake.followed, awake.restarted) == ([], [])


def test_without_a_server_nothing_is_probed() -> None:
    awake = Awake(False, has_server=False)
    awake.wake()
    assert awake.restarted == []
