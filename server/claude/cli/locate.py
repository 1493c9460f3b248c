"""Which Claude Code runs: finding it, its version, and whose account it uses."""

import asyncio
import importlib.util
import json
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from server.claude.cli.versions import newest_of
from server.errors import CliFailed, CliMisnamed, CliMissing
from server.machine.guards import guard_for
from server.status import AccountStatus

ASK_TIMEOUT_S = 15.0
_LONGEST_ANSWER, _LAST_WORDS = 1_000_000, 200
_NAME = "claude.exe" if sys.platform == "win32" else "claude"


def find_cli(wanted: Path | None, environment: Mapping[str, str], *, newest: bool = False) -> Path:
    """The CLI to run: the one named in settings, else the bundled one, else PATH, else where installers put it.

    `newest`: of those that are there, the newest, which asks each for its version and so takes its time at first.
    Raises `CliMissing`; `CliMisnamed` when the named one is not there: a setting is never quietly passed over.
    """
    if wanted is not None:
        path = wanted.expanduser()
        if not path.is_file():
            raise CliMisnamed(
                f"There is no Claude Code at {str(path)!r}, the path named in the settings.",
                hint="Correct --cli-path (CLAUDE_CLI_PATH), or leave it out to let Drawbridge look for it.",
            )
        return _runnable(path.resolve())
    places = (bundled_cli(), _on_path(environment), *_known_places(environment))
    found = [place for place in places if place is not None and place.is_file()]
    if not found:
        raise CliMissing
    return _runnable(newest_of(found, environment) if newest else found[0])


def why_this_cli(path: Path, wanted: Path | None, *, newest: bool) -> str:
    """Why it is `path` that runs, as `find_cli` chose: for a person."""
    carried = bundled_cli()
    if wanted is not None:
        return "named in the settings"
    if path == carried:
        return "carried along by Drawbridge"
    if carried is None:
        return "installed on this computer"
    return "installed on this computer, and newer than the carried one" if newest else "installed on this computer"


def bundled_cli() -> Path | None:
    """The CLI that the SDK's wheel carries; None where this build left it out. Does not import the SDK."""
    spec = importlib.util.find_spec("claude_agent_sdk")
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / "_bundled" / _NAME
    return path if path.is_file() else None


def _on_path(environment: Mapping[str, str]) -> Path | None:
    found = shutil.which(_NAME, path=environment.get("PATH", os.defpath))
    return Path(found) if found else None


def _known_places(environment: Mapping[str, str]) -> tuple[Path, ...]:
    """Where installers put the CLI when PATH does not say: a program started from a desktop has a short PATH."""
    home = Path(environment.get("HOME") or environment.get("USERPROFILE") or Path.home())
    node_versions = sorted((home / ".nvm" / "versions" / "node").glob("*"), reverse=True)
    folders = (
        home / ".local" / "bin",
        home / ".claude" / "local",
        Path("/opt/homebrew/bin"),
        Path("/usr/local/bin"),
        home / ".npm-global" / "bin",
        home / ".volta" / "bin",
        home / ".bun" / "bin",
        *(version / "bin" for version in node_versions),
    )
    return tuple(folder / _NAME for folder in folders)


def _runnable(path: Path) -> Path:
    """`path`, unless Windows would run it through cmd.exe, which re-reads arguments as commands."""
    if path.suffix.lower() in {".cmd", ".bat"}:
        raise CliMisnamed(
            f"{str(path)!r} is a script that Windows runs through cmd.exe, which is not safe for a server.",
            hint="Install the native claude.exe from https://claude.com/claude-code and name it with --cli-path.",
        )
    return path


async def cli_version(path: Path, environment: Mapping[str, str]) -> str:
    """The version, as in "2.1.329". Raises `CliFailed` when it does not run."""
    output = await _ask(path, ["--version"], environment)
    return output.split()[0]


