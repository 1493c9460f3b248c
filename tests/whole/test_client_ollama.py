"""Ollama's official Python client, and what VS Code and curl send, with the real Claude Code."""

import base64
import io
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import ollama
import pytest
import pytest_asyncio
from PIL import Image
from pydantic import BaseModel

from server.conversation.embedding import LOCAL_MODEL
from server.standin.script import refuse, say
from server.standin.server import Standin
from tests.ports import free_port
from tests.whole.bridge import Bridge, conversation_of, open_bridge
from tests.whole.calling import FORM, QUESTION, VERDICT, WHOLE_STORY, Forecaster, blocks_of, form_of, offered, spoken

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]

DEGREES = {"Paris": "21", "Oslo": "9"}


class Report(BaseModel):
    """The weather in a city."""

    city: str
    degrees: int


def get_weather(city: str) -> str:
    """In degrees.

    Args:
        city: Its name

    """
    return DEGREES[city]


def difference(a: int, b: int) -> str:
    """A less b.

    Args:
        a: One
        b: The other

    """
    return str(a - b)


TOOLS: dict[str, Callable[..., str]] = {"get_weather": get_weather, "difference": difference}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def client(running: Bridge) -> AsyncIterator[ollama.AsyncClient]:
    async with ollama.AsyncClient(host=running.url.removesuffix("/v1"), trust_env=False) as made:
        yield made


async def test_the_models_are_found_as_clients_look_for_them(client: ollama.AsyncClient, bridge: Bridge) -> None:
    listed = await client.list()
    assert "sonnet" in [model.model for model in listed.models]
    shown = await client.show("sonnet:latest")
    assert {"tools", "vision", "thinking"} <= set(shown.capabilities or ())
    info = shown.modelinfo or {}
    assert info[f"{info['general.architecture']}.context_length"] >= 200_000
    assert [step.status async for step in await client.pull("sonnet", stream=True)][-1] == "success"
    assert (await client.ps()).models
    for refused in (client.pull("llama3"), client.delete("sonnet"), client.copy("sonnet", "mine")):
        with pytest.raises(ollama.ResponseError) as caught:
            await refused
        assert not caught.value.error.startswith("{")


