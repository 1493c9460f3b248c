"""The process that is started in advance: used, replaced, ended with what it has started."""

import asyncio
import sys

import psutil
import pytest

from server.standin.script import Pause, Reply, Text
from tests.server.agents.conversations.kit import ask, spare_of, way
from tests.server.agents.scene import Agency, agents_here, says

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(sys.platform == "win32", reason="paths of Windows are not those of this test"),
]


async def test_the_next_conversation_has_a_process_that_was_started_in_advance(agency: Agency) -> None:
    agency.configure(sessions="memory")
    agency.standin.script(says("One."), says("Two."), says("Three."))
    assert spare_of(agency) is None
    await ask(agency, "One")
    await agency.at_rest()
    first = spare_of(agency)
    assert first is not None
    await ask(
        agency,
        "Two",
        session=f"{agency.session} b",
        messages=[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Two"}],
    )
    assert first in [one.pid for one in agents_here(agency)]
    body = agency.upstream()[-1]
    assert body["system"][-1]["text"].endswith("Be brief.")
    assert "One" not in str(body["messages"])
    # Another level has other rules, so it gets another process.
    await agency.at_rest()
    second = spare_of(agency)
    agency.become(permission="edit")
    await ask(agency, "Three", session=f"{agency.session} c")
    # The unused spare ends, the others are held.
    await agency.at_rest()
    assert second not in [one.pid for one in agents_here(agency)]
    agency.engine.agents.release()
    await agency.at_rest()
    assert agents_here(agency) == []
    assert spare_of(agency) is None


async def test_a_spare_that_died_is_replaced(agency: Agency) -> None:
    agency.configure(sessions="memory")
    agency.standin.script(says("One."), says("Two."))
    await ask(agency, "One")
    await agency.at_rest()
    spare = spare_of(agency)
    assert spare is not None
    psutil.Process(spare).kill()
    assert way(await ask(agency, "Two", session=f"{agency.session} b")) == "agent"


@pytest.mark.parametrize("how", ["released", "killed"])
async def test_what_a_spare_has_started_for_its_sandbox_ends_with_it(agency: Agency, how: str) -> None:
    agency.configure(sessions="memory")
    agency.become(permission="full")
    agency.standin.script(says("One."))
    await ask(agency, "One")
    await agency.at_rest()
    pid = spare_of(agency)
    assert pid is not None
    spare = psutil.Process(pid)
    # Claude Code starts them a while after itself.
    while not (started := spare.children(recursive=True)):
        await asyncio.sleep(0.05)
    if how == "killed":
        spare.kill()
    agency.engine.agents.release()
    await agency.at_rest()
    assert [one for one in started if one.is_running() and one.status() != psutil.STATUS_ZOMBIE] == []


async def test_after_a_change_of_the_account_no_older_process_answers(agency: Agency) -> None:
    agency.standin.script(Reply((Text(("One.",)),), before_stop=(Pause(0.5),)), says("Two."))
    first = asyncio.create_task(ask(agency, "One"))
    while not agency.standin.requests:
        await asyncio.sleep(0.01)
    agency.engine._account_changed()
    await first
    await agency.at_rest()
    assert agents_here(agency) == []
    assert spare_of(agency) is None
    assert way(await ask(agency, "Two")) == "agent replayed"
