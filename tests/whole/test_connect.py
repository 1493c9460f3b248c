"""What `drawbridge connect` prints, pasted into the clients and run, with and without a required key."""

import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from server.claude.cli.locate import bundled_cli
from server.connect.clients import CLIENTS, ClientName
from server.connect.instructions import Instructions, Setup, instructions_for
from server.standin.script import say
from server.standin.server import Standin
from tests.server.connect.test_instructions import ODD_KEY
from tests.whole.bridge import Bridge, open_bridge
from tests.whole.programs import printed

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]

QUIET = {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1"}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def locked(upstream: Standin, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bridge]:
    """A server that requires a key."""
    settings = {"DRAWBRIDGE_API_KEY": ODD_KEY, "DRAWBRIDGE_WITHOUT_BREAKER": "yes", "DRAWBRIDGE_RETRIES": "0"}
    async with open_bridge(upstream, tmp_path_factory.mktemp("locked"), environment=settings) as bridge:
        yield bridge


@pytest.fixture(params=["open", "locked"])
def server(request: pytest.FixtureRequest, bridge: Bridge, locked: Bridge, standin: Standin) -> Bridge:
    standin.script(lambda _: say("Hel", "lo", "!"))
    return bridge if request.param == "open" else locked


def instructions(server: Bridge, client: ClientName) -> Instructions:
    key = server.environment.get("DRAWBRIDGE_API_KEY")
    return instructions_for(client, Setup(server.url, "sonnet", requires_key=key is not None, key=key))


def in_language(server: Bridge, client: ClientName, language: str) -> list[str]:
    return [snippet.text for snippet in instructions(server, client).snippets if snippet.language == language]


async def shell(server: Bridge, script: str, *, folder: Path | None = None, **more: str) -> str:
    return await printed(server, "sh", "-c", script, folder=folder, **more)


@pytest.mark.parametrize("client", ["openai-python", "anthropic-python", "ollama"])
async def test_python_libraries(server: Bridge, standin: Standin, client: ClientName) -> None:
    programs = in_language(server, client, "python")
    for program in programs:
        assert await printed(server, sys.executable, "-c", program) == "Hello!"
    assert len(standin.requests) == len(programs)


async def test_curl(server: Bridge) -> None:
    *questions, models = in_language(server, "curl", "sh")
    for question in questions:
        reply = await shell(server, question)
        assert "Hello!" in json.dumps(json.loads(reply)), reply
    assert "sonnet" in {row["id"] for row in json.loads(await shell(server, models))["data"]}


async def test_claude_code(server: Bridge, folder: Path) -> None:
    (folder / "bin").mkdir()
    (folder / "bin" / "claude").symlink_to(bundled_cli() or "missing")
    path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    variables, command = (snippet.text for snippet in instructions(server, "claude-code").snippets)
    script = f"{variables}{command.strip()} -p hi"
    assert await shell(server, script, folder=folder, PATH=path, HOME=str(folder), **QUIET) == "Hello!"


async def test_codex(server: Bridge, agents: Path, folder: Path) -> None:
    (folder / "config.toml").write_text(instructions(server, "codex").snippets[0].text)
    command = [str(agents / "codex"), "exec", "--skip-git-repo-check", "--sandbox", "danger-full-access", "Hi"]
    assert "Hello!" in await printed(server, *command, folder=folder, CODEX_HOME=str(folder))


async def test_opencode(server: Bridge, agents: Path, folder: Path) -> None:
    (folder / "opencode.json").write_text(instructions(server, "opencode").snippets[0].text)
    quiet = {f"OPENCODE_DISABLE_{what}": "1" for what in ("MODELS_FETCH", "AUTOUPDATE", "LSP_DOWNLOAD")}
    told = await printed(server, agents / "opencode", "run", "Hi", folder=folder, HOME=str(folder), **quiet)
    assert "Hello!" in told


async def test_continue(server: Bridge, agents: Path, folder: Path) -> None:
    (folder / "config.yaml").write_text(instructions(server, "continue").snippets[0].text)
    command = [str(agents / "cn"), "--config", str(folder / "config.yaml"), "--print", "Hi"]
    settings = {"HOME": str(folder), "CONTINUE_TELEMETRY_ENABLED": "0"}
    assert "Hello!" in await printed(server, *command, folder=folder, **settings)


async def test_aider(server: Bridge, aider: Path, folder: Path) -> None:
    path = f"{aider.parent}{os.pathsep}{os.environ['PATH']}"
    variables, command = (snippet.text for snippet in instructions(server, "aider").snippets)
    quiet = "--analytics-disable --no-check-update --no-show-release-notes --no-git --yes-always --no-pretty"
    script = f"{variables}{command.strip()} {quiet} --message Hi"
    assert "Hello!" in await shell(server, script, folder=folder, PATH=path)


async def test_litellm(server: Bridge, aider: Path, folder: Path) -> None:
    """Aider's environment has it."""
    (program,) = in_language(server, "litellm", "python")
    command = [str(aider.with_name("python")), "-W", "ignore", "-c", program]
    assert await printed(server, *command, folder=folder, LITELLM_LOCAL_MODEL_COST_MAP="True") == "Hello!"


async def test_langchain(server: Bridge, python_clients: Path) -> None:
    chat, _, embeddings = in_language(server, "langchain", "python")
    assert await printed(server, python_clients / "python", "-c", chat) == "Hello!"
    assert await printed(server, python_clients / "python", "-c", embeddings) == "512"


async def test_llm(server: Bridge, python_clients: Path, folder: Path) -> None:
    found = instructions(server, "llm")
    (folder / "extra-openai-models.yaml").write_text(found.snippets[0].text)
    home = {"LLM_USER_PATH": str(folder), "PATH": f"{python_clients}{os.pathsep}{os.environ['PATH']}"}
    if "llm keys set" in found.text:
        key = found.snippets[1].text.strip()
        await printed(
            server, python_clients / "llm", "keys", "set", "drawbridge", "--value", key, folder=folder, **home
        )
    assert await shell(server, found.snippets[-1].text, folder=folder, **home) == "Hello!"


@pytest.mark.parametrize("client", ["openai-node", "ai-sdk"])
async def test_node_libraries(server: Bridge, node_clients: Path, client: ClientName) -> None:
    for number, program in enumerate(in_language(server, client, "js")):
        file = node_clients / f"connect-{client}-{number}.mjs"
        file.write_text(program)
        assert await printed(server, "node", file) == "Hello!"


async def test_every_program_for_node_is_one(server: Bridge, node_clients: Path, folder: Path) -> None:
    programs = [program for client in CLIENTS for program in in_language(server, client, "js")]
    for number, program in enumerate(programs):
        file = folder / f"{number}.mjs"
        file.write_text(program)
        await printed(server, "node", "--check", file)
    assert programs


async def test_every_yaml_file_is_one(server: Bridge, python_clients: Path) -> None:
    files = [text for client in CLIENTS for text in in_language(server, client, "yaml")]
    for text in files:
        read = "import json, os, yaml; print(json.dumps(yaml.safe_load(os.environ['TEXT'])))"
        found = await printed(server, python_clients / "python", "-c", read, TEXT=text)
        assert server.url in found
        if key := server.environment.get("DRAWBRIDGE_API_KEY"):
            assert json.dumps(key) in found or "api_key_name" in found
