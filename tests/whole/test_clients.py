"""Official and popular clients, unmodified, against the real server."""

import json
from pathlib import Path
from typing import Any

import openai
import pytest

from server.standin.script import Script, refuse, say
from server.standin.server import Recorded, Standin
from tests.whole.bridge import Bridge, conversation_of
from tests.whole.programs import CLIENTS, llm_folder, printed

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]


def answer(recorded: Recorded) -> Script:
    if "fail" in conversation_of(recorded.body)[-1][1]:
        return refuse(400, "the client asked for it")
    return say("Hel", "lo", "!")


async def test_openai_python(bridge: Bridge, standin: Standin) -> None:
    standin.script(answer)
    async with openai.AsyncOpenAI(base_url=bridge.url, api_key="anything", max_retries=0) as client:
        asked: dict[str, Any] = {"model": "sonnet", "messages": [{"role": "user", "content": "hi"}]}
        async with client.chat.completions.stream(**asked, stream_options={"include_usage": True}) as stream:
            deltas = [event.delta async for event in stream if event.type == "content.delta" and event.delta]
            final = await stream.get_final_completion()
        assert deltas == ["Hel", "lo", "!"]
        assert final.choices[0].message.content == "Hello!"
        assert final.usage
        assert final.usage.total_tokens == 20
        whole = await client.chat.completions.create(**asked)
        assert whole.choices[0].message.content == "Hello!"
        with pytest.raises(openai.BadRequestError, match="the client asked for it"):
            await client.chat.completions.create(model="sonnet", messages=[{"role": "user", "content": "fail"}])
        models = [model.id async for model in client.models.list()]
        assert "sonnet" in models


async def test_openai_node(bridge: Bridge, standin: Standin, node_clients: Path) -> None:
    standin.script(answer)
    found = json.loads(await printed(bridge, "node", node_clients / "chat.mjs", bridge.url))
    assert (found["deltas"], found["streamed"], found["total"]) == (3, "Hello!", 20)
    assert (found["whole"], found["reason"]) == ("Hello!", "stop")
    assert found["refused"]["status"] == 400
    assert "the client asked for it" in found["refused"]["message"]
    assert "sonnet" in found["models"]


async def test_langchain(bridge: Bridge, standin: Standin, python_clients: Path) -> None:
    standin.script(answer)
    found = json.loads(await printed(bridge, python_clients / "python", CLIENTS / "langchain_chat.py", bridge.url))
    assert found["streamed"] == ["Hel", "lo", "!"]
    assert (found["whole"], found["usage"]["total_tokens"]) == ("Hello!", 20)
    assert "the client asked for it" in found["refused"]
    assert conversation_of(standin.requests[0].body) == [("user", "hi"), ("assistant", "Hello."), ("user", "again")]


@pytest.mark.parametrize("options", [[], ["--no-stream"]], ids=["streamed", "whole"])
async def test_llm(bridge: Bridge, standin: Standin, python_clients: Path, options: list[str]) -> None:
    standin.script(answer)
    command = [str(python_clients / "llm"), "-m", "bridge", *options, "hi"]
    told = await printed(bridge, *command, LLM_USER_PATH=llm_folder(bridge, bridge.url))
    assert told == "Hello!"
