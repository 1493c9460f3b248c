"""Every row of the benchmark runs once, at its smallest size. Times are not asserted."""

import os
import subprocess
import sys

import pytest

from tests.bench.__main__ import KEYS
from tests.bench.measuring import Fact, Found, Line, Spread, Timing, line
from tests.bench.rows.requests import ROWS
from tests.bench.scene import TINY
from tests.bench.stages.stages import STAGES, stage_facts
from tests.bench.table import table
from tests.whole.bridge import ROOT


@pytest.mark.soak
@pytest.mark.timeout(420)
def test_every_row_can_be_measured() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", "--tiny", "--markdown"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=400,
        env={**os.environ, "ANTHROPIC_BASE_URL": "http://127.0.0.1:1"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    for row in ROWS:
        assert f"| {row.name.format(replayed=4)} |" in done.stdout
    lines = ("in a burst", "callers for", "behind 4 messages", "next turn in messages")
    for name in (*lines, "own process, RSS", "a streamed token", "idle", "a row in the list of requests"):
        assert name in done.stdout
    assert "first request on a spare that was warmed up" in done.stdout
    assert "start of `serve` until it listens" in done.stdout
    if sys.platform == "linux":
        assert "start of the app until its icon is in the tray" in done.stdout


def test_a_single_row_brings_the_bare_client_along() -> None:
    """A time means nothing on another machine without what it is compared with."""
    assert "bare" in KEYS
    found = line(
        "ours", [Timing(30, 40, "spare"), Timing(10, 20, "cold"), Timing(20, 30, "cold")], bare=[Timing(10, 10)]
    )
    assert found.ratio == 2.0
    assert found.first == Spread(20, 10, 30)
    assert found.note == "cold 2, spare 1"


async def test_every_stage_of_a_request_can_be_measured() -> None:
    facts = await stage_facts(TINY.stage_calls)
    assert [fact.name for fact in facts] == [f"stage: {stage.name}" for stage in STAGES]
    assert all(fact.value.endswith(" us of CPU") for fact in facts)


def test_the_table_shows_times_and_figures_each_with_its_target() -> None:
    spread = Spread(10.04, 9, 11)
    lines: list[Found] = [Line("a", spread, spread, spread, 1.3, "continued"), Fact("memory", "66 MB", "<= 90 MB")]
    text = table(lines, markdown=True).splitlines()
    assert "| a | 10.0 (9.0-11.0) | 1.00 | <= 1.3 | 10.0 (9.0-11.0) | continued |" in text
    assert "| memory | 66 MB | <= 90 MB |  |" in text
