"""The real Claude Code with a scripted account: `auth` commands are answered by a script."""

import json
import time
from pathlib import Path

from server.claude.cli.locate import bundled_cli

# The answers of the real one, as tests/server/claude/cli/test_locate.py reads them; an exported key takes precedence.
ANSWERS: dict[str, dict[str, object]] = {
    "signed out": {"loggedIn": False, "authMethod": "none", "apiProvider": "firstParty"},
    "plan": {
        "loggedIn": True,
        "authMethod": "claude.ai",
        "apiProvider": "firstParty",
        "email": "ada@example.org",
        "orgName": "Ada",
        "subscriptionType": "max",
    },
    "console": {
        "loggedIn": True,
        "authMethod": "api_key",
        "apiProvider": "firstParty",
        "apiKeySource": "/login managed key",
    },
    "bedrock": {"loggedIn": True, "authMethod": "third_party", "apiProvider": "bedrock"},
    "exported": {
        "loggedIn": True,
        "authMethod": "api_key",
        "apiProvider": "firstParty",
        "apiKeySource": "ANTHROPIC_API_KEY",
    },
}
# Each worker writes its environment to a file named by its process id.
_PROGRAM = """#!/bin/sh
case "$*" in
    "auth status")
        if [ -n "$ANTHROPIC_API_KEY" ]; then cat {folder}/exported.json; exit 0; fi
        cat {folder}/now.json
        ! grep -q '"loggedIn": false' {folder}/now.json ;;
    "auth login --claudeai") cp {folder}/plan.json {folder}/new.json && mv {folder}/new.json {folder}/now.json ;;
    "auth login --console") cp {folder}/console.json {folder}/new.json && mv {folder}/new.json {folder}/now.json ;;
    *--output-format*) env > {folder}/$$.new && mv {folder}/$$.new {folder}/$$.environment; exec {real} "$@" ;;
    *) exec {real} "$@" ;;
esac
"""


class Account:
    """The program `cli`, in its own folder; `be` changes its account."""

    def __init__(self, folder: Path, state: str) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self.cli = folder / "claude"
        for name, answer in ANSWERS.items():
            (folder / f"{name}.json").write_text(json.dumps(answer))
        self.cli.write_text(_PROGRAM.format(folder=folder, real=bundled_cli()))
        self.cli.chmod(0o755)
        self.be(state)

    def be(self, state: str) -> None:
        """Changes what it reports about the account."""
        new = self._folder / "new.json"
        new.write_text(json.dumps(ANSWERS[state]))
        new.replace(self._folder / "now.json")

    def variables(self, pid: int) -> dict[str, str]:
        """Returns the environment of the worker with that process id; empty until it has been written."""
        file = self._folder / f"{pid}.environment"
        lines = file.read_text().splitlines() if file.exists() else []
        return dict(line.split("=", 1) for line in lines if "=" in line)


def sign_in(home: Path) -> None:
    """Writes a made-up sign-in with a plan, in the real one's format."""
    token: dict[str, object] = {"accessToken": "dummy", "refreshToken": "dummy", "subscriptionType": "max"}
    token |= {"expiresAt": int(time.time() * 1000) + 86_400_000, "scopes": ["user:inference", "user:profile"]}
    (home / ".claude").mkdir(parents=True)
    (home / ".claude" / ".credentials.json").write_text(json.dumps({"claudeAiOauth": token}))
