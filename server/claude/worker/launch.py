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
    # A plan would mark the end of the messages with a ttl of an hour, and our mark before it has five minutes: refused.
    "CLAUDE_CODE_MESSAGES_PROMPT_CACHE_TTL": "5m",
    "ENABLE_TOOL_SEARCH": "false",
    "CLAUDE_CODE_ENTRYPOINT": "sdk-py",
}
# Without the JIT compiler of Claude Code's runtime a process keeps a third less memory and takes more CPU time.
SMALL: Mapping[str, str] = MappingProxyType({"BUN_JSC_useJIT": "0"})
# The client's tools keep their names. Otherwise only aliases could, and those cannot change.
KEEPS_TOOL_NAMES: Mapping[str, str] = MappingProxyType({"CLAUDE_AGENT_SDK_MCP_NO_PREFIX": "1"})


def launch_for(cli: Path, environment: Mapping[str, str], *, is_private: bool = True, is_live: bool = False) -> Launch:
    """The launch of a chat worker. `is_private`: with a config folder of its own, which must still have the sign-in."""
    # Claude Code would name the user's login shell to the model.
    environment = {name: value for name, value in environment.items() if name != "SHELL"}
    fixed = _FIXED | (dict(KEEPS_TOOL_NAMES) if is_live else {})
    if not is_private:
        child = {**environment, **fixed}
        return Launch(str(cli), tuple(sorted(child.items())), is_private=False, is_live=is_live)
    home = environment.get("HOME") or environment.get("USERPROFILE") or str(Path.home())
    # Without this variable a private config folder loses the sign-in.
    sign_in = environment.get("CLAUDE_SECURESTORAGE_CONFIG_DIR") or environment.get("CLAUDE_CONFIG_DIR")
    child = {
        **environment,
        **fixed,
        "CLAUDE_SECURESTORAGE_CONFIG_DIR": sign_in or str(Path(home) / ".claude"),
    }
    return Launch(str(cli), tuple(sorted(child.items())), is_live=is_live)


def command_line(launch: Launch, plugin: Path | None = None) -> list[str]:
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
        # No skills: a client's text is no command, and a new system prompt takes less time without them.
        "--disable-slash-commands",
        "--no-session-persistence",
        *(("--plugin-dir", str(plugin)) if plugin else ()),
        *("--input-format", "stream-json"),
    ]
