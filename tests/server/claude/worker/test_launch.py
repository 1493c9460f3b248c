"""The command line equals the SDK's for these options, so that a changed SDK or flag is noticed."""

from pathlib import Path

from claude_agent_sdk import ClaudeAgentOptions
from claude_agent_sdk._internal.transport.subprocess_cli import SubprocessCLITransport

from server.claude.worker.launch import command_line, launch_for


def test_the_command_line_is_the_one_that_the_sdk_writes() -> None:
    options = ClaudeAgentOptions(
        cli_path="/opt/claude",
        tools=[],
        allowed_tools=["mcp__client"],
        setting_sources=[],
        strict_mcp_config=True,
        include_partial_messages=True,
        permission_mode="dontAsk",
        extra_args={"disable-slash-commands": None, "no-session-persistence": None},
    )
    theirs = SubprocessCLITransport(prompt="", options=options)
    assert command_line(launch_for(Path("/opt/claude"), {})) == theirs._build_command()


def test_everything_that_claude_code_does_by_itself_is_off() -> None:
    child = dict(launch_for(Path("/opt/claude"), {"HOME": "/home/me", "HTTPS_PROXY": "http://p"}).environment)
    assert child["HTTPS_PROXY"] == "http://p"
    assert child["CLAUDE_SECURESTORAGE_CONFIG_DIR"] == str(Path("/home/me/.claude"))
    for name in (
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
        "DISABLE_AUTOUPDATER",
        "DISABLE_AUTO_COMPACT",
        "CLAUDE_CODE_DISABLE_NONSTREAMING_FALLBACK",
    ):
        assert child[name] == "1"
    assert child["CLAUDE_CODE_MAX_RETRIES"] == "0"


def test_the_login_shell_is_not_passed_on() -> None:
    for is_private in (True, False):
        launch = launch_for(Path("/opt/claude"), {"SHELL": "/home/me/bin/nu", "PATH": "/bin"}, is_private=is_private)
        assert dict(launch.environment)["PATH"] == "/bin"
        assert "SHELL" not in dict(launch.environment)


def test_the_sign_in_of_the_users_config_folder_is_kept() -> None:
    child = dict(launch_for(Path("/opt/claude"), {"HOME": "/home/me", "CLAUDE_CONFIG_DIR": "/elsewhere"}).environment)
    assert child["CLAUDE_SECURESTORAGE_CONFIG_DIR"] == "/elsewhere"


def test_a_launch_that_is_not_private_uses_the_users_config_folder() -> None:
    launch = launch_for(Path("/opt/claude"), {"HOME": "/home/me", "CLAUDE_CONFIG_DIR": "/elsewhere"}, is_private=False)
    child = dict(launch.environment)
    assert not launch.is_private
    assert child["CLAUDE_CONFIG_DIR"] == "/elsewhere"
    assert "CLAUDE_SECURESTORAGE_CONFIG_DIR" not in child
    assert child["DISABLE_AUTO_COMPACT"] == "1"
