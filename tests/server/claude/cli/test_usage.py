"""Plan usage in the real CLI's events, and in possible ones."""

import asyncio
import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from server.claude.cli.locate import bundled_cli
from server.claude.cli.usage import UsageBoard, windows_from_event
from server.claude.protocol.frames import Frame
from server.claude.worker.launch import launch_for
from server.claude.worker.process import CliProcess
from server.machine.files.temp_folders import Scratch
from server.machine.processes.guards import guard_for
from server.standin.script import refuse, say
from server.standin.server import Standin
from server.status import UsageWindow

SOON, LATER = 2_000_000_000, 2_000_300_000


def test_every_window_of_an_event_is_read() -> None:
    info = {
        "status": "allowed_warning",
        "rateLimitType": "seven_day",
        "utilization": 0.83,
        "resetsAt": LATER,
        "unifiedWindows": {
            "five_hour": {"utilization": 0.42, "resetsAt": SOON, "status": "allowed"},
            "seven_day": {"utilization": 0.83, "resetsAt": LATER, "status": "allowed_warning"},
        },
    }
    assert windows_from_event(info) == (UsageWindow("5 hours", 0.42, SOON), UsageWindow("Week", 0.83, LATER))


@pytest.mark.parametrize(
    ("info", "window"),
    [
        ({"rateLimitType": "five_hour", "status": "rejected", "resetsAt": SOON}, ("5 hours", 1.0, SOON, True)),
        ({"rateLimitType": "five_hour", "status": "allowed", "utilization": 1.02}, ("5 hours", 1.0, None, True)),
        ({"rateLimitType": "seven_day_opus", "status": "allowed", "utilization": 0}, ("Week, Opus", 0.0, None, False)),
    ],
)
def test_one_window_without_the_others_is_read_too(info: dict[str, object], window: tuple[object, ...]) -> None:
    (found,) = windows_from_event(info)
    assert (found.name, found.used, found.resets_at, found.is_reached) == window


@pytest.mark.parametrize(
    "info",
    [
        {},
        {"rateLimitType": "five_hour", "status": "allowed"},
        {"rateLimitType": "overage", "utilization": 0.5},
        {"rateLimitType": 5, "unifiedWindows": []},
        {"unifiedWindows": {"five_hour": None, "seven_day": {"utilization": "much"}, "new": {"utilization": 0.1}}},
        {"rateLimitType": "five_hour", "utilization": True},
        {"rateLimitType": "five_hour", "utilization": float("nan")},
    ],
)
def test_unknown_values_are_ignored(info: dict[str, object]) -> None:
    assert windows_from_event(info) == ()


def test_a_board_keeps_other_windows_and_reports_only_changes() -> None:
    news: list[None] = []
    board = UsageBoard(on_change=lambda: news.append(None))
    week = UsageWindow("Week", 0.5, LATER)
    board.update((week,))
    board.update((week,))
    assert len(news) == 1
    board.update((UsageWindow("5 hours", 0.1, SOON),))
    assert [window.name for window in board.windows] == ["5 hours", "Week"]
    board.clear()
    board.clear()
    assert (board.windows, len(news)) == ((), 3)


# Of today: the CLI leaves a window out of an event when its time is far from its length.
_SOON, _LATER = int(time.time()) + 4 * 3_600, int(time.time()) + 3 * 86_400


def limits(five_hours: str, week: str, *, status: str) -> dict[str, str]:
    """The headers of the API for an account with a plan; the first window is the one that counts."""
    name = "anthropic-ratelimit-unified"
    return {
        f"{name}-status": status,
        f"{name}-reset": str(_SOON),
        f"{name}-representative-claim": "five_hour",
        f"{name}-5h-status": status,
        f"{name}-5h-reset": str(_SOON),
        f"{name}-5h-utilization": five_hours,
        f"{name}-7d-status": "allowed",
        f"{name}-7d-reset": str(_LATER),
        f"{name}-7d-utilization": week,
    }


def sign_in(home: Path) -> None:
    """A plan's sign-in with dummy tokens, as the CLI stores it."""
    token: dict[str, object] = {"accessToken": "dummy", "refreshToken": "dummy", "subscriptionType": "max"}
    token |= {"expiresAt": int(time.time() * 1000) + 86_400_000, "scopes": ["user:inference", "user:profile"]}
    (home / ".claude").mkdir()
    (home / ".claude" / ".credentials.json").write_text(json.dumps({"claudeAiOauth": token}))


async def windows_of_an_answer(process: CliProcess) -> list[UsageWindow]:
    """Asks a question and returns the windows reported up to the result."""
    question = {"role": "user", "content": "hi"}
    windows: list[UsageWindow] = []
    has_ended = asyncio.Event()

    def read(frame: Frame | None) -> bool:
        info = frame.get("rate_limit_info") if frame is not None else None
        if frame is None or frame.get("type") == "result":
            has_ended.set()
        elif isinstance(info, dict):
            assert frame["type"] == "rate_limit_event"
            windows.extend(windows_from_event(info))
        return False

    process.on_frame = read
    await process.write({"type": "user", "message": question, "session_id": "default", "parent_tool_use_id": None})
    await asyncio.wait_for(has_ended.wait(), 30)
    return windows


async def test_the_real_cli_reports_a_plans_windows_and_a_reached_limit(
    standin: Standin, environment: dict[str, str], scratch: Scratch
) -> None:
    """The contract with this version: names, units, and nothing before the first answer."""
    most = limits("0.42", "0.25", status="allowed")
    standin.script(
        replace(say("Hello"), headers=tuple(most.items())),
        refuse(429, "You have hit your limit", headers=limits("1.0", "0.25", status="rejected")),
    )
    del environment["ANTHROPIC_API_KEY"]
    sign_in(Path(environment["HOME"]))
    cli = bundled_cli()
    assert cli is not None
    process = CliProcess(lambda: launch_for(cli, environment), scratch, guard_for())
    await process.spawn()
    try:
        # So there is no use in asking it at the start.
        assert (await process.control("get_usage", timeout_s=20))["rate_limits"] is None
        await process.control("initialize", timeout_s=20)
        windows = [UsageWindow("5 hours", 0.42, _SOON), UsageWindow("Week", 0.25, _LATER)]
        assert await windows_of_an_answer(process) == windows
        assert await windows_of_an_answer(process) == [UsageWindow("5 hours", 1.0, _SOON, is_reached=True), windows[1]]
    finally:
        await process.kill()
