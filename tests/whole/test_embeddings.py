"""Embeddings by official clients, unmodified, against the real server: online, beside chat, and without a network."""

import asyncio
import json
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import ollama
import openai
import pytest
import pytest_asyncio

from server.standin.script import Script, say
from server.standin.server import Recorded, Standin
from tests.server.embeddings.kit import closeness
from tests.server.embeddings.other_server import other_server
from tests.whole.bridge import ROOT, Bridge, child_environment, open_bridge
from tests.whole.programs import CLIENTS, printed

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]

TEXTS = ["The cat sleeps on the sofa.", "Le chat dort sur le canapé.", "The train was cancelled."]


@pytest_asyncio.fixture(loop_scope="module")
async def client(bridge: Bridge) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=bridge.url, api_key="anything", max_retries=0, timeout=300) as client:
        yield client


def is_meaningful(vectors: list[list[float]]) -> bool:
    """Whether the translation is closer than the stranger."""
    first, second, third = vectors
    return closeness(first, second) > closeness(first, third) + 0.3


async def test_openai_python(client: openai.AsyncOpenAI) -> None:
    # Without encoding_format the library requests base64 and decodes it.
    packed = await client.embeddings.create(model="text-embedding-3-small", input=TEXTS)
    plain = await client.embeddings.create(model="text-embedding-3-small", input=TEXTS, encoding_format="float")
    vectors = [row.embedding for row in packed.data]
    assert vectors == [row.embedding for row in plain.data]
    assert is_meaningful(vectors)
    assert [len(vector) for vector in vectors] == [512] * 3
    assert packed.usage.total_tokens > 10
    assert packed.model == "text-embedding-3-small"
    short = await client.embeddings.create(model="text-embedding-3-large", input=TEXTS[0], dimensions=128)
    assert len(short.data[0].embedding) == 128
    raw = await client.embeddings.with_raw_response.create(model="text-embedding-ada-002", input="hi")
    assert raw.headers["x-drawbridge-model"] == "use-multilingual-v3"
    assert "use-multilingual-v3" in [model.id async for model in client.models.list()]


async def test_openai_python_shows_what_to_do_about_a_refusal(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="check_embedding_ctx_length=False"):
        await client.embeddings.create(model="m", input=[[1, 2, 3]])
    with pytest.raises(openai.BadRequestError, match=r"at most 512.*embeddings_url"):
        await client.embeddings.create(model="m", input="hi", dimensions=1536)
    with pytest.raises(openai.BadRequestError, match=r"input\[1\] must not be blank"):
        await client.embeddings.create(model="m", input=["hi", ""])


async def test_azure(bridge: Bridge) -> None:
    endpoint = bridge.url.removesuffix("/v1")
    async with openai.AsyncAzureOpenAI(
        azure_endpoint=endpoint, api_key="anything", api_version="2024-10-21", max_retries=0, timeout=300
    ) as client:
        found = await client.embeddings.create(model="my-deployment", input=TEXTS)
        assert is_meaningful([row.embedding for row in found.data])
        assert found.model == "my-deployment"
        with pytest.raises(openai.BadRequestError, match="must not be blank"):
            await client.embeddings.create(model="my-deployment", input="")


async def test_ollama_python(bridge: Bridge) -> None:
    async with ollama.AsyncClient(host=bridge.url.removesuffix("/v1"), timeout=300) as client:
        found = await client.embed(model="nomic-embed-text", input=TEXTS)
        assert is_meaningful([list(vector) for vector in found.embeddings])
        assert found.prompt_eval_count
        old = await client.embeddings(model="nomic-embed-text", prompt=TEXTS[0])
        assert closeness(old.embedding, found.embeddings[0]) > 0.9999
        assert len((await client.embed(model="m", input="hi", dimensions=64)).embeddings[0]) == 64
        assert "use-multilingual-v3" in [row.model for row in (await client.list()).models]
        shown = await client.show("use-multilingual-v3")
        info = shown.modelinfo or {}
        assert shown.capabilities == ["embedding"]
        assert info[f"{info['general.architecture']}.embedding_length"] == len(found.embeddings[0])
        with pytest.raises(ollama.ResponseError, match="dimensions must be at most 512") as caught:
            await client.embed(model="m", input="hi", dimensions=1024)
        assert caught.value.status_code == 400