async def test_a_chat_is_streamed_and_whole(client: ollama.AsyncClient, bridge: Bridge, standin: Standin) -> None:
    standin.script(lambda _: say("Hel", "lo", "!"))
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}]
    options = {"num_predict": 50, "stop": ["END"], "num_ctx": 8192, "temperature": 0.3}
    asked: dict[str, Any] = {"model": "sonnet", "messages": messages, "options": options, "keep_alive": "5m"}
    chunks = [chunk async for chunk in await client.chat(**asked, stream=True)]
    assert "".join(chunk.message.content or "" for chunk in chunks) == "Hello!"
    assert [chunk.done for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    whole = await client.chat(**asked)
    assert (whole.message.content, whole.done_reason) == ("Hello!", "stop")
    assert whole.total_duration
    assert whole.prompt_eval_count
    for request in standin.requests:
        assert conversation_of(request.body) == [("user", "hi")]
        assert (request.body["max_tokens"], request.body["stop_sequences"]) == (50, ["END"])
        assert "Be brief." in json.dumps(request.body["system"])


async def test_a_prompt_continues_by_the_context_of_the_last_answer(
    client: ollama.AsyncClient, bridge: Bridge, standin: Standin
) -> None:
    standin.script(lambda _: say("A ", "captain."))
    first = await client.generate(model="sonnet", prompt="Who is Kirk?", system="Be brief.")
    streamed = await client.generate(model="sonnet", prompt="And Spock?", context=first.context, stream=True)
    last = [part async for part in streamed][-1]
    await client.generate(model="sonnet", prompt="Who else?", context=last.context)
    assert [text for _, text in conversation_of(standin.requests[-1].body)] == [
        *("Who is Kirk?", "A captain.", "And Spock?", "A captain.", "Who else?")
    ]
    assert bridge.log.count("answered: way continued") >= 2
    assert "Be brief." in json.dumps(standin.requests[-1].body["system"])


@pytest.mark.parametrize("is_streamed", [True, False], ids=["streamed", "whole"])
async def test_a_tool_loop_ends_in_words_made_of_the_results(
    client: ollama.AsyncClient, bridge: Bridge, standin: Standin, is_streamed: bool
) -> None:
    # It knows only the ids that it gave, which the client does not send back.
    claude = Forecaster()
    standin.script(claude)
    messages: list[Any] = [{"role": "user", "content": QUESTION}]
    while True:
        content, calls = await answered(client, messages, is_streamed=is_streamed)
        if not calls:
            break
        messages.append({"role": "assistant", "content": content, "tool_calls": calls})
        for number, call in enumerate(calls):
            # As Home Assistant does, the second result names no tool.
            named = {"tool_name": call.function.name} if number == 0 else {}
            result = TOOLS[call.function.name](**call.function.arguments)
            messages.append({"role": "tool", "content": result, **named})
    assert content == VERDICT
    assert len(standin.requests) == 3
    assert {tool["description"] for tool in offered(standin.requests[0].body).values()} == {"In degrees.", "A less b."}
    assert claude.steps(standin.requests[-1].body) == WHOLE_STORY


async def answered(client: ollama.AsyncClient, messages: list[Any], *, is_streamed: bool) -> tuple[str, list[Any]]:
    asked: dict[str, Any] = {"model": "sonnet", "messages": messages, "tools": [*TOOLS.values()]}
    if not is_streamed:
        message = (await client.chat(**asked)).message
        return message.content or "", [*(message.tool_calls or ())]
    chunks = [chunk.message async for chunk in await client.chat(**asked, stream=True)]
    return (
        "".join(chunk.content or "" for chunk in chunks),
        [call for chunk in chunks for call in chunk.tool_calls or ()],
    )


async def test_an_answer_has_the_callers_schema(client: ollama.AsyncClient, bridge: Bridge, standin: Standin) -> None:
    standin.script(Forecaster())
    messages = [{"role": "user", "content": "Oslo, as JSON"}]
    schema = Report.model_json_schema()
    chat = await client.chat("sonnet", messages=messages, format=schema)
    any_json = await client.chat("sonnet", messages=messages, format="json")
    generated = await client.generate("sonnet", prompt="Oslo, as JSON", format=schema)
    for answer in (chat.message.content, any_json.message.content, generated.response):
        assert Report.model_validate_json(answer or "") == Report(**FORM)
    assert form_of(standin.requests[0].body)["properties"].keys() == {"city", "degrees"}


async def test_a_picture_a_system_prompt_and_a_gap(
    client: ollama.AsyncClient, bridge: Bridge, standin: Standin
) -> None:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(file, "PNG")
    data = base64.b64encode(file.getvalue()).decode()
    await client.chat("sonnet", messages=[{"role": "user", "content": "What is this?", "images": [data]}])
    await client.generate("sonnet", prompt="What is this?", images=[data], system="Be brief.")
    for request in standin.requests:
        text, picture = blocks_of(spoken(request.body)[-1]["content"])
        assert text["text"] == "What is this?"
        assert picture["source"] == {"type": "base64", "media_type": "image/png", "data": data}
    assert "Be brief." in json.dumps(standin.requests[1].body["system"])
    standin.script(say("return a + b"))
    filled = await client.generate("sonnet", prompt="def add(a, b):\n    ", suffix="\n")
    assert filled.response == "return a + b"
    assert conversation_of(standin.requests[-1].body) == [("user", "def add(a, b):\n    <gap/>\n")]


async def test_loading_a_model_costs_nothing(client: ollama.AsyncClient, bridge: Bridge, standin: Standin) -> None:
    assert (await client.chat("sonnet", messages=[])).done_reason == "load"
    assert (await client.generate("sonnet", keep_alive=0)).done_reason == "unload"
    assert standin.requests == []


async def test_an_error_is_shown_as_text(client: ollama.AsyncClient, bridge: Bridge, standin: Standin) -> None:
    standin.script(lambda _: refuse(400, "the client asked for it"))
    with pytest.raises(ollama.ResponseError, match="the client asked for it") as caught:
        await client.chat("sonnet", messages=[{"role": "user", "content": "fail"}])
    assert caught.value.status_code == 400
    wrong = {"model": "m", "messages": [{"role": "user"}]}
    reply = await bridge.client.post(f"{bridge.url.removesuffix('/v1')}/api/chat", json=wrong)
    assert "messages[0]" in reply.json()["error"]


async def test_vs_codes_sequence(bridge: Bridge, standin: Standin) -> None:
    base = bridge.url.removesuffix("/v1")
    version = (await bridge.client.get(f"{base}/api/version")).json()["version"]
    assert tuple(map(int, version.split("."))) >= (0, 6, 4)
    names = [model["model"] for model in (await bridge.client.get(f"{base}/api/tags")).json()["models"]]
    for name in names:
        shown = (await bridge.client.post(f"{base}/api/show", json={"model": name})).json()
        # VS Code lists a model without tools too, but offers it no agent.
        assert ("tools" in shown["capabilities"]) == (name != LOCAL_MODEL)
    body = {"model": names[0], "messages": [{"role": "user", "content": "hi"}], "stream": True, "max_tokens": 4096}
    reply = await bridge.client.post(f"{base}/v1/chat/completions", json=body, headers={"authorization": "Bearer x"})
    assert reply.text.rstrip().endswith("[DONE]")
    assert len(standin.requests) == 1


async def test_the_second_port_answers_as_ollama(standin: Standin, folder: Path) -> None:
    port = free_port()
    async with open_bridge(standin, folder, "--ollama-port", str(port)) as bridge:
        assert (await bridge.client.get(f"http://127.0.0.1:{port}/")).text == "Ollama is running"
        async with ollama.AsyncClient(host=f"http://127.0.0.1:{port}", trust_env=False) as client:
            answer = await client.chat("sonnet", messages=[{"role": "user", "content": "hi"}])
        assert answer.message.content
        refused = await bridge.client.get(
            f"http://127.0.0.1:{port}/api/tags", headers={"origin": "https://evil.example"}
        )
        assert refused.status_code == 403
    assert any("as Ollama" in line for line in bridge.complaints)
