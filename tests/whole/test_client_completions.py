"""The official Python client's completions, and its client for Azure, with the real Claude Code."""

import openai
import pytest

from server.standin.script import Script, say
from server.standin.server import Recorded, Standin
from tests.whole.bridge import Bridge, conversation_of

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]


def echoing(recorded: Recorded) -> Script:
    return say("to ", conversation_of(recorded.body)[-1][1])


async def test_completions(bridge: Bridge, standin: Standin) -> None:
    standin.script(echoing)
    async with openai.AsyncOpenAI(base_url=bridge.url, api_key="anything", max_retries=0) as client:
        whole = await client.completions.create(model="sonnet", prompt=["one", "two"], max_tokens=9, stop=["END"])
        assert [(choice.index, choice.text) for choice in whole.choices] == [(0, "to one"), (1, "to two")]
        assert whole.usage
        streamed = await client.completions.create(model="sonnet", prompt="three", stream=True, echo=True)
        chunks = [chunk async for chunk in streamed]
        assert "".join(chunk.choices[0].text for chunk in chunks) == "threeto three"
        assert chunks[-1].choices[0].finish_reason == "stop"
        with pytest.raises(openai.BadRequestError, match="token"):
            await client.completions.create(model="sonnet", prompt=[1, 2, 3])
        filled = await client.completions.create(model="sonnet", prompt="a", suffix="c")
        assert filled.choices[0].text == "to a<gap/>c"
    assert sorted(conversation_of(request.body)[-1][1] for request in standin.requests) == [
        *("a<gap/>c", "one", "three", "two")
    ]
    for request in standin.requests:
        if conversation_of(request.body)[-1][1] in {"one", "two"}:
            assert (request.body["max_tokens"], request.body["stop_sequences"]) == (9, ["END"])


async def test_azures_client(bridge: Bridge, standin: Standin) -> None:
    standin.script(echoing)
    base = bridge.url.removesuffix("/v1")
    messages = [{"role": "user", "content": "hi"}]
    async with openai.AsyncAzureOpenAI(
        azure_endpoint=base, api_version="2024-10-21", api_key="anything", max_retries=0
    ) as client:
        chat = await client.chat.completions.create(model="haiku", messages=messages)  # type: ignore[arg-type]
        assert (chat.choices[0].message.content, chat.model) == ("to hi", "haiku")
        completion = await client.completions.create(model="haiku", prompt="hi")
        assert completion.choices[0].text == "to hi"
        response = await client.responses.create(model="haiku", input="hi")
        assert response.output_text == "to hi"
        assert "sonnet" in [model.id async for model in client.models.list()]
        with pytest.raises(openai.NotFoundError, match="images"):
            await client.images.generate(model="dall-e-3", prompt="a cat")
    async with openai.AsyncOpenAI(base_url=f"{base}/openai/v1/", api_key="anything", max_retries=0) as client:
        v1 = await client.chat.completions.create(
            model="haiku",
            messages=messages,  # type: ignore[arg-type]
            extra_query={"api-version": "preview"},
        )
        assert v1.choices[0].message.content == "to hi"
        with pytest.raises(openai.NotFoundError, match="speech"):
            await client.audio.transcriptions.create(model="whisper-1", file=("a.wav", b"RIFF"))
    assert all("haiku" in str(request.body["model"]) for request in standin.requests)


async def test_lm_studios_first_api(bridge: Bridge, standin: Standin) -> None:
    standin.script(echoing)
    base_url = bridge.url.removesuffix("/v1") + "/api/v0"
    async with openai.AsyncOpenAI(base_url=base_url, api_key="anything", max_retries=0) as client:
        whole = await client.chat.completions.create(model="sonnet", messages=[{"role": "user", "content": "one"}])
        streamed = await client.completions.create(model="sonnet", prompt="two", stream=True)
        chunks = [chunk async for chunk in streamed]
    assert (whole.choices[0].message.content, "".join(chunk.choices[0].text for chunk in chunks)) == (
        "to one",
        "to two",
    )
    for reply in (whole, chunks[-1]):
        more = reply.model_extra or {}
        assert more["stats"]["stop_reason"] == "eosFound"
        assert more["stats"]["time_to_first_token"] > 0
        # Five tokens, as the stand-in counts them.
        tokens = more["stats"]["tokens_per_second"] * more["stats"]["generation_time"]
        assert tokens == pytest.approx(5, rel=0.01)
        assert more["model_info"]["context_length"] >= 200_000