async def test_node(bridge: Bridge, node_clients: Path) -> None:
    program = node_clients / "embeddings.mjs"
    found = json.loads(await printed(bridge, "node", program, bridge.url, json.dumps(TEXTS)))
    first = found["vectors"]["packed"]
    for client, vectors in found["vectors"].items():
        assert is_meaningful(vectors), client
        for one, other in zip(vectors, first, strict=True):
            assert closeness(one, other) > 0.9999, client
    assert found["lengths"] == [64, 64, 512]
    assert len(set(found["tokens"])) == 1
    status, text, ollamas_status, ollamas_text = found["errors"]
    assert (status, ollamas_status) == (400, 400)
    assert "at most 512" in text
    assert "at most 512" in ollamas_text
    assert "use-multilingual-v3" in found["listed"]
    assert found["capabilities"] == ["embedding"]


async def test_langchain(bridge: Bridge, python_clients: Path) -> None:
    program = CLIENTS / "langchain_embeddings.py"
    found = json.loads(await printed(bridge, python_clients / "python", program, bridge.url))
    assert found["closest"] == "Plants on a balcony need water every evening in summer."
    assert found["dimensions"] == 512


async def test_a_chat_is_answered_while_a_large_request_for_embeddings_is_computed(
    bridge: Bridge, standin: Standin, client: openai.AsyncOpenAI
) -> None:
    def answer(_: Recorded) -> Script:
        return say("Hello")

    standin.script(answer)
    await client.embeddings.create(model="m", input="loads the model")
    texts = [f"{TEXTS[number % 3]} {number} " * 60 for number in range(400)]
    large = asyncio.create_task(client.embeddings.create(model="m", input=texts))
    await asyncio.sleep(0.5)
    assert (await bridge.chat("hi")).status_code == 200
    # A small request for embeddings gets its turn, too.
    await client.embeddings.create(model="m", input="small")
    assert not large.done()
    assert len((await large).data) == 400


async def test_no_text_is_in_the_log(bridge: Bridge, client: openai.AsyncOpenAI) -> None:
    await client.embeddings.create(model="m", input="a secret sentence")
    assert "embedded: 1 texts" in bridge.log
    assert "secret" not in bridge.log


async def test_the_settings_name_another_endpoint_with_a_stored_key(folder: Path, standin: Standin) -> None:
    async with other_server() as other:
        config = folder / "home" / ".config" / "drawbridge"
        config.mkdir(parents=True)
        key = config / "embeddings-key"
        key.write_text("sk-other-server\n")
        key.chmod(0o600)
        (config / "settings.toml").write_text(f'embeddings_url = "{other.url}"\n')
        async with open_bridge(standin, folder) as bridge:
            async with openai.AsyncOpenAI(base_url=bridge.url, api_key="ours", max_retries=0) as client:
                found = await client.embeddings.create(model="big", input="hi", encoding_format="float")
            assert found.data[0].embedding == [0.5, 0.5]
            assert b"authorization: Bearer sk-other-server\r\n" in other.heads[0]
            assert b"ours" not in other.heads[0]
            assert "sk-other-server" not in bridge.log


OFFLINE = """
import asyncio, json, sys, urllib.request
from pathlib import Path
from tests.whole.bridge import open_bridge

async def main():
    async with open_bridge(None, Path(sys.argv[1]), "--demo", is_checked=False) as bridge:
        reply = await bridge.client.post("/embeddings", json={"model": "m", "input": json.loads(sys.argv[2])})
        print(reply.text)

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Windows and macOS have no network namespaces")
async def test_without_a_network(folder: Path) -> None:
    unshare, ip = shutil.which("unshare"), shutil.which("ip")
    if unshare is None:
        pytest.skip("there is no unshare on this machine")
    up = f"{ip} link set lo up" if ip else f"{sys.executable} {Path(__file__).with_name('loopback_up.py')}"
    process = await asyncio.create_subprocess_exec(
        *(unshare, "--user", "--map-root-user", "--net", "sh", "-c", f'{up} && exec "$@"', "sh"),
        *(sys.executable, "-c", OFFLINE, str(folder), json.dumps(TEXTS)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env=child_environment(folder),
    )
    out, err = await asyncio.wait_for(process.communicate(), 300)
    if b"unshare failed" in err:
        pytest.skip("this machine allows no network namespaces")
    assert process.returncode == 0, err.decode()
    assert is_meaningful([row["embedding"] for row in json.loads(out)["data"]])
