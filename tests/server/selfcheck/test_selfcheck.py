"""When the check runs, what it stores, and the serving mode meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from server.backoff import Backoff
from server.errors import CliFailed
from server.selfcheck.capabilities import Capability, CheckInconclusive, ProbeResult
from server.selfcheck.fallback import ServingMode
from server.selfcheck.selfcheck import SelfCheck
from server.selfcheck.store import ResultStore
from tests.server.selfcheck.wrapper import change

WARM = ServingMode(is_checked=True, isolation="warm", is_live=True, may_warm_up=True)


class Scene:
    """A self-check whose probes give the results that the test sets, once `go` is set."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cli = self.program("claude")
        self.bundled: Path | None = self.program("bundled")
        self.version = "1.0.0"
        self.missing: dict[Path, list[Capability] | Exception] = {}
        self.probed: list[Path] = []
        self.modes: list[ServingMode] = []
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
            store=ResultStore(self.folder / "data" / "selfcheck.json"),
            bundled=self.bundled,
            run_probes=self._run_probes,
            version_of=self._version_of,
            open_slot=self._place,
            on_change=lambda: self.modes.append(check.mode),
            backoff=Backoff(first_s=0.01, longest_s=0.01),
        )
        self.checks.append(check)
        check.use(cli or self.cli)
        if opened:
            check.open()
        return check

    async def checked(self, check: SelfCheck) -> ServingMode:
        async with asyncio.timeout(20):
            while not check.mode.is_checked:
                await asyncio.sleep(0)
        return check.mode

    async def begun(self, count: int = 1) -> None:
        async with asyncio.timeout(20):
            while len(self.probed) < count:
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

    async def _run_probes(self, cli: Path) -> tuple[ProbeResult, ...]:
        assert self.places == 1
        self.probed.append(cli)
        await self.go.wait()
        missing = self.missing.get(cli, [])
        if isinstance(missing, Exception):
            raise missing
        return tuple(ProbeResult(one, one not in missing, "" if one not in missing else "odd") for one in Capability)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    scene = Scene(tmp_path)
    yield scene
    for check in scene.checks:
        await check.close()
    assert scene.places == 0


async def test_it_is_checked_once_and_the_next_start_is_warm_at_once(scene: Scene) -> None:
    assert await scene.checked(scene.start()) == WARM
    later = scene.start(opened=False)
    assert later.mode == WARM
    later.open()
    await later.decided()
    assert scene.probed == [scene.cli]


async def test_no_check_runs_before_open(scene: Scene) -> None:
    check = scene.start(opened=False)
    await asyncio.sleep(0)
    assert check.mode == ServingMode()
    assert not scene.probed


async def test_requests_wait_for_an_unknown_one_and_not_for_the_bundled_one(scene: Scene) -> None:
    scene.go.clear()
    check = scene.start()
    waiting = asyncio.create_task(check.decided())
    await scene.begun()
    assert not waiting.done()
    assert check.mode == ServingMode()
    scene.go.set()
    await asyncio.wait_for(waiting, 20)
    assert check.mode == WARM
    scene.go.clear()
    bundled = scene.start(cli=scene.bundled)
    await asyncio.wait_for(bundled.decided(), 20)
    assert bundled.mode == ServingMode()


async def test_without_a_claude_code_requests_do_not_wait(scene: Scene) -> None:
    check = scene.start(cli=scene.folder / "nowhere")
    await asyncio.wait_for(check.decided(), 20)
    assert check.mode == ServingMode()


async def test_an_inconclusive_check_has_no_result_and_is_retried(scene: Scene) -> None:
    scene.missing[scene.cli] = CheckInconclusive("it took too long")
    check = scene.start()
    await asyncio.wait_for(check.decided(), 20)
    assert (check.mode.is_checked, check.mode.isolation, check.mode.error) == (False, "process", None)
    assert "it took too long" in check.mode.summary
    del scene.missing[scene.cli]
    assert await scene.checked(check) == WARM


