"""Command line and environment of a Claude Code process. They switch off everything that it would do by itself."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from server.claude.protocol.frames import SERVER
from server.conversation.request import Launch

# Measured with the bundled CLI; the tests assert on the requests that arrive upstream.
_FIXED = {
    # No update checks, no telemetry: only requests for an answer.
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_AUTOUPDATER": "1",
    # Claude Code would replace a long conversation by a summary.
    "DISABLE_AUTO_COMPACT": "1",
    # Drawbridge retries before the first token; Claude Code's retries stream the same text twice.
    "CLAUDE_CODE_MAX_RETRIES": "0",
    # Claude Code would repeat a broken stream as one complete answer, although half of it was already passed on.
    "CLAUDE_CODE_DISABLE_NONSTREAMING_FALLBACK": "1",
    # Claude Code would append a token count to the user's text and to tool results, for models before 4.8.
    "CLAUDE_CODE_TOTAL_TOKENS_REMINDER": "off",
    "CLAUDE_CODE_TOTAL_TOKENS_REMINDER_AFTER_USER_TURN": "0",
    "ENABLE_TOOL_SEARCH": "false",
    "CLAUDE_CODE_ENTRYPOINT": "sdk-py",
}
# Without the JIT compiler of Claude Code's runtime a process keeps about half of the memory and takes more CPU time.
SMALL: Mapping[str, str] = MappingProxyType({"BUN_JSC_useJIT": "0"})


def launch_for(cli: Path, environment: Mapping[str, str], *, is_private: bool = True) -> Launch:
    """The launch of a chat worker. `is_private`: with a config folder of its own, which must still have the sign-in."""
    # Claude Code would name the user's login shell to the model.
    environment = {name: value for name, value in environment.items() if name != "SHELL"}
    if not is_private:
        return Launch(cli=str(cli), environment=tuple(sorted({**environment, **_FIXED}.items())), is_private=False)
    home = environment.get("HOME") or environment.get("USERPROFILE") or str(Path.home())
    # Without this variable a private config folder loses the sign-in.
    sign_in = environment.get("CLAUDE_SECURESTORAGE_CONFIG_DIR") or environment.get("CLAUDE_CONFIG_DIR")
    child = {
        **environment,
        **_FIXED,
        "CLAUDE_SECURESTORAGE_CONFIG_DIR": sign_in or str(Path(home) / ".claude"),
    }
    return Launch(cli=str(cli), environment=tuple(sorted(child.items())))


def command_line(launch: Launch) -> list[str]:
    """The arguments of a chat worker, without the SDK, which is still being imported. A test compares the two."""
    return [
        launch.cli,
        *("--output-format", "stream-json"),
        "--verbose",
        *("--system-prompt", ""),
        *("--tools", ""),
        *("--allowedTools", f"mcp__{SERVER}"),
        *("--permission-mode", "dontAsk"),
        "--include-partial-messages",
        "--strict-mcp-config",
        "--setting-sources=",
        "--no-session-persistence",
        *("--input-format", "stream-json"),
    ]
