"""How a Claude Code process is spawned: command line and environment, with all it would do by itself switched off."""

from collections.abc import Mapping
from pathlib import Path

from server.claude.protocol.frames import SERVER
from server.conversation.request import Launch

# Each line is a trap, measured with the CLI that we carry; the tests assert on the requests that arrive upstream.
_FIXED = {
    # No update checks, no telemetry, no calls but those for an answer.
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_AUTOUPDATER": "1",
    # It would replace a long conversation by a summary of its own.
    "DISABLE_AUTO_COMPACT": "1",
    # We retry, before the first token; its retries stream the same text twice.
    "CLAUDE_CODE_MAX_RETRIES": "0",
    # It would repeat a broken stream as one whole answer, after half of it has been passed on.
    "CLAUDE_CODE_DISABLE_NONSTREAMING_FALLBACK": "1",
    # It would write a count of tokens behind the client's words and its tools' results, for models before 4.8.
    "CLAUDE_CODE_TOTAL_TOKENS_REMINDER": "off",
    "CLAUDE_CODE_TOTAL_TOKENS_REMINDER_AFTER_USER_TURN": "0",
    "ENABLE_TOOL_SEARCH": "false",
    "CLAUDE_CODE_ENTRYPOINT": "sdk-py",
}


def launch_for(cli: Path, environment: Mapping[str, str], *, is_private: bool = True) -> Launch:
    """The launch of a chat worker. `environment` is the user's, already cleaned of what is ours.

    `is_private`: with a config folder of its own, in which Claude Code must find the sign-in all the same.
    """
    if not is_private:
        return Launch(cli=str(cli), environment=tuple(sorted({**environment, **_FIXED}.items())), is_private=False)
    home = environment.get("HOME") or environment.get("USERPROFILE") or str(Path.home())
    # A private config folder alone would lose the sign-in.
    sign_in = environment.get("CLAUDE_SECURESTORAGE_CONFIG_DIR") or environment.get("CLAUDE_CONFIG_DIR")
    child = {
        **environment,
        **_FIXED,
        "CLAUDE_SECURESTORAGE_CONFIG_DIR": sign_in or str(Path(home) / ".claude"),
    }
    return Launch(cli=str(cli), environment=tuple(sorted(child.items())))


def command_line(launch: Launch) -> list[str]:
    """The arguments of a chat worker: tools of the client's alone, no settings of the user's, no transcript.

    Written out here and not taken from the SDK, so that the first process can be spawned before the SDK is imported;
    a contract test compares it with what the SDK would write.
    """
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