async def account_status(path: Path, environment: Mapping[str, str]) -> AccountStatus:
    """Who is signed in and who pays, from `claude auth status`. Raises `CliFailed` when it does not say."""
    output = await _ask(path, ["auth", "status"], environment)
    try:
        answer = json.loads(output)
    except ValueError as error:
        raise CliFailed("Claude Code did not say who is signed in.") from error
    return account_from_answer(answer)


def account_from_answer(answer: Mapping[str, object]) -> AccountStatus:
    """Reads the JSON of `claude auth status`; the environment's key wins over the plan, and so it is shown."""

    def text(name: str) -> str | None:
        value = answer.get(name)
        return value if isinstance(value, str) and value else None

    signed_in = answer.get("loggedIn") is True
    provider, method, key_source = text("apiProvider"), text("authMethod"), text("apiKeySource")
    plan, email = text("subscriptionType"), text("email")
    if not signed_in:
        payer, detail = "nobody", "not signed in"
    elif provider in {"bedrock", "vertex", "foundry"}:
        payer, detail = provider, f"{provider.capitalize()} pays, by the token"
    elif key_source is not None or method == "api_key":
        payer, detail = "api key", f"the API key in {key_source or 'the settings'} pays, by the token"
    else:
        payer, detail = "plan", f"the Claude {plan.capitalize()} plan pays" if plan else "the Claude plan pays"
    return AccountStatus(
        signed_in=signed_in,
        payer=payer,
        detail=f"{email}: {detail}" if email else detail,
        method=method,
        provider=provider,
        email=email,
        organization=text("orgName"),
        subscription=plan,
    )


async def _ask(path: Path, arguments: list[str], environment: Mapping[str, str]) -> str:
    """Runs the CLI once, bounded, with nothing on stdin, and gives what it prints. Raises `CliFailed`.

    Its exit code is not looked at: signed out is 1, and an answer. A program that cannot be run prints nothing.
    """
    guard = guard_for()
    try:
        transport, answer = await asyncio.get_running_loop().subprocess_exec(
            _Answer,
            *guard.wrap([str(path), *arguments]),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=dict(environment),
            **guard.spawn_options(),
        )
    except OSError as error:
        guard.close()
        raise CliFailed(f"Claude Code at {str(path)!r} cannot be run: {error.strerror or error}.") from error
    guard.adopt(transport.get_pid())
    try:
        async with asyncio.timeout(ASK_TIMEOUT_S):
            await answer.is_whole.wait()
    except TimeoutError as error:
        raise CliFailed(f"Claude Code at {str(path)!r} did not answer within {ASK_TIMEOUT_S:.0f} s.") from error
    finally:
        # Kills it if it still runs; and who holds its pipes open after that is not waited for.
        transport.close()
        await asyncio.shield(answer.has_ended.wait())
        guard.close()
    text = answer.text(1)
    if not text:
        words = (answer.text(2).splitlines() or [""])[-1][:_LAST_WORDS]
        said = f" and said: {words!r}" if words else " and said nothing"
        raise CliFailed(f"Claude Code at {str(path)!r} ended with code {transport.get_returncode()}{said}.")
    return text


class _Answer(asyncio.SubprocessProtocol):
    """All that it prints, in two kinds. `is_whole`: it has ended, and nothing more can come; `has_ended`: the first."""

    def __init__(self) -> None:
        self.has_ended, self.is_whole = asyncio.Event(), asyncio.Event()
        self._said = {1: bytearray(), 2: bytearray()}

    def text(self, kind: int) -> str:
        """What it said, 1 on stdout, 2 on stderr."""
        return self._said[kind].decode(errors="replace").strip()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Bounded: whoever answers at length is no CLI."""
        self._said[fd] += data[: max(0, _LONGEST_ANSWER - len(self._said[fd]))]

    def process_exited(self) -> None:
        """It is over; what it said may still be on its way."""
        self.has_ended.set()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 # the protocol's
        """Both pipes are at their end as well."""
        self.is_whole.set()
