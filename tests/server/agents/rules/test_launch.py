"""The launch line and the settings of each level."""

import json
from pathlib import Path

import pytest

from server.agents.rules.launch import SECRET_VARIABLES, Resumption, Sandbox, agent_launch
from server.projects.project import PERMISSIONS, Permission, Project

CLI = Path("/bin/claude")


def project(permission: Permission = "read-only", **more: object) -> Project:
    return Project("p1", "demo", Path("/work/demo"), permission, **more)  # type: ignore[arg-type] # its own fields


def value_of(arguments: tuple[str, ...], flag: str) -> str:
    return arguments[arguments.index(flag) + 1]


@pytest.mark.parametrize("permission", PERMISSIONS)
@pytest.mark.parametrize("sandbox", [None, Sandbox(("/home",))])
def test_both_walls_stand_and_no_settings_are_read(permission: Permission, sandbox: Sandbox | None) -> None:
    launch = agent_launch(CLI, {"HOME": "/home/me"}, project(permission), sandbox=sandbox)
    arguments = launch.arguments
    settings = json.loads(value_of(arguments, "--settings"))
    assert settings["permissions"]["blockReadsOutsideWorkingDirectories"] is True
    assert settings["permissions"]["blockWritesOutsideWorkingDirectories"] is True
    assert settings["permissions"]["allow"] == []
    assert "--setting-sources=" in arguments
    assert "--strict-mcp-config" in arguments
    assert "default" not in value_of(arguments, "--tools").split(",")
    assert value_of(arguments, "--permission-mode") == {"read-only": "dontAsk"}.get(permission, "acceptEdits")
    assert value_of(arguments, "--permission-prompt-tool") == "stdio"
    assert not any("bypass" in one or "dangerously" in one for one in arguments)
    assert dict(launch.environment)["CLAUDE_CODE_DISABLE_BACKGROUND_TASKS"] == "1"
    assert (launch.folder, launch.config) == ("/work/demo", "")
    assert ("sandbox" in settings) == (permission == "full" and sandbox is not None)
    assert "--no-session-persistence" in arguments


def test_a_sandbox_hides_folders_credentials_and_the_network() -> None:
    launch = agent_launch(CLI, {}, project("full"), sandbox=Sandbox(("/home", "/root")))
    walls = json.loads(value_of(launch.arguments, "--settings"))["sandbox"]
    assert walls["enabled"] is walls["failIfUnavailable"] is True
    assert walls["allowUnsandboxedCommands"] is False
    assert walls["filesystem"] == {"denyRead": ["/home", "/root"], "allowRead": ["/work/demo"]}
    assert walls["network"] == {"allowedDomains": [], "strictAllowlist": True}
    assert [one["name"] for one in walls["credentials"]["envVars"]] == list(SECRET_VARIABLES)
    # It would switch the mode and the sandbox's own permission off.
    assert "CLAUDE_CODE_SUBPROCESS_ENV_SCRUB" not in dict(launch.environment)


def test_the_tools_are_those_of_the_project() -> None:
    def tools(**more: object) -> str:
        return value_of(agent_launch(CLI, {}, project(**more)).arguments, "--tools")  # type: ignore[arg-type]

    assert tools() == "Read,Glob,Grep"
    assert tools(permission="full", allowed_tools=("Read", "Bash")) == "Read,Bash"
    assert tools(web=True) == "Read,Glob,Grep,WebFetch,WebSearch"


def test_claude_md_counts_only_if_the_project_says_so() -> None:
    launch = agent_launch(CLI, {}, project(reads_claude_md=True))
    assert value_of(launch.arguments, "--add-dir") == "/work/demo"
    assert dict(launch.environment)["CLAUDE_CODE_ADDITIONAL_DIRECTORIES_CLAUDE_MD"] == "1"
    assert "--add-dir" not in agent_launch(CLI, {}, project()).arguments


def test_a_kept_conversation_is_begun_and_resumed() -> None:
    begun = agent_launch(CLI, {}, project(), resumption=Resumption("an-id", Path("/data/c")))
    assert value_of(begun.arguments, "--session-id") == "an-id"
    assert begun.config == "/data/c"
    resumed = agent_launch(CLI, {}, project(), resumption=Resumption("an-id", Path("/data/c"), is_known=True))
    assert value_of(resumed.arguments, "--resume") == "an-id"
    assert value_of(resumed.arguments, "--system-prompt-snapshot") == "off"
    assert "--no-session-persistence" not in resumed.arguments
