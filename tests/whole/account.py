"""A Claude Code with a scripted account: the real one, but for what it says and does about signing in."""

import json
import time
from pathlib import Path

from server.claude.cli.locate import bundled_cli

# What the real one says of each, as test_locate.py asks it; an exported key comes first, as there.
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
# Each process that answers notes its variables, by its number.
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
    """The program `cli`, in a folder of its own, whose account is what `be` says."""

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
        """From now on it says this of the account."""
        new = self._folder / "new.json"
        new.write_text(json.dumps(ANSWERS[state]))
        new.replace(self._folder / "now.json")

    def variables(self, pid: int) -> dict[str, str]:
        """The environment that the process of that number was started with; empty while it has not noted it."""
        file = self._folder / f"{pid}.environment"
        lines = file.read_text().splitlines() if file.exists() else []
        return dict(line.split("=", 1) for line in lines if "=" in line)


def sign_in(home: Path) -> None:
    """A plan's sign-in of nobody's, as the real one keeps it."""
    token: dict[str, object] = {"accessToken": "dummy", "refreshToken": "dummy", "subscriptionType": "max"}
    token |= {"expiresAt": int(time.time() * 1000) + 86_400_000, "scopes": ["user:inference", "user:profile"]}
    (home / ".claude").mkdir(parents=True)
    (home / ".claude" / ".credentials.json").write_text(json.dumps({"claudeAiOauth": token}))
