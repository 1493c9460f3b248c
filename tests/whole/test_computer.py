"""Claude uses a real desktop: an invisible X server, the real Claude Code, and the tray's side of computer use."""

import asyncio
import base64
import io
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image

from server.agents.asking.approvals import Change
from server.desktop_tools.session import ComputerSession
from server.standin.script import Block, call
from tests.server.agents.scene import Agency, open_agency, words
from tests.server.machine.vault import needs, virtual_display

if sys.platform != "linux":
    pytest.skip("X11 is Linux's; not macOS or Windows", allow_module_level=True)

from Xlib import X

from tests.tray.desktop_control.xprograms import NotingWindow
from tray.desktop_control import LocalDesktop
from tray.desktop_control.opening import open_devices

pytestmark = pytest.mark.asyncio(loop_scope="module")
RED = 0xC00000
# It writes each line that is typed into it to a file.
READER = """
import sys
with open(sys.argv[1], "w", encoding="utf-8") as file:
    for line in sys.stdin:
        file.write(line)
        file.flush()
"""


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    """A screen of twice the size of its pictures."""
    with virtual_display("2560x1600") as name:
        yield name


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Agency]:
    """The server."""
    with pytest.MonkeyPatch.context() as patch:
        async with open_agency(tmp_path_factory.mktemp("agency"), patch) as opened:
            yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def agency(running: Agency) -> Agency:
    """The server, with computer use on."""
    await running.renew()
    running.configure(computer_use=True)
    return running


class Questions:
    """Decides each question about a window."""

    def __init__(self, agency: Agency, decision: Any = "conversation") -> None:
        self.asked: list[str] = []
        self.decision = decision
        self._approvals = agency.engine.approvals
        self._approvals.watch(self._decide)

    def _decide(self, change: Change) -> None:
        if change.outcome is None and self.decision is not None:
            self.asked.append(change.question.description)
            asyncio.get_running_loop().call_soon(self._approvals.decide, change.question.id, self.decision)


def begin(agency: Agency, display: str) -> ComputerSession:
    """What the tray does when the person starts computer use."""
    environ = {"DISPLAY": display, "DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nowhere"}
    return agency.engine.computer.start(LocalDesktop(lambda: open_devices("linux", environ)))


@contextmanager
def launcher(display: str, file: Path) -> Iterator[None]:
    """A red button in the upper right; a click on it opens a terminal program on the left, which writes `file`."""
    needs("xterm")
    opened: list[subprocess.Popen[bytes]] = []
    terminal = ["xterm", "-u8", "-class", "Editor", "-geometry", "80x24+0+0"]
    with NotingWindow(display, 2000, 200, 400, 200, title="launcher", app="Launcher") as button:
        button.fill(RED, 0, 0, 400, 200)

        def wait() -> None:
            button.until(X.ButtonRelease)
            command = [*terminal, "-e", sys.executable, "-c", READER, str(file)]
            environment = {**os.environ, "DISPLAY": display, "LC_ALL": "C.UTF-8"}
            opened.append(subprocess.Popen(command, env=environment))

        thread = threading.Thread(target=wait, daemon=True)
        thread.start()
        try:
            yield
            thread.join(20)
        finally:
            for program in opened:
                program.terminate()
                program.wait(20)


def pictures(agency: Agency) -> list[Image.Image]:
    """The pictures that reached Claude, in order."""
    blocks = [block for result in agency.results() for block in result["content"] if isinstance(block, dict)]
    data = [block["source"]["data"] for block in blocks if block["type"] == "image"]
    return [Image.open(io.BytesIO(base64.b64decode(one))) for one in data]


async def test_claude_opens_a_program_types_clicks_and_reads_the_screen(
    agency: Agency, display: str, tmp_path: Path
) -> None:
    questions, file = Questions(agency), tmp_path / "typed.txt"
    steps: list[Block] = [
        call("screenshot", {}),
        call("left_click", {"coordinate": [1100, 150]}),
        *[call("wait", {"seconds": 0.5})] * 4,
        call("left_click", {"coordinate": [100, 50]}),
        call("type", {"text": "Grüße 漢字"}),
        call("key", {"text": "Return"}),
        call("wait", {"seconds": 0.3}),
        call("screenshot", {}),
    ]
    session = begin(agency, display)
    with launcher(display, file):
        text = await agency.does(*steps, say="Written.", model="sonnet@computer")
    assert text == "Written."
    assert file.read_text() == "Grüße 漢字\n"
    assert not any(result.get("is_error") for result in agency.results()), [words(one) for one in agency.results()]
    before, after = pictures(agency)
    assert (before.size, before.format) == ((1280, 800), "PNG")
    assert before.getpixel((1100, 150)) == (0xC0, 0, 0)
    assert before.getpixel((100, 50)) == (0, 0, 0)
    # The terminal is there now, with what was typed.
    terminal = after.crop((0, 0, 300, 100)).getcolors()
    assert terminal is not None
    assert {colour for _, colour in terminal} >= {(255, 255, 255), (0, 0, 0)}
    # Only the desktop's tools, and each window was asked about once.
    names = {one["name"] for one in agency.upstream()[0]["tools"]}
    assert {"screenshot", "left_click", "type", "key", "zoom", "scroll"} <= names
    assert not names & {"Bash", "Read", "Write"}
    assert len(questions.asked) == 2
    assert [entry.words for entry in session.actions][1] == "click 2201,301 in Launcher"
    assert "Grüße" not in str(session.actions)
    agency.engine.computer.stop("menu")


