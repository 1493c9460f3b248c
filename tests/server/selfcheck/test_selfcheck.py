"""When the check runs, what it leaves on the shelf, and on what footing requests stand meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from server.backoff import Backoff
from server.errors import CliFailed
from server.selfcheck.capabilities import Capability, Finding, Undecided
from server.selfcheck.fallback import Footing
from server.selfcheck.selfcheck import SelfCheck
from server.selfcheck.store import Shelf
from tests.server.selfcheck.wrapper import change

WARM = Footing(is_checked=True, isolation="warm")


class Scene:
    """A self-check whose examiner says what the test wants, and waits for `go` where there is one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cli = self.program("claude")
        self.carried: Path | None = self.program("carried")
        self.version = "1.0.0"
        self.missing: dict[Path, list[Capability] | Exception] = {}
        self.examined: list[Path] = []
        self.footings: list[Footing] = []
        self.go = asyncio.Event()
        self.go.set()
        self.places = 0
        self.checks: list[SelfCheck] = []

    def program(self, name: str) -> Path:
        path = self.folder / name
        path.write_text("#!/bin/sh\n")
        return path

    def start(self, *, opened: bool = True, cli: Path | None = None) -> SelfCheck:
        check = SelfCheck(
            shelf=Shelf(self.folder / "data" / "selfcheck.json"),
            carried=self.carried,
            examine=self._examine,
            version_of=self._version_of,
            place=self._place,
            on_change=lambda: self.footings.append(check.footing),
            backoff=Backoff(first_s=0.01, longest_s=0.01),
        )
        self.checks.append(check)
        check.look(cli or self.cli)
        if opened:
            check.open()
        return check

    async def checked(self, check: SelfCheck) -> Footing:
        async with asyncio.timeout(20):
            while not check.footing.is_checked:
                await asyncio.sleep(0)
        return check.footing

    async def begun(self, count: int = 1) -> None:
        async with asyncio.timeout(20):
            while len(self.examined) < count:
                await asyncio.sleep(0)

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        self.places += 1
        try:
            yield
        finally:
            self.places -= 1

    async def _version_of(self, cli: Path) -> str:
        if not self.version:
            raise CliFailed
        return self.version

    async def _examine(self, cli: Path) -> tuple[Finding, ...]:
        assert self.places == 1
        self.examined.append(cli)
        await self.go.wait()
        missing = self.missing.get(cli, [])
        if isinstance(missing, Exception):
            raise missing
        return tuple(Finding(one, one not in missing, "" if one not in missing else "odd") for one in Capability)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    scene = Scene(tmp_path)
    yield scene
    for check in scene.checks:
        await check.close()
    assert scene.places == 0


async def test_it_is_checked_once_and_the_next_start_is_warm_from_the_first_request_on(scene: Scene) -> None:
    assert await scene.checked(scene.start()) == WARM
    later = scene.start(opened=False)
    assert later.footing == WARM
    later.open()
    await later.known()
    assert scene.examined == [scene.cli]


async def test_nothing_runs_before_there_is_a_place(scene: Scene) -> None:
    check = scene.start(opened=False)
    await asyncio.sleep(0)
    assert check.footing == Footing()
    assert not scene.examined


async def test_a_stranger_is_waited_for_and_the_one_that_we_carry_is_not(scene: Scene) -> None:
    scene.go.clear()
    check = scene.start()
    waiting = asyncio.create_task(check.known())
    await scene.begun()
    assert not waiting.done()
    assert check.footing == Footing()
    scene.go.set()
    await asyncio.wait_for(waiting, 20)
    assert check.footing == WARM
    scene.go.clear()
    carried = scene.start(cli=scene.carried)
    await asyncio.wait_for(carried.known(), 20)
    assert carried.footing == Footing()


async def test_where_none_is_at_hand_nobody_waits(scene: Scene) -> None:
    check = scene.start(cli=scene.folder / "nowhere")
    await asyncio.wait_for(check.known(), 20)
    assert check.footing == Footing()


async def test_a_check_that_could_not_be_done_is_no_verdict_and_is_done_again(scene: Scene) -> None:
    scene.missing[scene.cli] = Undecided("it took too long")
    check = scene.start()
    await asyncio.wait_for(check.known(), 20)
    assert (check.footing.is_checked, check.footing.isolation, check.footing.trouble) == (False, "process", None)
    assert "it took too long" in check.footing.words
    del scene.missing[scene.cli]
    assert await scene.checked(check) == WARM


