"""Paid extra usage in the events of the real CLI, and in possible ones."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import pytest

from server.claude.cli.extra_usage import ExtraUsageReport, extra_usage_from_event
from server.claude.cli.locate import bundled_cli
from server.claude.protocol.frames import Frame
from server.claude.worker.launch import launch_for
from server.claude.worker.process import CliProcess
from server.machine.files.temp_folders import Scratch
from server.machine.processes.guards import guard_for
from server.standin.script import refuse, say
from server.standin.server import Standin
from tests.server.claude.cli.test_usage import sign_in
from tests.whole.limits import limits, with_extra_usage

SOON, LATER = 2_000_000_000, 2_000_300_000
WINDOWS = {
    "five_hour": {"utilization": 1, "resetsAt": SOON, "status": "rejected"},
    "seven_day": {"utilization": 0.25, "resetsAt": LATER, "status": "allowed"},
}
IN_USE = {
    "status": "rejected",
    "resetsAt": SOON,
    "rateLimitType": "five_hour",
    "overageStatus": "allowed",
    "overageResetsAt": LATER,
    "isUsingOverage": True,
    "unifiedWindows": WINDOWS,
}


@pytest.mark.parametrize(
    ("info", "report"),
    [
        (IN_USE, ExtraUsageReport("in use", SOON)),
        ({**IN_USE, "overageStatus": "allowed_warning"}, ExtraUsageReport("in use", SOON, is_near_limit=True)),
        ({**IN_USE, "rateLimitType": "overage", "resetsAt": LATER}, ExtraUsageReport("in use", SOON)),
        (
            {**IN_USE, "rateLimitType": "seven_day_opus", "unifiedWindows": {}},
            ExtraUsageReport("in use", SOON, False, "opus"),
        ),
        ({**IN_USE, "rateLimitType": "overage", "unifiedWindows": {}}, ExtraUsageReport("in use")),
        ({"isUsingOverage": True}, ExtraUsageReport("in use")),
        ({"isUsingOverage": True, "resetsAt": "soon"}, ExtraUsageReport("in use")),
        (
            {**IN_USE, "unifiedWindows": {**WINDOWS, "seven_day": {"status": "rejected", "resetsAt": LATER}}},
            ExtraUsageReport("in use", LATER),
        ),
        (
            {**IN_USE, "unifiedWindows": {**WINDOWS, "seven_day": {"status": "rejected"}}},
            ExtraUsageReport("in use"),
        ),
        ({"overageStatus": "allowed", "isUsingOverage": False}, ExtraUsageReport("not in use", model="opus")),
        ({"isUsingOverage": False}, ExtraUsageReport("off", model="opus")),
        (
            {"overageStatus": "rejected", "overageDisabledReason": "out_of_credits"},
            ExtraUsageReport("at its limit", model="opus"),
        ),
        (
            {"overageStatus": "rejected", "memberSpendLimit": {}},
            ExtraUsageReport("at its limit", model="opus"),
        ),
        ({"overageStatus": "rejected", "dailyCapPaused": True}, ExtraUsageReport("at its limit", model="opus")),
        (
            {"overageStatus": "rejected", "overageDisabledReason": "org_level_disabled"},
            ExtraUsageReport("off", model="opus"),
        ),
    ],
)
def test_an_event_says_whether_extra_usage_answers(info: dict[str, object], report: ExtraUsageReport) -> None:
    assert extra_usage_from_event(info, "opus") == report


def test_an_event_without_a_word_of_it_says_nothing() -> None:
    assert extra_usage_from_event({"status": "allowed", "isUsingOverage": None}, None) is None


async def test_the_real_cli_reports_extra_usage(
    standin: Standin, environment: dict[str, str], scratch: Scratch
) -> None:
    """The contract with this version: a refused window with an allowed overage is an answer that costs."""
    soon, later = int(time.time()) + 4 * 3_600, int(time.time()) + 3 * 86_400
    plan = with_extra_usage(limits("0.42", "0.25", status="allowed", soon=soon, later=later), "allowed")
    used_up = limits("1.0", "0.25", status="rejected", soon=soon, later=later)
    paid = with_extra_usage(used_up, "allowed", resets_at=later)
    spent = with_extra_usage(used_up, "rejected", reason="out_of_credits")
    standin.script(
        *(replace(say("Hello"), headers=tuple(headers.items())) for headers in (plan, paid)),
        refuse(429, "You have hit your limit", headers=spent),
    )
    del environment["ANTHROPIC_API_KEY"]
    sign_in(Path(environment["HOME"]))
    cli = bundled_cli()
    assert cli is not None
    process = CliProcess(lambda: launch_for(cli, environment), scratch, guard_for())
    await process.spawn()
    try:
        await process.control("initialize", timeout_s=20)
        reports = [await _report_of_an_answer(process) for _ in range(3)]
    finally:
        await process.kill()
    assert reports == [
        ExtraUsageReport("not in use"),
        ExtraUsageReport("in use", soon),
        ExtraUsageReport("at its limit"),
    ]


async def _report_of_an_answer(process: CliProcess) -> ExtraUsageReport | None:
    question = {"role": "user", "content": "hi"}
    reports: list[ExtraUsageReport | None] = []
    has_ended = asyncio.Event()

    def read(frame: Frame | None) -> bool:
        if frame is None or frame.get("type") == "result":
            has_ended.set()
        elif isinstance(info := frame.get("rate_limit_info"), dict):
            reports.append(extra_usage_from_event(info, None))
        return False

    process.on_frame = read
    await process.write({"type": "user", "message": question, "session_id": "default", "parent_tool_use_id": None})
    await asyncio.wait_for(has_ended.wait(), 30)
    return reports[-1]