async def test_requests_do_not_wait_for_one_without_a_version(scene: Scene) -> None:
    scene.version = ""
    check = scene.start()
    await asyncio.wait_for(check.decided(), 20)
    assert not check.mode.is_checked
    assert not scene.probed


async def test_the_bundled_one_is_checked_when_it_is_needed(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    assert scene.bundled is not None
    scene.missing[scene.cli] = [Capability.HISTORY]
    check = scene.start()
    mode = await scene.checked(check)
    assert (mode.isolation, mode.cli) == ("warm", scene.bundled)
    assert scene.probed == [scene.cli, scene.bundled]
    assert check.failed == ("history",)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    # No request was served by the unfit one.
    assert all(mode.cli == scene.bundled for mode in scene.modes)
    later = scene.start()
    assert later.mode == mode
    await scene.checked(later)
    assert len(scene.probed) == 2


async def test_the_installed_cli_serves_by_process_while_the_bundled_one_is_checked(scene: Scene) -> None:
    assert scene.bundled is not None
    scene.missing[scene.cli] = [Capability.RESET]
    check = scene.start()
    mode = await scene.checked(check)
    assert (mode.isolation, mode.cli) == ("warm", scene.bundled)
    assert scene.probed == [scene.cli, scene.bundled]
    assert [(one.is_checked, one.isolation, one.cli) for one in scene.modes] == [
        (False, "process", None),
        (True, "warm", scene.bundled),
    ]
    later = scene.start(opened=False)
    assert later.mode == mode


async def test_the_bundled_one_serves_while_its_check_is_inconclusive(scene: Scene) -> None:
    assert scene.bundled is not None
    scene.missing[scene.cli] = [Capability.NO_TOOLS]
    scene.missing[scene.bundled] = CheckInconclusive("no")
    check = scene.start()
    await scene.begun(3)
    assert (check.mode.cli, check.mode.isolation) == (scene.bundled, "process")


async def test_there_is_no_fallback_if_the_bundled_one_itself_is_unfit(scene: Scene) -> None:
    assert scene.bundled is not None
    link = scene.folder / "link"
    link.symlink_to(scene.bundled)
    scene.missing[link] = [Capability.SETTINGS]
    mode = await scene.checked(scene.start(cli=link))
    assert mode.error is not None
    assert scene.probed == [link]


async def test_another_version_behind_the_same_file_is_checked_again(scene: Scene) -> None:
    await scene.checked(scene.start())
    scene.version = "2.0.0"
    scene.go.clear()
    check = scene.start()
    assert check.mode == WARM
    await scene.begun(2)
    assert check.mode == ServingMode()
    scene.go.set()
    assert await scene.checked(check) == WARM


async def test_a_change_while_the_server_runs_is_checked_again(scene: Scene) -> None:
    check = scene.start()
    await scene.checked(check)
    check.use(scene.cli)
    assert check.mode == WARM
    change(scene.cli)
    check.use(scene.cli)
    assert check.mode == ServingMode()
    assert await scene.checked(check) == WARM
    assert len(scene.probed) == 2


async def test_a_change_during_the_check_is_checked_again(scene: Scene) -> None:
    scene.go.clear()
    check = scene.start()
    await scene.begun()
    change(scene.cli)
    scene.go.set()
    assert await scene.checked(check) == WARM
    assert len(scene.probed) == 2
    assert scene.start(opened=False).mode == WARM


async def test_the_check_of_a_replaced_program_is_cancelled(scene: Scene) -> None:
    scene.go.clear()
    check = scene.start()
    await scene.begun()
    check.use(scene.program("other"))
    await scene.begun(2)
    assert scene.places == 1
    scene.go.set()
    assert await scene.checked(check) == WARM
    assert scene.probed == [scene.cli, scene.folder / "other"]


async def test_closing_cancels_the_check(scene: Scene) -> None:
    scene.go.clear()
    check = scene.start()
    await scene.begun()
    await check.close()
    assert scene.places == 0
    assert not (scene.folder / "data").exists()
