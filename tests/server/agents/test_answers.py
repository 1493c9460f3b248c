"""An agent's answer through HTTP, the real Claude Code and the stand-in: read-only and edit."""

import sys

import httpx
import openai
import pytest

from server.standin.script import Pause, Reply, Text, Usage, call, refuse, say
from tests.server.agents.scene import Agency, acts, says, words

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(sys.platform == "win32", reason="paths of Windows are not those of this test"),
]


async def test_it_reads_and_the_client_sees_text_and_progress_but_no_calls(agency: Agency) -> None:
    read = call("Read", {"file_path": str(agency.folder / "notes.txt")})
    agency.standin.script(
        Reply((Text(("I look.",)), read), stop_reason="tool_use", usage=Usage(input_tokens=10, output_tokens=5)),
        says("It says alpha."),
    )
    stream = await agency.openai.chat.completions.create(
        model="sonnet@demo",
        messages=[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is in it?"}],
        stream=True,
        stream_options={"include_usage": True},
    )
    text, thoughts, reasons, usage = "", "", [], None
    async for chunk in stream:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            text += choice.delta.content or ""
            thoughts += getattr(choice.delta, "reasoning_content", None) or ""
            assert not choice.delta.tool_calls
            reasons += [choice.finish_reason] if choice.finish_reason else []
    assert text == "I look.\n\nIt says alpha."
    assert thoughts.splitlines()[0] == "Read notes.txt"
    assert "alpha" in thoughts.splitlines()[1]
    assert reasons == ["stop"]
    # Two requests of the same usage.
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens) == (30, 10)
    first, second = agency.upstream()
    assert [tool["name"] for tool in first["tools"]] == ["Glob", "Grep", "Read"]
    assert first["system"][-1]["text"].endswith("Be brief.")
    assert len(first["system"][-1]["text"]) > 2000
    assert "alpha" in words(agency.results()[0])
    assert second["model"].startswith("claude-sonnet")


async def test_project_id_in_the_body_names_the_project_too(agency: Agency) -> None:
    agency.standin.script(says("Hello."))
    answer = await agency.openai.chat.completions.create(
        model="sonnet", messages=[{"role": "user", "content": "Hi"}], extra_body={"project_id": "p1"}
    )
    assert answer.choices[0].message.content == "Hello."
    assert str(agency.folder) in str(agency.upstream()[0]["messages"])


async def test_computer_use_without_a_session_of_the_user_is_named(agency: Agency) -> None:
    agency.become(computer_use=True)
    agency.standin.script(says("Nothing to do."))
    reply = await agency.openai.chat.completions.with_raw_response.create(
        model="sonnet@demo", messages=[{"role": "user", "content": "Hi"}]
    )
    assert reply.headers["x-drawbridge-ignored"] == "project.computer_use (not started in Drawbridge's menu)"


async def test_read_only_writes_nothing_and_claude_is_told(agency: Agency) -> None:
    await agency.does(call("Write", {"file_path": str(agency.folder / "new.txt"), "content": "x"}))
    assert not (agency.folder / "new.txt").exists()
    assert agency.results()[0]["is_error"]


async def test_edit_writes_in_the_folder(agency: Agency) -> None:
    agency.become(permission="edit")
    path = str(agency.folder / "notes.txt")
    await agency.does(
        call("Write", {"file_path": str(agency.folder / "new.txt"), "content": "fresh\n"}),
        call("Read", {"file_path": path}),
        call("Edit", {"file_path": path, "old_string": "beta", "new_string": "gamma"}),
    )
    assert (agency.folder / "new.txt").read_text() == "fresh\n"
    assert (agency.folder / "notes.txt").read_text() == "alpha\ngamma\n"
    assert not any(result.get("is_error") for result in agency.results())
    assert agency.person.questions == []


async def test_progress_in_the_text_or_not_at_all(agency: Agency) -> None:
    read = call("Read", {"file_path": str(agency.folder / "notes.txt")})
    agency.configure(agent_progress="content")
    text = await agency.does(read)
    assert text.splitlines()[0] == "Read notes.txt"
    assert text.endswith("\n\nDone.")
    agency.configure(agent_progress="off")
    assert await agency.does(read) == "Done."


async def test_an_answer_at_its_token_limit_is_one_request(agency: Agency) -> None:
    # On a busy computer the process would get the end before it is killed.
    agency.standin.script(say("Half of", stop_reason="max_tokens", before_stop=(Pause(0.5),)))
    answer = await agency.openai.chat.completions.create(
        model="sonnet@demo", messages=[{"role": "user", "content": "Hi"}], max_tokens=100
    )
    assert (answer.choices[0].finish_reason, answer.choices[0].message.content) == ("length", "Half of")
    assert [body["max_tokens"] for body in agency.upstream()] == [100]


async def test_a_failure_upstream_has_its_status(agency: Agency) -> None:
    agency.standin.script(lambda _: refuse(400, "messages: something is wrong"))
    with pytest.raises(openai.BadRequestError, match="something is wrong"):
        await agency.openai.chat.completions.create(model="sonnet@demo", messages=[{"role": "user", "content": "Hi"}])


async def test_after_a_refused_sign_in_no_request_is_sent(agency: Agency) -> None:
    agency.configure(without_breaker=False)
    agency.standin.script(lambda _: refuse(401, "invalid x-api-key"))
    for _ in range(2):
        with pytest.raises(openai.APIStatusError, match="refused the key"):
            await agency.openai.chat.completions.create(
                model="sonnet@demo", messages=[{"role": "user", "content": "Hi"}]
            )
    sent = len(agency.standin.requests)
    with pytest.raises(openai.APIStatusError, match="refused the key"):
        await agency.openai.chat.completions.create(model="sonnet", messages=[{"role": "user", "content": "Hi"}])
    assert len(agency.standin.requests) == sent == 1
    agency.engine.breaker.reset()


async def test_resent_turns_arrive_as_history(agency: Agency) -> None:
    agency.standin.script(says("Second."))
    await agency.openai.chat.completions.create(
        model="sonnet@demo",
        messages=[
            {"role": "user", "content": "One"},
            {"role": "assistant", "content": "First."},
            {"role": "user", "content": "Two"},
        ],
    )
    turns = [message["role"] for message in agency.upstream()[0]["messages"] if message["role"] != "system"]
    assert turns == ["user", "assistant", "user"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "Hi"}]}),
        ("/v1/responses", {"input": "Hi"}),
        ("/v1/messages", {"max_tokens": 100, "messages": [{"role": "user", "content": "Hi"}]}),
        ("/api/chat", {"messages": [{"role": "user", "content": "Hi"}], "stream": False}),
        ("/v1/completions", {"prompt": "Hi"}),
    ],
    ids=["chat", "responses", "messages", "ollama", "completions"],
)
async def test_every_dialect_has_agents(agency: Agency, path: str, body: dict[str, object]) -> None:
    async with httpx.AsyncClient(base_url=agency.url, trust_env=False, timeout=60) as client:
        agency.standin.script(
            acts(call("Read", {"file_path": str(agency.folder / "notes.txt")})), says("There is alpha.")
        )
        answer = await client.post(path, json={"model": "haiku@demo", **body})
        assert answer.status_code == 200, answer.text
        assert "There is alpha." in answer.text
        assert "alpha" in words(agency.results()[0])
        agency.configure(agent_mode=False)
        refused = await client.post(path, json={"model": "haiku@demo", **body})
        assert refused.status_code == 403
        assert "Agent mode is off" in refused.text
        assert len(agency.standin.requests) == 2