async def test_one_that_does_not_say_its_version_is_not_waited_for(scene: Scene) -> None:
    scene.version = ""
    check = scene.start()
    await asyncio.wait_for(check.known(), 20)
    assert not check.footing.is_checked
    assert not scene.examined


async def test_the_one_that_we_carry_is_checked_when_it_is_needed(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    assert scene.carried is not None
    scene.missing[scene.cli] = [Capability.HISTORY]
    check = scene.start()
    footing = await scene.checked(check)
    assert (footing.isolation, footing.cli) == ("warm", scene.carried)
    assert scene.examined == [scene.cli, scene.carried]
    assert check.failed == ("history",)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    # Nobody was ever answered by the one that cannot.
    assert all(footing.cli == scene.carried for footing in scene.footings)
    later = scene.start()
    assert later.footing == footing
    await scene.checked(later)
    assert len(scene.examined) == 2


async def test_where_the_one_at_hand_is_not_warm_the_one_that_we_carry_is_checked_while_it_serves(scene: Scene) -> None:
    assert scene.carried is not None
    scene.missing[scene.cli] = [Capability.BOUNDARY]
    check = scene.start()
    footing = await scene.checked(check)
    assert (footing.isolation, footing.cli) == ("warm", scene.carried)
    assert scene.examined == [scene.cli, scene.carried]
    assert [(one.is_checked, one.isolation, one.cli) for one in scene.footings] == [
        (False, "process", None),
        (True, "warm", scene.carried),
    ]
    later = scene.start(opened=False)
    assert later.footing == footing


async def test_the_one_that_we_carry_serves_while_its_check_cannot_be_done(scene: Scene) -> None:
    assert scene.carried is not None
    scene.missing[scene.cli] = [Capability.NO_TOOLS]
    scene.missing[scene.carried] = Undecided("no")
    check = scene.start()
    await scene.begun(3)
    assert (check.footing.cli, check.footing.isolation) == (scene.carried, "process")


async def test_nothing_is_left_where_the_one_that_we_carry_is_the_one_that_cannot(scene: Scene) -> None:
    assert scene.carried is not None
    link = scene.folder / "link"
    link.symlink_to(scene.carried)
    scene.missing[link] = [Capability.SETTINGS]
    footing = await scene.checked(scene.start(cli=link))
    assert footing.trouble is not None
    assert scene.examined == [link]


async def test_another_version_behind_the_same_file_is_checked_anew(scene: Scene) -> None:
    await scene.checked(scene.start())
    scene.version = "2.0.0"
    scene.go.clear()
    check = scene.start()
    assert check.footing == WARM
    await scene.begun(2)
    assert check.footing == Footing()
    scene.go.set()
    assert await scene.checked(check) == WARM


async def test_one_that_changes_while_the_server_runs_is_checked_anew(scene: Scene) -> None:
    check = scene.start()
    await scene.checked(check)
    check.look(scene.cli)
    assert check.footing == WARM
    change(scene.cli)
    check.look(scene.cli)
    assert check.footing == Footing()
    assert await scene.checked(check) == WARM
    assert len(scene.examined) == 2


async def test_one_that_changes_in_the_middle_of_its_check_is_checked_again(scene: Scene) -> None:
    scene.go.clear()
    check = scene.start()
    await scene.begun()
    change(scene.cli)
    scene.go.set()
    assert await scene.checked(check) == WARM
    assert len(scene.examined) == 2
    assert scene.start(opened=False).footing == WARM


async def test_the_check_of_one_that_is_no_longer_at_hand_ends(scene: Scene) -> None:
    scene.go.clear()
    check = scene.start()
    await scene.begun()
    check.look(scene.program("other"))
    await scene.begun(2)
    assert scene.places == 1
    scene.go.set()
    assert await scene.checked(check) == WARM
    assert scene.examined == [scene.cli, scene.folder / "other"]


async def test_closing_ends_the_check_where_it_is(scene: Scene) -> None:
    scene.go.clear()
    check = scene.start()
    await scene.begun()
    await check.close()
    assert scene.places == 0
    assert not (scene.folder / "data").exists()