async def test_a_terminal_is_not_touched_and_claude_reads_why(agency: Agency, display: str, tmp_path: Path) -> None:
    Questions(agency)
    needs("xterm")
    file = tmp_path / "typed.txt"
    command = ["xterm", "-geometry", "80x24+0+0", "-e", sys.executable, "-c", READER, str(file)]
    begin(agency, display)
    with subprocess.Popen(command, env={**os.environ, "DISPLAY": display}) as program:
        while not file.exists():
            await asyncio.sleep(0.01)
        await agency.does(
            call("left_click", {"coordinate": [100, 50]}), call("type", {"text": "rm"}), model="sonnet@computer"
        )
        program.terminate()
    assert [one["is_error"] for one in agency.results()] == [True, True]
    assert "is a terminal" in words(agency.results()[0])
    assert file.read_text() == ""
    agency.engine.computer.stop("menu")


async def test_a_stop_refuses_what_waits(agency: Agency, display: str) -> None:
    """Claude gets the refusal of the action that ran and of the ones after it."""
    session = begin(agency, display)
    doing = asyncio.create_task(
        agency.does(call("wait", {"seconds": 30}), call("screenshot", {}), model="sonnet@computer")
    )
    async with asyncio.timeout(60):
        while not session._turn.locked():
            await asyncio.sleep(0.01)
    agency.engine.computer.stop("hot key")
    assert await doing == "Done."
    assert [one["is_error"] for one in agency.results()] == [True, True]
    assert "by the hot key" in words(agency.results()[0])


async def test_only_with_the_persons_session(agency: Agency, display: str) -> None:
    body: dict[str, Any] = {"model": "sonnet@computer", "messages": [{"role": "user", "content": "Go."}]}
    async with agency.plain_client() as client:
        refused = await client.post("/v1/chat/completions", json=body)
        assert (refused.status_code, "Start it in Drawbridge's menu" in refused.text) == (403, True)
        agency.configure(computer_use=False)
        assert "Computer use is off" in (await client.post("/v1/chat/completions", json=body)).text
    assert agency.standin.requests == []


async def test_a_project_has_the_tools_beside_its_own(agency: Agency, display: str) -> None:
    agency.become(computer_use=True)
    begin(agency, display)
    await agency.does(call("Read", {"file_path": str(agency.folder / "notes.txt")}), call("screenshot", {}))
    read, _ = agency.results()
    assert "alpha" in words(read)
    assert len(pictures(agency)) == 1
    agency.become(computer_use=False)
    await agency.does(call("screenshot", {}))
    assert agency.results()[0]["is_error"]
    agency.engine.computer.stop("menu")


async def test_no_picture_is_kept_on_the_disk(agency: Agency, display: str) -> None:
    agency.configure(computer_use=True, sessions="disk")
    agency.become(computer_use=True)
    await agency.does(say="First.", session_id=agency.session)
    begin(agency, display)
    await agency.does(call("screenshot", {}), session_id=agency.session)
    assert len(pictures(agency)) == 1
    # The process has it, as long as it is held.
    await agency.does(say="Still there.", session_id=agency.session)
    assert len(pictures(agency)) == 1
    agency.engine.computer.stop("menu")
    stored = [path for path in agency.kept.parent.rglob("*") if path.is_file() and b"iVBORw0KGgo" in path.read_bytes()]
    assert stored == []
    await agency.does(say="Without it.", session_id=agency.session)
    turns = [one["content"] for one in agency.upstream()[-1]["messages"] if one["role"] == "assistant"]
    assert [block["text"] for blocks in turns for block in blocks] == ["First.", "Done.", "Still there."]
    assert pictures(agency) == []
